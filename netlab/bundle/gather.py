# SPDX-License-Identifier: Apache-2.0
"""A run of this machine's as the members of a bundle, with everything replaced that has to be."""

from __future__ import annotations

import gzip
import ipaddress
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from netlab import __version__
from netlab.bundle import crate, names, provenance, written
from netlab.bundle.as_data import is_templated
from netlab.bundle.model import SCHEMA_VERSION, BoardEntry, Header, Redaction
from netlab.bundle.redact import Identities, Redactor
from netlab.bundle.write import as_json
from netlab.errors import InvalidInput, Problem
from netlab.plan import Plan, TrialSpec
from netlab.results import RunStore, parquet
from netlab.results.manifest import Manifest
from netlab.results.trial import file_name

Members = dict[str, bytes | Path]
Json = dict[str, Any]


@dataclass
class Gathered:
    """The members but for their checksums, and what is to be said about them."""

    header: Header
    members: Members = field(default_factory=dict)
    redactions: list[Redaction] = field(default_factory=list)


def gather(store: RunStore, *, keep_names: bool = False, results: bool = True) -> Gathered:
    """Everything that goes into the bundle of a run. InvalidInput for a run that cannot be exported."""
    return _Export(store, keep_names=keep_names, results=results).all()


class _Export:
    def __init__(self, store: RunStore, *, keep_names: bool, results: bool) -> None:
        self.store = store
        self.results = results
        self.keep_names = keep_names
        self.manifest = store.manifest
        self.boards = _boards(store)
        self.plan = _plan(store)
        self.came_from = provenance.read(store.path)
        self.lines = store.trials()
        self.redactor = self._redactor()

    def all(self) -> Gathered:
        redactor = self.redactor
        manifest = self.manifest.model_dump(mode="json")
        redactor.learn_paths([manifest, self.lines, self.plan.as_dict()])
        boards = [self._board(name, told) for name, told in self.boards.items()]
        plan = self._plan_file()
        around = self._surroundings(manifest)
        images = self._images()
        files = self._written()
        lines, bulk = self._lines() if self.results else ([], {})
        run = redactor.text(self.manifest.run)
        if any(is_templated(told["variables"]) for told in self.boards.values()):
            redactor.aliases.note("template", "variables that only Ansible could have told were left out")

        finish = redactor.finish
        header = Header(
            schema_version=SCHEMA_VERSION,
            netlab=__version__,
            run=finish(run),
            run_netlab=self.manifest.netlab,
            state="partial" if self._note() else "complete",
            note=self._note(),
            results=self.results,
            names="kept" if self.keep_names else "aliased",
        )
        inventory, plan, around = finish(boards), finish(plan), finish(around)
        members: Members = {
            names.HEADER: as_json(header.model_dump(mode="json")),
            names.PLAN: as_json(plan),
            names.INVENTORY: as_json(inventory),
            names.ENVIRONMENT: as_json(around),
            names.ROLES: as_json(self._roles()),
        }
        if images:
            members[names.GUEST_IMAGE] = as_json({"boards": finish(images)})
        for name, content in files.items():
            text = written.text(finish(content), self.came_from.left_out if name == "hosts" else 0)
            members[f"{names.WRITTEN}{finish(name)}.yml"] = text.encode()
        if self.results:
            told = self._manifest(manifest, header, plan, inventory, around)
            members[names.MANIFEST] = as_json(told)
            members[names.TRIALS] = _as_lines(finish(lines))
            members |= {finish(name): _finished(content, finish) for name, content in bulk.items()}
        redactions = redactor.aliases.redactions()
        members[names.REDACTIONS] = as_json([item.model_dump(mode="json") for item in redactions])
        members[names.CRATE] = as_json(
            crate.metadata(
                header, plan["plan"], self.manifest.started, self.manifest.finished, sizes(members)
            )
        )
        return Gathered(header, members, redactions)

    # -- what is to be looked for -------------------------------------------------------------------------

    def _redactor(self) -> Redactor:
        known = Identities(boards={name: told["role"] for name, told in self.boards.items()})
        known.add(self.came_from.identities)
        if self.came_from.inventory is not None and self.came_from.inventory.exists():
            known.add_inventory(self.came_from.inventory)
        known.add_this_machine()
        known.paths += [str(self.store.path.absolute()), str(self.store.path.parent.absolute())]
        for facts in (self.manifest.facts.before, self.manifest.facts.after):
            for told in _mapped(facts).values():
                hostname = told.get("hostname") if isinstance(told, dict) else None
                if isinstance(hostname, str) and hostname not in self.boards:
                    known.add_host(hostname)
        for told in self.boards.values():
            known.guests += [str(guest.get("name")) for guest in told.get("guests") or ()]
            for key in ("board_package_host", "local_board_name"):
                if isinstance(told["variables"].get(key), str):
                    known.add_host(told["variables"][key])
        known.hosts = [name for name in known.hosts if name not in known.boards]
        plan = self.plan
        words = {*plan.topologies, *(item.name for item in plan.scenarios)}
        words |= {item.name for item in plan.instruments}
        measured = [_network(told["variables"].get("board_address")) for told in self.boards.values()]
        return Redactor(
            known,
            keep_names=self.keep_names,
            measured=[net for net in measured if net is not None],
            words=words,
        )

    # -- the parts, with tokens in them -------------------------------------------------------------------

    def _board(self, name: str, told: Json) -> Json:
        redactor = self.redactor
        variables = {key: value for key, value in told["variables"].items() if not is_templated({key: value})}
        return {
            "name": redactor.board(name),
            "role": told["role"],
            "groups": [redactor.group(group) for group in told.get("groups") or ()],
            "variables": self._variables(variables),
            "guests": [self._guest(guest) for guest in told.get("guests") or ()],
        }

    def _variables(self, variables: Json) -> Json:
        """Values that are names are replaced as such, whatever the name; the others as any text."""
        made: Json = {}
        for key, value in variables.items():
            if key.endswith("_board_cables") and isinstance(value, list):
                made[key] = [
                    {self.redactor.board(str(board)): end for board, end in cable.items()}
                    if isinstance(cable, dict) else cable
                    for cable in value
                ]  # fmt: skip
            elif key in ("board_package_host", "local_board_name") and isinstance(value, str):
                made[key] = self.redactor.board(value)
            elif key == "guest_list" and isinstance(value, list):
                made[key] = [self._guest(guest) if isinstance(guest, dict) else guest for guest in value]
            else:
                made[key] = self.redactor.value(value)
        return made

    def _guest(self, guest: Json) -> Json:
        made = dict(self.redactor.value(guest))
        for key, alias in (("name", self.redactor.guest), ("mac", self.redactor.mac)):
            if isinstance(guest.get(key), str):
                made[key] = alias(guest[key])
        return made

    def _plan_file(self) -> Json:
        return {
            "plan": self._plan_as_told(self.plan.as_dict()),
            "seed": self.plan.seed,
            "order": [self._spec(TrialSpec.from_dict(spec).as_dict()) for spec in self.manifest.order],
        }

    def _plan_as_told(self, plan: Json) -> Json:
        """Names of topologies and the like are the collection's; what the user has put in may be anything."""
        own = {key: self.redactor.text(str(plan[key])) for key in ("name", "description")}
        instruments = [
            {**item, "parameters": self.redactor.value(item["parameters"])} for item in plan["instruments"]
        ]
        return {**plan, **own, "instruments": instruments}

    def _spec(self, spec: Json) -> Json:
        return {**spec, "parameters": self.redactor.value(spec["parameters"])}

    def _surroundings(self, manifest: Json) -> Json:
        facts = {when: self._by_board(told) for when, told in manifest["facts"].items()}
        environment = {when: self._by_board(manifest["environment"][when]) for when in ("before", "after")}
        blocks = {block: self._by_board(told) for block, told in manifest["environment"]["blocks"].items()}
        return {
            "versions": self.redactor.value(manifest["versions"], versions=True),
            "accelerator": self._by_board(manifest["accelerator"]),
            "facts": facts,
            "environment": {**environment, "blocks": blocks},
        }

    def _by_board(self, told: Any) -> Any:
        if not isinstance(told, dict):
            return None if told is None else self.redactor.value(told)
        return {
            self.redactor.board(name): self._of_board(item)
            for name, item in told.items()
            if name in self.boards
        }

    def _of_board(self, told: Any) -> Any:
        """A board's facts or environment; guests are keys there."""
        made = self.redactor.value(told)
        if not isinstance(told, dict) or not isinstance(made, dict):
            return made
        if isinstance(told.get("hostname"), str):
            name = told["hostname"]
            made["hostname"] = name if name in ("", "localhost") else self.redactor.board(name)
        if isinstance(told.get("guests"), dict):
            made["guests"] = {
                self.redactor.guest(name): self.redactor.value(item) for name, item in told["guests"].items()
            }
        return made

    def _images(self) -> Json:
        """By board: as the run recorded it, else the hash that its guests' kernels are called by."""
        found: Json = {}
        for name, image in self.came_from.images.items():
            if name in self.boards and _HASH.fullmatch(str(image.get("hash"))):
                recipe = image.get("recipe") if isinstance(image.get("recipe"), dict) else {}
                found[name] = {
                    "hash": image["hash"],
                    "arch": recipe.get("arch"),
                    "kernel_command_line": recipe.get("kernel_command_line"),
                    "packages": recipe.get("packages"),
                }
        for when in (self.manifest.environment.before, self.manifest.environment.after):
            for name, told in _mapped(when).items():
                guests = told.get("guests") if isinstance(told, dict) else None
                for guest in (guests or {}).values() if isinstance(guests, dict) else ():
                    kernel = str(guest.get("kernel")) if isinstance(guest, dict) else ""
                    hash_of_it = kernel.partition("/")[0]
                    if name in self.boards and _HASH.fullmatch(hash_of_it):
                        found.setdefault(
                            name, {"hash": hash_of_it, "arch": guest.get("architecture"), "kernel_command_line": None,
                                   "packages": None},
                        )  # fmt: skip
        return {self.redactor.board(name): found[name] for name in self.boards if name in found}

    def _roles(self) -> Json:
        if self.came_from.roles:
            return {"recorded": "run", **self.came_from.roles}
        return {"recorded": "export", **provenance.of_roles(self.manifest.order)}

    def _written(self) -> dict[str, Json]:
        """The inventory's own files, whose names may be names of boards."""
        made: dict[str, Json] = {}
        for name, content in sorted(self.came_from.files.items()):
            folder, _, owner = name.partition("/")
            if name == "hosts":
                made[name] = self._groups(content)
            elif re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", owner):
                alias = self.redactor.group(owner) if folder == "group_vars" else self.redactor.board(owner)
                made[f"{folder}/{alias}"] = self._variables(content)
        return made

    def _groups(self, content: Json) -> Json:
        made: Json = {}
        for group, sections in content.items():
            inside: Json = {}
            for host, variables in (sections.get("hosts") or {}).items():
                inside.setdefault("hosts", {})[self.redactor.board(host)] = self._variables(variables)
            if sections.get("vars"):
                inside["vars"] = self._variables(sections["vars"])
            for child in sections.get("children") or {}:
                inside.setdefault("children", {})[self.redactor.group(child)] = {}
            made[self.redactor.group(group)] = inside
        return made

    # -- results ------------------------------------------------------------------------------------------

    def _lines(self) -> tuple[list[Json], dict[str, str | Path]]:
        """Every line, and the files that they name, under names that the aliases give them."""
        several = sum(told["role"] == "dut" for told in self.boards.values()) > 1
        made: list[Json] = []
        bulk: dict[str, str | Path] = {}
        for number, line in enumerate(self.lines, start=1):
            own = self._line(line)
            attempt = int(line.get("attempt") or 1)
            name = {**own, "board": self.redactor.aliases.expand(str(own.get("board")))}
            stem = self._free(file_name(name, attempt, with_board=several), bulk)
            for kind, ending in (("raw", "txt.gz"), ("samples", "parquet")):
                if not line.get(kind):
                    continue
                own[kind] = f"{kind}/{stem}.{ending}"
                path = self._file(str(line[kind]), number)
                bulk[f"{names.RUN}{own[kind]}"] = self._output(path) if kind == "raw" else _samples(path)
            made.append(own)
        return made, bulk

    def _line(self, line: Json) -> Json:
        own = dict(self.redactor.value(line))
        # Words of the collection stand as they are: they are no names.
        same = (
            "order",
            "block",
            "topology",
            "replica",
            "scenario",
            "condition",
            "instrument",
            "status",
            "attempt",
        )
        own |= {key: line[key] for key in same if key in line}
        if isinstance(line.get("board"), str):
            own["board"] = self.redactor.board(line["board"])
        if isinstance(line.get("guest"), str):
            own["guest"] = self.redactor.guest(line["guest"])
        for kind in ("flows", "loads"):
            for told, part in zip(line.get(kind) or (), own.get(kind) or (), strict=True):
                if isinstance(told, dict) and isinstance(told.get("guest"), str):
                    part["guest"] = self.redactor.guest(told["guest"])
        return own

    def _free(self, stem: str, bulk: Mapping[str, Any]) -> str:
        """A name that no other line has; runs of other versions may have counted attempts in another way."""
        names_of = {re.sub(r"^run/(raw|samples)/|\.(txt\.gz|parquet)$", "", name) for name in bulk}
        number, found = 1, stem
        while found in names_of:
            number += 1
            found = f"{stem}-{number}"
        return found

    def _file(self, name: str, line: int) -> Path:
        folder = self.store.path.resolve()
        path = (folder / name).resolve()
        if not path.is_relative_to(folder) or not path.is_file():
            problem = Problem(
                f"{name} is not there",
                str(self.store.path / "trials.jsonl"),
                line,
                None,
                "the run's own file",
            )
            raise InvalidInput([problem], hint=f"netlab export --without-results {self.store.name} FILE")
        return path

    def _output(self, path: Path) -> str:
        try:
            with gzip.open(path, "rb") as stream:
                content = stream.read()
        except (OSError, EOFError, zlib.error) as error:
            raise InvalidInput([Problem(f"it cannot be unpacked: {error}", str(path))]) from error
        return self.redactor.text(content.decode("utf-8", "replace"))

    def _manifest(
        self, manifest: Json, header: Header, plan: Json, inventory: list[Json], around: Json
    ) -> Json:
        """manifest.json with what the other members say, and nothing that they do not."""
        by_name = {
            board["name"]: {key: value for key, value in board.items() if key != "name"}
            for board in inventory
        }
        for board in by_name.values():
            board["connection"] = None  # how somebody reaches a board is nobody else's business
        state = "complete" if self.manifest.state == "complete" else "interrupted"
        same = ("schema_version", "netlab", "started", "finished", "resumed", "seed")
        made = {
            **{key: manifest[key] for key in same},
            "run": header.run, "state": state, "plan": plan["plan"], "order": plan["order"],
            "inventory": by_name, **around,
        }  # fmt: skip
        return {key: made[key] for key in Manifest.model_fields if key in made}

    def _note(self) -> str | None:
        """What a colleague has to know of a run that is not whole."""
        missing = len(self.store.missing())
        planned = len(self.manifest.order)
        if missing:
            return f"{missing} of {planned} trials are missing: the run is {self.store.state}"
        if self.store.state != "complete":
            return f"no trial is missing, but the run is {self.store.state}: it was not read to its end"
        return None


