# SPDX-License-Identifier: Apache-2.0
"""A private APT configuration (a "world"): its own sources, lists, cache and architecture, beside the
machine's own.

With it packages can be looked up and downloaded that the machine itself does not offer (another component,
another architecture), while nothing in /etc/apt or /var/lib/apt changes. It installs nothing. Root is not
needed: give a `root` folder of one's own. Settings of the machine that say how to reach a mirror (proxy,
credentials, pinning) hold here too, because a world is read after them. Source: apt.conf(5), sources.list(5),
apt-get(8).
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.apt import sources as apt_sources
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

DEFAULT_ROOT = Path("/var/cache/netlab-testbed/apt")
FRESH_SECONDS = 24 * 3600
REFRESH_SECONDS = 300
DOWNLOAD_SECONDS = 900
QUERY_SECONDS = 60
MACHINE_LISTS = Path("/var/lib/apt/lists")

# Read last (apt-get -c), so it overrides the machine's own settings. Hooks are the machine's business: some
# delete what was downloaded, others take seconds. Signatures are verified as ever; only the user that
# downloads is not changed to _apt, who cannot enter a private cache.
_CONFIGURATION = """\
Dir::Etc::sourcelist "{world}/none";
Dir::Etc::sourceparts "{world}/sources.list.d";
Dir::State "{world}/state";
Dir::State::lists "{world}/lists";
Dir::State::status "{world}/status";
Dir::Cache "{world}/cache";
Dir::Cache::archives "{world}/archives";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
#clear APT::Architectures;
APT::Architecture "{architecture}";
APT::Architectures "{architecture}";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::PDiffs "false";
Acquire::Retries "3";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Update::Post-Invoke-Stats;
"""


class AptError(BoardError):
    """APT failed; the message is its own first errors, on one line."""


@dataclass(frozen=True)
class Package:
    """A package's candidate version in a world. `depends` are the names, the first of each alternative."""

    name: str
    version: str
    section: str
    depends: tuple[str, ...]
    sha256: str


def run_apt(command: Sequence[str], timeout: float, cwd: Path | None = None) -> str:
    """Run one APT command with plain, English output; AptError with its errors if it fails or takes `timeout`
    s."""
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise AptError(f"{command[0]} did not end within {timeout:.0f} s") from None
    if done.returncode:
        raise AptError(f"{command[0]} failed: {_errors(done.stderr) or f'exit status {done.returncode}'}")
    return done.stdout


def _errors(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith("E:")] or lines
    return "; ".join(telling[:3])


def release_codename(os_release: Path = Path("/etc/os-release")) -> str:
    """The running Debian release's codename."""
    match = re.search(r'^VERSION_CODENAME="?([a-z]+)', os_release.read_text(), re.MULTILINE)
    if match is None:
        raise AptError(f"{os_release} names no VERSION_CODENAME: this is not a released Debian")
    return match.group(1)


def machine_architecture() -> str:
    """The Debian architecture of this machine's own packages."""
    return run_apt(["dpkg", "--print-architecture"], QUERY_SECONDS).strip()


def machine_sources(etc: Path = Path("/etc/apt")) -> list[apt_sources.Source]:
    """Every enabled binary source of this machine, in the order in which APT reads them."""
    found: list[apt_sources.Source] = []
    parts = sorted((etc / "sources.list.d").glob("*")) if (etc / "sources.list.d").is_dir() else []
    for path in [etc / "sources.list", *parts]:
        parse = apt_sources.parse_deb822 if path.suffix == ".sources" else apt_sources.parse_one_line
        if path.suffix not in (".sources", ".list") or not path.is_file():
            continue
        try:
            found.extend(parse(path.read_text()))
        except apt_sources.SourcesSyntaxError as error:
            raise AptError(f"{path}: {error}") from error
    return found


def machine_releases() -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]:
    """What the Release files that this machine holds say: the origins and the codenames by (URI, suite)."""
    line = "$(REPO_URI)|$(RELEASE)|$(ORIGIN)|$(CODENAME)"
    text = run_apt(["apt-get", "indextargets", "--format", line, "Created-By: Packages"], QUERY_SECONDS)
    origins, codenames = {}, {}
    for row in text.splitlines():
        uri, suite, origin, codename = row.split("|")
        key = (uri.rstrip("/"), suite)
        # An index whose Release file is not here leaves the field's own name in place of a value.
        if origin and not origin.startswith("$("):
            origins[key] = origin
        if codename and not codename.startswith("$("):
            codenames[key] = codename
    return origins, codenames


def debian_sources(components: Sequence[str], backports: bool = False) -> list[apt_sources.Source]:
    """This machine's own Debian sources of the running release, with these components."""
    codename = release_codename()
    own = apt_sources.of_debian(machine_sources(), codename, *machine_releases())
    if not own:
        raise AptError(f"no APT source of this machine (/etc/apt) is Debian's own for {codename}")
    if backports:
        own = apt_sources.with_backports(own, codename)
    return apt_sources.with_components(own, components)


