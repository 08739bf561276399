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
    """``loaded``: the objects pinned here. ``settings`` and the ports' roles are the wanted object's."""

    bpffs: bool = False
    compiled: frozenset[str] = frozenset()
    loaded: tuple[str, ...] = ()
    settings: Settings | None = None
    ports: Mapping[str, PortState] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """``object_hash`` names the source and how it is compiled; ``ports``: interface name to role."""

    object_hash: str
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
        *(_unload(old) for old in current.loaded if old != wanted.object_hash),
        *_load(current, wanted),
        *_configure(current, wanted),
        *(
            _detach(wanted.object_hash, name)
            for name, port in current.ports.items()
            if wanted.object_hash in current.loaded and port.role and name not in wanted.ports
        ),
        *(step for name, role in wanted.ports.items() for step in _port(current, wanted, name, role)),
    ]


def _refuse_others(current: Current, wanted: Wanted) -> None:
    for name in wanted.ports:
        foreign = current.ports.get(name, PortState()).foreign
        if foreign:
            raise Refusal(
                f"{name} has an XDP program already, and it is not ours ({foreign}): stop what attached it,"
                f" or take it off with 'ip link set dev {name} xdp off'; it is never replaced"
            )


def _load(current: Current, wanted: Wanted) -> list[Step]:
    if wanted.object_hash in current.loaded:
        return []
    steps = []
    if not current.bpffs:
        steps.append(Step("xdp.mount", {}, undo=Step("xdp.unmount")))
    if wanted.object_hash not in current.compiled:
        steps.append(Step("xdp.compile", {"object_hash": wanted.object_hash, "source": wanted.source}))
    steps.append(Step("xdp.load", {"object_hash": wanted.object_hash}, undo=_unload(wanted.object_hash)))
    return steps


def _configure(current: Current, wanted: Wanted) -> list[Step]:
    if wanted.object_hash in current.loaded and current.settings == wanted.settings:
        return []
    settings = {
        "ageing_time": wanted.settings.ageing_time,
        "board_macs": list(wanted.settings.board_macs),
        "board_ipv4": list(wanted.settings.board_ipv4),
    }
    return [Step("xdp.configure", {"object_hash": wanted.object_hash, **settings})]


def _port(current: Current, wanted: Wanted, name: str, role: str) -> list[Step]:
    loaded = wanted.object_hash in current.loaded
    port = current.ports.get(name, PortState())
    steps = []
    if loaded and port.mode not in (None, wanted.mode):
        steps.append(_detach(wanted.object_hash, name))
    if not loaded or port.mode != wanted.mode or port.role != role:
        steps.append(
            Step(
                "xdp.attach",
                {"object_hash": wanted.object_hash, "name": name, "role": role, "mode": wanted.mode},
                undo=_detach(wanted.object_hash, name),
            )
        )
    return steps


def _unload(object_hash: str) -> Step:
    return Step("xdp.unload", {"object_hash": object_hash})


def _detach(object_hash: str, name: str) -> Step:
    return Step("xdp.detach", {"object_hash": object_hash, "name": name})
