# SPDX-License-Identifier: Apache-2.0
"""Where a run was measured, as far as its manifest knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netlab.report.hardware import virtual_machine
from netlab.report.source import Source

LOCAL_GROUP = "local_boards"  # inventories: boards that are containers of namespaces on one machine


@dataclass(frozen=True)
class Board:
    """One board; a field is empty where its facts do not say it."""

    name: str
    local: bool | None  # None: the stored inventory does not know the board
    roles: tuple[str, ...]
    hostname: str
    arch: str
    kernel: str
    os: str
    cpus: str
    memory: str
    nic: str
    accelerator: str
    reason: str
    machine: str | None = (
        None  # what emulates it, empty where nothing does; None: not known, or a local board
    )

    def as_dict(self) -> dict[str, Any]:
        """For `--format json`."""
        return {**vars(self), "roles": list(self.roles)}


def boards(source: Source) -> list[Board]:
    """Every board that facts were gathered of, that ran a guest, or that a trial names."""
    manifest = source.manifest
    facts = manifest.facts.before or manifest.facts.after or {}
    named = [str(line["board"]) for line in source.outcomes() if line.get("board")]
    names = dict.fromkeys([*facts, *manifest.accelerator, *named])
    return [_board(name, facts.get(name), source) for name in sorted(names)]


def _board(name: str, facts: Any, source: Source) -> Board:
    known: Mapping[str, Any] = facts if isinstance(facts, Mapping) else {}
    entry = inventory_entry(source.manifest.inventory, name)
    groups = [str(group) for group in entry.get("groups") or ()]
    nic, system = _mapping(known.get("nic")), _mapping(known.get("os"))
    choice = source.manifest.accelerator.get(name)
    around = source.manifest.environment
    told = _mapping((around.before or around.after or {}).get(name))
    local = LOCAL_GROUP in groups if entry else None
    memory = known.get("memory_mib")
    return Board(
        name=name,
        local=local,
        roles=tuple(group.removesuffix("s") for group in ("duts", "peers") if group in groups),
        hostname=_text(known.get("hostname")),
        arch=_text(known.get("arch")),
        kernel=_text(known.get("kernel")),
        os=" ".join(filter(None, (_text(system.get("id")), _text(system.get("version"))))),
        cpus=_text(known.get("cpus")),
        memory=f"{memory} MiB" if memory else "",
        nic=" ".join(filter(None, (_text(nic.get("name")), _in_brackets(_text(nic.get("driver")))))),
        accelerator=choice.accelerator if choice else "",
        reason=choice.reason if choice else "",
        machine=None if local else virtual_machine(told),
    )


def inventory_entry(inventory: Any, name: str) -> Mapping[str, Any]:
    """A board in the stored inventory, which is `{path, boards: {name: entry}}` or `{name: entry}` alone."""
    entries = _mapping(inventory)
    return _mapping(_mapping(entries.get("boards", entries)).get(name))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _in_brackets(text: str) -> str:
    return f"({text})" if text else ""