class AptWorld:
    """One world, at `root/name`. Two processes may use it at once: what changes it takes a lock."""

    def __init__(self, name: str, architecture: str, components: Sequence[str] = ("main",), *,
                 backports: bool = False, root: Path = DEFAULT_ROOT) -> None:  # fmt: skip
        self.path = root.absolute() / name
        self.architecture = architecture
        self.components = tuple(components)
        self.backports = backports
        self._refreshed = False

    @property
    def configuration(self) -> Path:
        return self.path / "apt.conf"

    @property
    def _sources(self) -> Path:
        return self.path / "sources.list.d" / "world.sources"

    @property
    def _stamp(self) -> Path:
        return self.path / "refreshed"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.path / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _create(self) -> bool:
        """Write the world's configuration and sources; True where they were not there or were others."""
        for folder in ("sources.list.d", "state", "lists/partial", "cache", "archives/partial"):
            (self.path / folder).mkdir(parents=True, exist_ok=True)
        # No package is installed here: candidates are then the newest offered, whatever the machine has.
        (self.path / "status").touch()
        texts = {
            self.configuration: self._configuration_text(),
            self._sources: apt_sources.render_deb822(
                debian_sources(self.components, self.backports), self.architecture
            ),
        }
        changed = False
        for path, text in texts.items():
            if not path.is_file() or path.read_text() != text:
                path.write_text(text)
                changed = True
        return changed

    def _configuration_text(self) -> str:
        text = _CONFIGURATION.format(world=self.path, architecture=self.architecture)
        # Backports are candidates only where they are asked for (their Release says NotAutomatic).
        return text + (f'APT::Default-Release "{release_codename()}-backports";\n' if self.backports else "")

    def _seed(self) -> None:
        """Copy from the machine the lists that a refresh would fetch; it then only asks whether they are
        current."""
        if self.architecture != machine_architecture():
            return
        suffix = re.compile(rf"_(InRelease|binary-{re.escape(self.architecture)}_Packages(\.\w+)?)")
        for path in MACHINE_LISTS.glob("*") if MACHINE_LISTS.is_dir() else ():
            copy = self.path / "lists" / path.name
            if suffix.search(path.name) and path.is_file() and not copy.exists():
                shutil.copy2(path, copy)

    def _is_fresh(self, max_age: float) -> bool:
        if not self._stamp.is_file() or time.time() - self._stamp.stat().st_mtime > max_age:
            return False
        return any((self.path / "lists").glob("*_Packages*"))

    def refresh(self, max_age: float = FRESH_SECONDS) -> bool:
        """Make the world and its lists; True where the network was asked. Lists younger than `max_age`
        seconds are used as they are."""
        with self._locked():
            changed = self._create()
            if not changed and self._is_fresh(max_age):
                return False
            self._seed()
            run_apt([*self._apt("apt-get"), "-q", "update"], REFRESH_SECONDS)
            self._stamp.touch()
            self._refreshed = True
            return True

    def _apt(self, program: str) -> list[str]:
        return [program, "-c", str(self.configuration)]

    def candidates(self, names: Iterable[str]) -> dict[str, Package]:
        """The candidates of these packages; one without a candidate is left out."""
        wanted = sorted(set(names))
        if not wanted:
            return {}
        # apt-cache ends with 100 where one name of many is unknown, having shown all the others.
        query = [*self._apt("apt-cache"), "show", "--no-all-versions", *wanted]
        done = subprocess.run(
            query, env={**os.environ, "LC_ALL": "C"}, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=QUERY_SECONDS, check=False,
        )  # fmt: skip
        packages = [_package(stanza) for stanza in done.stdout.split("\n\n") if stanza.strip()]
        return {package.name: package for package in packages if package.name in wanted}

    def library_closure(self, names: Iterable[str]) -> dict[str, Package]:
        """These packages and, of all that they depend on, the packages of shared libraries (Section:
        libs)."""
        chosen = self.candidates(names)
        seen = set(chosen)
        waiting = {name for package in chosen.values() for name in package.depends} - seen
        while waiting:
            seen |= waiting
            found = self.candidates(waiting)
            libraries = {
                name: package
                for name, package in found.items()
                if package.section.rpartition("/")[2] == "libs"
            }
            chosen.update(libraries)
            waiting = {name for package in libraries.values() for name in package.depends} - seen
        return chosen

    def download(self, packages: Iterable[Package], directory: Path) -> list[Path]:
        """Download these packages, verified, into `directory`; their paths, sorted by name.

        A mirror drops a version when a newer one comes: if one is gone the lists are refreshed, and AptStale
        is raised for the caller to choose anew."""
        wanted = sorted(packages, key=lambda package: package.name)
        directory.mkdir(parents=True, exist_ok=True)
        names = [f"{package.name}={package.version}" for package in wanted]
        command = [*self._apt("apt-get"), "-q", "download", *names]
        try:
            run_apt(command, DOWNLOAD_SECONDS, cwd=directory)
        except AptError as error:
            if self._refreshed or "404" not in str(error):
                raise
            self.refresh(max_age=0)
            raise AptStale(str(error)) from error
        return [_downloaded(package, directory) for package in wanted]


class AptStale(AptError):
    """A package's version is no longer on the mirror; the lists have been refreshed since."""


def _package(stanza: str) -> Package:
    fields = {}
    for line in stanza.splitlines():
        name, colon, value = line.partition(":")
        if colon and not line.startswith(" "):
            fields[name] = value.strip()
    depends = []
    for key in ("Pre-Depends", "Depends"):
        for item in fields.get(key, "").split(","):
            first = re.match(r"\s*([a-z0-9][a-z0-9+.-]+)", item)
            if first:
                depends.append(first.group(1))
    return Package(
        fields["Package"],
        fields["Version"],
        fields.get("Section", ""),
        tuple(depends),
        fields.get("SHA256", ""),
    )


def _downloaded(package: Package, directory: Path) -> Path:
    """apt-get download names a file NAME_VERSION_ARCH.deb, with the colon of an epoch written as %3a."""
    found = sorted(directory.glob(f"{package.name}_{package.version.replace(':', '%3a')}_*.deb"))
    if not found:
        raise AptError(
            f"apt-get download said it had {package.name} {package.version}, but its file is not there"
        )
    return found[0]
