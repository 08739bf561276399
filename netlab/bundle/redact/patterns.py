# SPDX-License-Identifier: Apache-2.0
"""What is recognised by its form, whoever's it is. Order matters: the first rule that takes a text keeps it."""

from __future__ import annotations

import ipaddress
import re

_HIDDEN_WORD = (
    r"(?:pass|password|passwd|passphrase|secret|secrets|token|vault|credential|credentials|api[_-]?key|apikey|"
    r"access[_-]?key|private[_-]?key|psk|auth[_-]?key)"
)
SECRET_KEY = re.compile(rf"(?:^|[_.\-\s]){_HIDDEN_WORD}(?:$|[_.\-\s])", re.IGNORECASE)
_NOT_A_SECRET = re.compile(r"_(?:file|path)$", re.IGNORECASE)

# (pattern, kind, group that is withheld)
SECRETS: tuple[tuple[re.Pattern[str], str, int], ...] = (
    (re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL), "key", 0),
    (re.compile(r"\$ANSIBLE_VAULT;[^\n]*(?:\n\s*[0-9a-f]{8,})*"), "secret", 0),
    (
        re.compile(
            r"(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-[\w-]+|sk-[\w.-]+@openssh\.com)\s+AAAA[0-9A-Za-z+/=]+"
            r"(?: [^\s\"']+)?"
        ),
        "key",
        0,
    ),
    (re.compile(r"\b(?:SHA256:[0-9A-Za-z+/]{43}|MD5(?::[0-9a-f]{2}){16})"), "key", 0),
    (
        re.compile(
            r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{8,}|AKIA[0-9A-Z]{16}"
            r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|hvs\.[\w-]{20,}|AGE-SECRET-KEY-1[0-9A-Z]+)"
        ),
        "secret",
        0,
    ),
    (re.compile(r"\b(?:Bearer|Basic|Digest)\s+([\w.~+/=-]{8,})"), "secret", 1),
    (re.compile(r"[a-z][a-z0-9+.-]*://[^\s/@:\"']*:([^\s/@\"']+)@", re.IGNORECASE), "secret", 1),
    (re.compile(r"\bsshpass\s+-p\s*([^\s\"']+)"), "secret", 1),
    (re.compile(rf"--?(?:[\w-]+-)?{_HIDDEN_WORD}(?:\s+|=)[\"']?([^\s\"',;]+)", re.IGNORECASE), "secret", 1),
    (
        re.compile(
            rf"(?<![A-Za-z])(?:[\w-]*[_-])?{_HIDDEN_WORD}(?:[_-][\w-]*)?[\"']?\s*[:=]\s*(\"[^\"\n]+\"|'[^'\n]+'|[^\s\"',;&)\]}}]+)",
            re.IGNORECASE,
        ),
        "secret",
        1,
    ),
)
SECRET_OPTION = re.compile(rf"--?(?:[\w-]+-)?{_HIDDEN_WORD}", re.IGNORECASE)

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>`\ue000]+")
AT = re.compile(r"(?<![\w.+-])([A-Za-z0-9_][\w.+-]*)@([A-Za-z0-9][\w.-]*\w|\[[0-9A-Fa-f:.]+\])")
# `ip` writes the other end of a veth pair so
AT_INTERFACE = re.compile(r"(?:if\d+|NONE|[a-z]+\d+)")
SSH_HOST = re.compile(
    r"(?:\bto host |\bresolve hostname |\bNo route to host: |\bconnect to |\bhostname |\bserver )"
    r"([A-Za-z0-9][\w.-]*[A-Za-z0-9])"
    r"(?=:| port |\s*\()"
)
SSH_USER = re.compile(
    r"\b(?:[Uu]ser|[Ll]ogin|as user|invalid user|USER|LOGNAME|SUDO_USER)[ =:]['\"]?([a-z_][a-z0-9_-]{0,31})\b"
)
QUOTED_PATH = re.compile(r"(?<=[\"'`])(~?/[^\"'`\n\ue000]*[^\"'`\n\s\ue000])(?=[\"'`])")
PATH = re.compile(
    r"(?<![A-Za-z0-9_.~/<\ue001+-])~?/[^\s\"'`<>|;,:()\[\]{}=*?\\/\ue000\ue001][^\s\"'`<>|;,:()\[\]{}=*?\\\ue000\ue001]+"
)
MAC = re.compile(
    r"(?<![0-9A-Za-z:.-])[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![0-9A-Za-z]|[:-][0-9A-Fa-f])"
)
NIC_WITH_MAC = re.compile(r"\b(enx|wlx)([0-9a-f]{12})\b")
UUID = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Za-z])")
IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
IPV6 = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f]*:[0-9A-Fa-f:]*:)[0-9A-Fa-f:]{3,39}(?:\d+\.\d+\.\d+\.\d+)?(?:%[\w.-]+)?(?![\w:])"
)
ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")

# Paths that are the same on every machine, and tell of none.
_COMMON_PATH = re.compile(
    r"/(?:usr/)?s?bin/[\w.+-]+|/(?:proc|sys)(?:/.*)?|/dev/(?:[a-z_]+|net/tun|vfio/\w+)"
    r"|/(?:var/lib|var/cache|run)/netlab-testbed(?:/.*)?|/usr/bin|/usr/sbin|/redacted/path\d+"
)


def is_common_path(path: str) -> bool:
    """Whether a path may stand as it is; names in it are looked for all the same."""
    return _COMMON_PATH.fullmatch(path) is not None and ".." not in path


def is_secret_key(key: str) -> bool:
    """Whether a key says that its value is a secret."""
    return SECRET_KEY.search(key) is not None and _NOT_A_SECRET.search(key) is None


def is_plain_mac(text: str) -> bool:
    """Broadcast, multicast and nothing: no machine's."""
    octets = re.split("[:-]", text)
    return len(set(octets)) == 1 and octets[0].lower() in ("00", "ff")


def is_nobodys(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Addresses that are the same on every machine."""
    mask = isinstance(address, ipaddress.IPv4Address) and int(address) >> 24 == 255
    return address.is_loopback or address.is_unspecified or address.is_multicast or mask
