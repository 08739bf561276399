# SPDX-License-Identifier: Apache-2.0
"""From the XDP bridge that is to the one that should be. Pure: reads nothing, changes nothing.

Steps that take away what is ours carry no undo: the undo of its making, in the ledger already, ends in the
same absence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.netlab.testbed.plugins.module_utils.steps import Refusal, Step


@dataclass(frozen=True)
class Settings:
    """``ageing_time`` in seconds; what the board itself must hear on its uplink (sorted)."""

    ageing_time: int
    board_macs: tuple[str, ...] = ()
    board_ipv4: tuple[str, ...] = ()


@dataclass(frozen=True)
class PortState:
    """An interface as it is.

    ``role`` is what our loaded program takes it for, ``mode`` how our program is attached to it (None: not
    at all); ``foreign`` names somebody else's program on it.
    """

    role: str | None = None
    mode: str | None = None
    foreign: str | None = None


@dataclass(frozen=True)
class Current:
    """``loaded``: the objects pinned here. ``settings`` and the ports' roles are those of the wanted object."""

    bpffs: bool = False
    compiled: frozenset[str] = frozenset()
    loaded: tuple[str, ...] = ()
    settings: Settings | None = None
    ports: Mapping[str, PortState] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """``object``: the hash of the program's source and how it is compiled; ``ports``: interface to role."""

    object: str
    source: str
    mode: str
    settings: Settings
    ports: Mapping[str, str]


def plan(current: Current, wanted: Wanted | None) -> list[Step]:
    """The steps that lead there; ``wanted`` None: to no XDP bridge at all.

    Raises Refusal when somebody else's program is on an interface that is to be a port.
    """
    if wanted is None:
        return [_unload(old) for old in current.loaded]
    _refuse_others(current, wanted)
    return [
        *(_unload(old) for old in current.loaded if old != wanted.object),
        *_load(current, wanted),
        *_configure(current, wanted),
        *(
            _detach(wanted.object, name)
            for name, port in current.ports.items()
            if wanted.object in current.loaded and port.role and name not in wanted.ports
        ),
        *(step for name, role in wanted.ports.items() for step in _port(current, wanted, name, role)),
    ]


def _refuse_others(current: Current, wanted: Wanted) -> None:
    for name in wanted.ports:
        foreign = current.ports.get(name, PortState()).foreign
        if foreign:
            raise Refusal(
                f"{name} has an XDP program already, and it is not ours ({foreign}): stop what attached it, or"
                f" take it off with 'ip link set dev {name} xdp off'; it is never replaced"
            )


def _load(current: Current, wanted: Wanted) -> list[Step]:
    if wanted.object in current.loaded:
        return []
    steps = []
    if not current.bpffs:
        steps.append(Step("xdp.mount", {}, undo=Step("xdp.unmount")))
    if wanted.object not in current.compiled:
        steps.append(Step("xdp.compile", {"object": wanted.object, "source": wanted.source}))
    steps.append(Step("xdp.load", {"object": wanted.object}, undo=_unload(wanted.object)))
    return steps


def _configure(current: Current, wanted: Wanted) -> list[Step]:
    if wanted.object in current.loaded and current.settings == wanted.settings:
        return []
    settings = {
        "ageing_time": wanted.settings.ageing_time,
        "board_macs": list(wanted.settings.board_macs),
        "board_ipv4": list(wanted.settings.board_ipv4),
    }
    return [Step("xdp.configure", {"object": wanted.object, **settings})]


def _port(current: Current, wanted: Wanted, name: str, role: str) -> list[Step]:
    loaded = wanted.object in current.loaded
    port = current.ports.get(name, PortState())
    steps = []
    if loaded and port.mode not in (None, wanted.mode):
        steps.append(_detach(wanted.object, name))
    if not loaded or port.mode != wanted.mode or port.role != role:
        steps.append(
            Step(
                "xdp.attach",
                {"object": wanted.object, "name": name, "role": role, "mode": wanted.mode},
                undo=_detach(wanted.object, name),
            )
        )
    return steps


def _unload(object_hash: str) -> Step:
    return Step("xdp.unload", {"object": object_hash})


def _detach(object_hash: str, name: str) -> Step:
    return Step("xdp.detach", {"object": object_hash, "name": name})