# -- small things -----------------------------------------------------------------------------------------

_HASH = re.compile(r"[0-9a-f]{32,64}")


def sizes(members: Mapping[str, bytes | Path]) -> dict[str, int]:
    """Bytes of each member."""
    return {
        name: len(content) if isinstance(content, bytes) else content.stat().st_size
        for name, content in sorted(members.items())
    }


# How we come to the board; what a reproduced run took over from somebody's bundle, which is in its variables too.
_NOT_EXPORTED = ("connection", "settings")


def _first_word(error: Exception) -> str:
    """What is wrong first, and where."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(str(key) for key in first['loc'])}: {first['msg']}"


def _boards(store: RunStore) -> dict[str, Json]:
    told = store.manifest.inventory
    if not isinstance(told, dict) or not told:
        problem = Problem(
            "the run did not store its inventory", str(store.path / "manifest.json"), None, "inventory",
            "a run that `netlab bench` has made",
        )  # fmt: skip
        raise InvalidInput([problem], hint="netlab runs")
    found: dict[str, Json] = {}
    for name, board in told.items():
        try:
            own = {key: value for key, value in dict(board).items() if key not in _NOT_EXPORTED}  # type: ignore[arg-type]
            found[name] = BoardEntry.model_validate({**own, "name": name}).model_dump(mode="json")
        except (ValidationError, TypeError, ValueError) as error:
            problem = Problem(
                f"this is no board: {_first_word(error)}", str(store.path / "manifest.json"), None,
                f"inventory.{name}", "a run that `netlab bench` has made",
            )  # fmt: skip
            raise InvalidInput([problem], hint="netlab runs") from error
    return found


def _plan(store: RunStore) -> Plan:
    try:
        return Plan.model_validate(store.manifest.plan)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(["plan", *(str(step) for step in first["loc"])])
        raise InvalidInput([Problem(first["msg"], str(store.path / "manifest.json"), None, key)]) from error


def _mapped(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _network(address: Any) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Interface(str(address)).network
    except ValueError:
        return None


def _samples(path: Path) -> Path:
    """Numbers only, so it goes as it is; what else a Parquet file could hold is refused."""
    import duckdb

    from netlab.bundle.stored_run import samples_problem

    why = parquet.looks_whole(path)
    if not why:
        with duckdb.connect(":memory:", config={"autoinstall_known_extensions": False}) as database:
            why = samples_problem(database, str(path)) or ""
    if why:
        raise InvalidInput(
            [Problem(f"the samples {why}", str(path), None, None, "a file of samples as it was written")]
        )
    return path


def _finished(content: str | Path, finish: Any) -> bytes | Path:
    return gzip.compress(finish(content).encode("utf-8"), mtime=0) if isinstance(content, str) else content


def _as_lines(lines: list[Json]) -> bytes:
    return b"".join(json.dumps(line, allow_nan=False, ensure_ascii=False).encode() + b"\n" for line in lines)
