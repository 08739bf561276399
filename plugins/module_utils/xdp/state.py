# SPDX-License-Identifier: Apache-2.0
"""The XDP bridge as it is, for the planner: pins, maps, and what the kernel says is attached."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.xdp import bpf as xdp_bpf
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import compile as xdp_compile
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import maps as xdp_maps
from ansible_collections.netlab.testbed.plugins.module_utils.xdp.links import Link
from ansible_collections.netlab.testbed.plugins.module_utils.xdp.plan import Current, PortState, Settings


def loaded_objects() -> tuple[str, ...]:
    """Hashes of the objects that are pinned here; a load that was cut off counts, so that it is cleared."""
    if not xdp_maps.PINS.is_dir():
        return ()
    return tuple(sorted({folder.name.removesuffix("_partial") for folder in xdp_maps.PINS.iterdir()}))


def is_complete(object_hash: str) -> bool:
    return xdp_maps.pins(object_hash).is_dir()


def read_current(object_hash: str | None, links: Mapping[str, Link], names: Iterable[str] = ()) -> Current:
    """``object_hash``: the wanted object; ``names``: what is to be a port, beside what is one."""
    objects = loaded_objects()
    ours = {_program_id(name) for name in objects if is_complete(name)}
    foreign = {name: _foreign(links[name], ours) for name in names if name in links}
    settings, attached = None, {}
    if object_hash and is_complete(object_hash):
        settings = read_settings(object_hash)
        attached = _attached(object_hash, links)
    elif object_hash:
        objects = tuple(name for name in objects if name != object_hash)
    return Current(
        bpffs=xdp_bpf.is_bpffs(xdp_maps.BPFFS),
        compiled=xdp_compile.compiled(),
        loaded=objects,
        settings=settings,
        ports={
            name: attached.get(name) or PortState(foreign=foreign.get(name))
            for name in sorted({*attached, *foreign})
        },
    )


def read_settings(object_hash: str) -> Settings:
    folder = xdp_maps.pins(object_hash)
    with (
        xdp_bpf.Map.open(folder / "config") as config,
        xdp_bpf.Map.open(folder / "board_macs") as macs,
        xdp_bpf.Map.open(folder / "board_ipv4") as ipv4,
    ):
        ageing = config.get(xdp_maps.pack_u32(0)) or bytes(8)
        return Settings(
            ageing_time=xdp_maps.unpack_ageing(ageing),
            board_macs=tuple(sorted(map(xdp_maps.unpack_mac, macs.all_keys()))),
            board_ipv4=tuple(sorted(str(ipaddress.IPv4Address(key)) for key in ipv4.all_keys())),
        )


def read_roles(object_hash: str) -> dict[int, str]:
    """ifindex to role, of every port."""
    names = {number: role for role, number in xdp_maps.ROLES.items()}
    with xdp_bpf.Map.open(xdp_maps.pins(object_hash) / "ports") as ports:
        return {
            xdp_maps.unpack_u32(key): names[xdp_maps.unpack_u32(value)]
            for key, value in ports.all_items().items()
        }


def _attached(object_hash: str, links: Mapping[str, Link]) -> dict[str, PortState]:
    """Every interface with an attachment of ours, also of an interface that was deleted since (mode None)."""
    folder = xdp_maps.pins(object_hash)
    roles = read_roles(object_hash)
    found = {}
    for pin in folder.glob(f"{xdp_maps.LINK_PREFIX}*"):
        name = xdp_maps.link_name(pin)
        with xdp_bpf.pinned(pin) as descriptor:
            ifindex = xdp_bpf.link_info(descriptor).ifindex
        link = links.get(name)
        live = link is not None and link.ifindex == ifindex
        found[name] = PortState(
            role=roles.get(ifindex, "unknown"), mode=link.xdp_mode if link is not None and live else None
        )
    return found


def _program_id(object_hash: str) -> int:
    return program_id(xdp_maps.pins(object_hash))


def program_id(folder: Path) -> int:
    with xdp_bpf.pinned(folder / xdp_maps.PROGRAM) as descriptor:
        return xdp_bpf.program_id(descriptor)


def _foreign(link: Link, ours: set[int]) -> str | None:
    if link.program_id is None or link.program_id in ours:
        return None
    return f"program {link.program_id}, {link.xdp_mode} mode"
