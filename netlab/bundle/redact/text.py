# SPDX-License-Identifier: Apache-2.0
"""A text, or JSON, in which everything that tells who and where somebody is has been replaced."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from netlab.bundle.redact import patterns
from netlab.bundle.redact.aliases import Aliases
from netlab.bundle.redact.identities import Identities
from netlab.bundle.redact.vocabulary import is_ordinary

Network = ipaddress.IPv4Network
_SUBSTRING = 5  # characters from which a name is also found inside a longer word
_KEPT_GROUPS = frozenset({"all", "ungrouped", "duts", "peers", "local_boards", "emulated_boards"})
# Dotted numbers that are no addresses.
_VERSIONS = frozenset(
    {"versions", "version", "driver_version", "firmware", "release", "microcode", "packages", "netlab"}
)
_RENUMBERED = ipaddress.IPv4Network("198.18.0.0/15")  # for benchmarks, RFC 2544


class Redactor:
    """`keep_names`: only secrets are withheld. `measured`: networks whose addresses say nothing of the lab's own.

    `words`: what the run's plan calls its parts.
    """

    def __init__(
        self,
        identities: Identities,
        *,
        keep_names: bool = False,
        measured: Iterable[Network] = (),
        words: Iterable[str] = (),
    ) -> None:
        self.keep_names = keep_names
        self.identities = identities
        self.aliases = Aliases(self._names_of(identities))
        self._secrets = _any_of(identities.secrets)
        self._paths = _any_of(path for path in identities.paths if len(path) > 2)
        self._kinds: dict[str, tuple[str, str]] = {}  # a name in lower case: kind, and the name itself
        self._hidden: list[str] = []
        if not keep_names:
            self._learn(identities, list(words))
        self._name = self._names_pattern()
        self._networks = self._renumber(measured)

    # -- what stands for a name where it is known to be one -------------------------------------------------

    def board(self, name: str) -> str:
        """A board's alias, as a token."""
        if self.keep_names or name == "localhost":
            return name
        kind, original = self._kinds.get(name.lower(), ("host", name))
        return self.aliases.token(kind, original)

    def guest(self, name: str) -> str:
        """A guest's alias; guests that netlab has named keep that name."""
        if self.keep_names or _is_made(name):
            return name
        return self.aliases.token("guest", name)

    def group(self, name: str) -> str:
        """A group's alias; those that netlab knows keep their name."""
        return name if self.keep_names or name in _KEPT_GROUPS else self.aliases.token("group", name)

    def mac(self, text: str) -> str:
        """A MAC address's alias."""
        return text if self.keep_names else self._mac(text)

    # -- everything else ------------------------------------------------------------------------------------

    def learn_paths(self, value: Any) -> None:
        """Paths with blanks in them are found as such only where they stand alone: look there first."""
        found: set[str] = set(self.identities.paths)
        waiting = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, Mapping):
                waiting += item.values()
            elif isinstance(item, list | tuple):
                waiting += item
            elif isinstance(item, str) and _is_one_path(item):
                found.add(item)
        self._paths = _any_of(path for path in found if len(path) > 2 and not patterns.is_common_path(path))

    def finish(self, value: Any) -> Any:
        """The tokens of a JSON value made into aliases."""
        if isinstance(value, str):
            return self.aliases.expand(value)
        if isinstance(value, Mapping):
            return {self.aliases.expand(str(key)): self.finish(item) for key, item in value.items()}
        return [self.finish(item) for item in value] if isinstance(value, list | tuple) else value

    def value(self, value: Any, *, versions: bool = False) -> Any:
        """JSON with each of its texts replaced; tokens stand in it until `finish`."""
        if isinstance(value, str):
            return self.text(value, versions=versions)
        if isinstance(value, Mapping):
            return {
                self.text(str(key)): (
                    self._withhold(item) if patterns.is_secret_key(str(key)) else
                    self.value(item, versions=versions or str(key) in _VERSIONS)
                )
                for key, item in value.items()
            }  # fmt: skip
        if isinstance(value, list | tuple):
            return self._list(value, versions)
        return value

    def _list(self, items: Sequence[Any], versions: bool) -> list[Any]:
        """A command's words: what follows --password is one."""
        made = []
        before: Any = None
        for item in items:
            hidden = isinstance(before, str) and (
                patterns.SECRET_OPTION.fullmatch(before) or (before == "-p" and "sshpass" in items)
            )
            made.append(self._withhold(item) if hidden else self.value(item, versions=versions))
            before = item
        return made

    def _withhold(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(key): self._withhold(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._withhold(item) for item in value]
        if value is None or isinstance(value, bool) or value == "":
            return value
        return self.aliases.token("secret", "")

    def text(self, text: str, *, versions: bool = False) -> str:
        """One text; `versions`: dotted numbers in it are no addresses."""
        if not text or (text.isalpha() and len(text) < 3):
            return text
        made = _printable(text)
        if self._secrets is not None:
            made = self._secrets.sub(lambda _: self.aliases.token("secret", ""), made)
        for pattern, kind, group in patterns.SECRETS:
            made = pattern.sub(self._hiding(kind, group), made)
        if self.keep_names:
            return made
        if "://" in made:
            made = patterns.URL.sub(lambda found: self.aliases.token("url", found[0]), made)
        if "@" in made:
            made = patterns.AT.sub(self._at, made)
        if "/" in made or "~" in made:
            made = self._without_paths(made)
        made = patterns.SSH_HOST.sub(self._group_one(self._host), made)
        made = patterns.SSH_USER.sub(self._group_one(self._user), made)
        if ":" in made or "-" in made:
            made = patterns.MAC.sub(lambda found: self._mac(found[0]), made)
            made = patterns.UUID.sub(lambda found: self.aliases.token("machine-id", found[0].lower()), made)
            made = patterns.IPV6.sub(self._ipv6, made)
        made = patterns.NIC_WITH_MAC.sub(self._nic, made)
        if not versions or any(address in made for address in self.identities.addresses):
            made = patterns.IPV4.sub(self._ipv4, made)
        if self._name is not None:
            made = self._name.sub(lambda found: self._named(found[0]), made)
        return made

    # -- the rules ------------------------------------------------------------------------------------------

    def _hiding(self, kind: str, group: int) -> Callable[[re.Match[str]], str]:
        def hide(found: re.Match[str]) -> str:
            secret = found[group]
            if "\ue000" in secret or secret.startswith("("):  # withheld already
                return found[0]
            start, end = found.start(group) - found.start(), found.end(group) - found.start()
            return found[0][:start] + self.aliases.token(kind, "") + found[0][end:]

        return hide

    def _group_one(self, alias: Callable[[str], str]) -> Callable[[re.Match[str]], str]:
        def replace(found: re.Match[str]) -> str:
            start, end = found.start(1) - found.start(), found.end(1) - found.start()
            return found[0][:start] + alias(found[1]) + found[0][end:]

        return replace

    def _at(self, found: re.Match[str]) -> str:
        if patterns.AT_INTERFACE.fullmatch(found[2]) and found[2].lower() not in self._kinds:
            return found[0]
        return f"{self._user(found[1])}@{self._host(found[2].strip('[]'))}"

    def _user(self, name: str) -> str:
        return name if name in ("root", "name", "is") else self.aliases.token("user", name)

    def _host(self, name: str) -> str:
        try:
            ipaddress.ip_address(name)
        except ValueError:
            if name.lower() in self._kinds:
                return self._named(name)
            known = self._name is not None and self._name.search(name)
            return name if known else self.board(name)  # what is known of it is replaced below
        return name  # the rules for addresses come next

    def _without_paths(self, text: str) -> str:
        def alias(found: re.Match[str]) -> str:
            path = found[0].rstrip(".")
            if patterns.is_common_path(path):
                return found[0]
            return self.aliases.token("path", path) + found[0][len(path) :]

        if self._paths is not None:
            text = self._paths.sub(alias, text)
        text = patterns.QUOTED_PATH.sub(alias, text)
        return patterns.PATH.sub(alias, text)

    def _mac(self, text: str) -> str:
        if patterns.is_plain_mac(text):
            return text
        return self.aliases.token("mac", text.lower().replace("-", ":"))

    def _nic(self, found: re.Match[str]) -> str:
        """systemd names an interface after its MAC address: enx and twelve digits."""
        digits = found[2]
        mac = ":".join(digits[at : at + 2] for at in range(0, 12, 2))
        alias = self.aliases.alias("mac", mac).replace(":", "")
        self.aliases.give("nic", found[0], found[1] + alias)
        return self.aliases.token("nic", found[0])

    def _ipv4(self, found: re.Match[str]) -> str:
        try:
            address = ipaddress.IPv4Address(found[0])
        except ValueError:
            return found[0]
        if patterns.is_nobodys(address):
            return found[0]
        for network, other in self._networks:
            if address in network:
                if other is None:
                    return found[0]
                moved = other.network_address + (int(address) - int(network.network_address))
                self.aliases.give("network", found[0], str(moved))
                return self.aliases.token("network", found[0])
        return self.aliases.token("address", found[0])

    def _ipv6(self, found: re.Match[str]) -> str:
        try:
            address = ipaddress.IPv6Address(found[0].partition("%")[0])
        except ValueError:
            return found[0]
        return found[0] if patterns.is_nobodys(address) else self.aliases.token("address", str(address))

    def _named(self, found: str) -> str:
        kind, original = self._kinds[found.lower()]
        return self.aliases.token(kind, original)

    # -- made once ------------------------------------------------------------------------------------------

    def _learn(self, known: Identities, words: list[str]) -> None:
        """Every name with its kind; those that are words of the format are not looked for in texts."""
        for name, role in known.boards.items():
            self._kinds.setdefault(name.lower(), (role, name))
            self.aliases.alias(role, name)  # numbered as the inventory has them, not as they are met
        for kind, items in (
            ("guest", [name for name in known.guests if not _is_made(name)]),
            # arm1.lab.example is the board arm1, and a domain
            ("host", [name for name in known.hosts if name.partition(".")[0] not in known.boards]),
            ("controller", known.controllers),
            ("user", known.users),
            ("domain", known.domains()),
        ):
            for name in items:
                self._kinds.setdefault(name.lower(), (kind, name))
        self._hidden = [name for name in self._kinds if not is_ordinary(name, words)]
        # Of the exporting machine nothing is said: the same run is to give the same bytes on any.
        of_run = {self._kinds[name][0] for name in self._kinds if name not in self._hidden}
        for kind in sorted(of_run & {"dut", "peer", "host"}):
            self.aliases.note(
                kind,
                "a name that is also a word of the format was replaced where it stands for the thing only",
            )

    def _names_pattern(self) -> re.Pattern[str] | None:
        parts = [
            re.escape(name) if len(name) >= _SUBSTRING else rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])"
            for name in sorted(self._hidden, key=lambda name: (-len(name), name))
        ]
        return re.compile("|".join(parts), re.IGNORECASE) if parts else None

    def _names_of(self, known: Identities) -> set[str]:
        return {name for group in (known.boards, known.guests, known.hosts, known.users) for name in group}

    def _renumber(self, measured: Iterable[Network]) -> list[tuple[Network, Network | None]]:
        """Measured networks stay what they are, but for public ones: these would tell whose they are."""
        made: list[tuple[Network, Network | None]] = []
        at = int(_RENUMBERED.network_address)
        for network in sorted(set(measured)):
            if not network.is_global or self.keep_names or network.prefixlen < 16:
                made.append((network, None))
                continue
            size = network.num_addresses
            at = -(-at // size) * size
            made.append((network, Network((at, network.prefixlen))))
            at += size
        return made


def _any_of(texts: Iterable[str]) -> re.Pattern[str] | None:
    parts = [re.escape(text) for text in sorted(set(texts), key=lambda text: (-len(text), text)) if text]
    return re.compile("|".join(parts)) if parts else None


def _is_made(name: str) -> bool:
    return re.fullmatch(r"guest[0-9]{1,4}", name) is not None


def _is_one_path(text: str) -> bool:
    """A text that is a path with blanks in it, and not a command with its arguments."""
    begins = text.startswith(("/", "~/")) and not text.startswith("//")
    return begins and " " in text.strip() and "\n" not in text and " -" not in text and " /" not in text


def _printable(text: str) -> str:
    """Without what a terminal would obey; what is no character becomes a question mark."""
    if text.isascii() and text.isprintable():
        return text
    text = patterns.ESCAPE.sub("", text.replace("\r\n", "\n"))
    return "".join(
        letter if letter in "\n\t" or not unicodedata.category(letter).startswith("C") else "?"
        for letter in text
    )
