# SPDX-License-Identifier: Apache-2.0
"""The XDP bridge's operations. Each is idempotent: an undo may run although its change never happened.

Attachments are BPF links, pinned beside the program. Such a link takes the place of no other program and
none can take its place; it ends when we say so, or with its interface.
"""

from __future__ import annotations

import errno
import ipaddress
import shutil
import socket
import subprocess
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Refusal, operation
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import bpf as xdp_bpf
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import compile as xdp_compile
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import features as xdp_features
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import links as xdp_links
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import maps as xdp_maps

TIMEOUT_S = 60
FLAGS = {"native": xdp_bpf.FLAG_NATIVE, "generic": xdp_bpf.FLAG_GENERIC}

WHY_NOT = {
    errno.EBUSY: "another XDP program is on it already, and is never replaced",
    errno.EEXIST: "another XDP program is on it already, in the other mode",
    errno.EOPNOTSUPP: "its driver has no native XDP; 'datapath_xdp_mode: generic' in the inventory is slower",
    errno.ERANGE: "its MTU is too large for native XDP; 3498 bytes and less are safe with 4 KiB pages",
    errno.EINVAL: "its driver refuses native XDP as it is set up (MTU, rings or channels; see dmesg)",
    errno.ENOSPC: "it has fewer receive queues than its peer has transmit queues; see 'ethtool -l'",
    errno.ENOMEM: "it has too few queues for XDP's own; see 'ethtool -l'",
}


@operation("xdp.mount", "mount a BPF file system on /sys/fs/bpf", volatile=True)
def mount() -> None:
    if xdp_bpf.is_bpffs(xdp_maps.BPFFS):
        return
    _run("mount", "-t", "bpf", "-o", "mode=0700", "bpf", str(xdp_maps.BPFFS))


@operation("xdp.unmount", "unmount the BPF file system from /sys/fs/bpf", volatile=True)
def unmount() -> None:
    """Undo of ``mount``. If others have pinned something there since, it is theirs now, and stays."""
    if not xdp_bpf.is_bpffs(xdp_maps.BPFFS):
        return
    kernels_own = {"maps.debug", "progs.debug"}
    if not {entry.name for entry in xdp_maps.BPFFS.iterdir()} - kernels_own:
        _run("umount", str(xdp_maps.BPFFS))


@operation("xdp.compile", "compile the XDP bridge: {object_hash}")
def compile_object(object_hash: str, source: str) -> None:
    xdp_compile.compile_source(source, object_hash)


@operation("xdp.load", "load the XDP bridge {object_hash}", volatile=True)
def load(object_hash: str) -> None:
    """Programs and maps are pinned under a passing name first: a folder of the object's name is complete."""
    if xdp_maps.pins(object_hash).exists():
        return
    partial = _partial(object_hash)
    _remove_pins(partial)
    partial.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    compiled = xdp_compile.object_path(object_hash)
    _run("bpftool", "prog", "loadall", str(compiled), str(partial), "pinmaps", str(partial))
    partial.rename(xdp_maps.pins(object_hash))


@operation("xdp.unload", "detach and unload the XDP bridge {object_hash}", volatile=True)
def unload(object_hash: str) -> None:
    folder = xdp_maps.pins(object_hash)
    for pin in _links(folder):
        _end_link(pin)
    _remove_pins(folder)
    _remove_pins(_partial(object_hash))
    for parent in (xdp_maps.PINS, xdp_maps.OURS):
        try:
            parent.rmdir()
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                raise


@operation(
    "xdp.configure",
    "set up the XDP bridge: ageing {ageing_time} s; the board hears {board_macs} and ARP for {board_ipv4}",
    volatile=True,
)
def configure(object_hash: str, ageing_time: int, board_macs: list[str], board_ipv4: list[str]) -> None:
    folder = xdp_maps.pins(object_hash)
    with xdp_bpf.Map.open(folder / "config") as config:
        config.put(xdp_maps.pack_u32(0), xdp_maps.pack_ageing(ageing_time))
    _make_set(folder / "board_macs", {xdp_maps.pack_mac(mac) for mac in board_macs})
    _make_set(folder / "board_ipv4", {ipaddress.IPv4Address(address).packed for address in board_ipv4})


@operation("xdp.attach", "make {name} a port of the XDP bridge: {role}, {mode} mode", volatile=True)
def attach(object_hash: str, name: str, role: str, mode: str) -> None:
    """First a port, then attached: from its first frame on the program knows it."""
    link = xdp_links.read_links().get(name)
    if link is None:
        raise BoardError(f"there is no interface {name}: it must be made before it can be a port")
    folder = xdp_maps.pins(object_hash)
    _leave_gone(folder)
    _join(folder, link.ifindex, role)
    pin = xdp_maps.link_pin(object_hash, name)
    if pin.exists():
        if link.xdp_mode == mode and _attached_ifindex(pin) == link.ifindex:
            return
        _end_link(pin)
    with xdp_bpf.pinned(folder / xdp_maps.PROGRAM) as program:
        try:
            with xdp_bpf.attached(program, link.ifindex, FLAGS[mode]) as attachment:
                xdp_bpf.pin(attachment, pin)
        except OSError as error:
            _leave(folder, link.ifindex)
            raise _explained(name, mode, error) from error
    # Asked now: most drivers can be redirected to only while they have a program themselves.
    features = xdp_features.read_features(link.ifindex)
    if mode == "native" and features and not features.takes_redirects:
        detach(object_hash, name)
        raise Refusal(
            f"{name} cannot be a port of the XDP bridge: its driver takes no redirected frames as it is"
            " set up. On a veth the far end must receive by NAPI: switch its GRO on while both ends are up"
            " ('ethtool -K NAME gro on')"
        )
    if link.carrier:
        xdp_links.wait_for_carrier(name)


@operation("xdp.detach", "take {name} out of the XDP bridge", volatile=True)
def detach(object_hash: str, name: str) -> None:
    folder = xdp_maps.pins(object_hash)
    pin = xdp_maps.link_pin(object_hash, name)
    if pin.exists():
        ifindex = _attached_ifindex(pin)
        _end_link(pin)
        if ifindex:
            _leave(folder, ifindex)
    if folder.exists():
        _leave_gone(folder)


def _partial(object_hash: str) -> Path:
    return xdp_maps.PINS / f"{object_hash}_partial"


def _links(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{xdp_maps.LINK_PREFIX}*"))


def _attached_ifindex(pin: Path) -> int:
    """0 if the interface is gone: the pin outlives it."""
    with xdp_bpf.pinned(pin) as descriptor:
        return xdp_bpf.link_info(descriptor).ifindex


def _end_link(pin: Path) -> None:
    with xdp_bpf.pinned(pin) as descriptor:
        xdp_bpf.detach(descriptor)
    pin.unlink()


def _remove_pins(folder: Path) -> None:
    if folder.exists():
        for pin in folder.iterdir():
            pin.unlink()
        folder.rmdir()


def _make_set(path: Path, wanted: set[bytes]) -> None:
    with xdp_bpf.Map.open(path) as members:
        there = set(members.all_keys())
        for key in there - wanted:
            members.remove(key)
        for key in wanted - there:
            members.put(key, xdp_maps.pack_u32(1))


def _join(folder: Path, ifindex: int, role: str) -> None:
    key = xdp_maps.pack_u32(ifindex)
    try:
        with xdp_bpf.Map.open(folder / "counters") as counters:
            if counters.get(key) is None:
                counters.put(key, xdp_maps.no_counters(counters.value_size))
        with (
            xdp_bpf.Map.open(folder / "tx_ports") as targets,
            xdp_bpf.pinned(folder / xdp_maps.EGRESS_PROGRAM) as egress,
        ):
            targets.put(key, xdp_maps.pack_target(ifindex, egress))
        with xdp_bpf.Map.open(folder / "ports") as ports:
            ports.put(key, xdp_maps.pack_u32(xdp_maps.ROLES[role]))
    except OSError as error:
        if error.errno == errno.E2BIG:
            raise Refusal("the XDP bridge is full: 256 ports, uplink and guests together") from error
        raise


def _leave(folder: Path, ifindex: int) -> None:
    """No port any more, and nothing lives behind it."""
    key = xdp_maps.pack_u32(ifindex)
    for name in ("tx_ports", "ports", "counters"):
        with xdp_bpf.Map.open(folder / name) as entries:
            entries.remove(key)
    with xdp_bpf.Map.open(folder / "fdb") as stations:
        for mac, station in stations.all_items().items():
            if xdp_maps.unpack_station(station)[0] == ifindex:
                stations.remove(mac)


def _leave_gone(folder: Path) -> None:
    """Forget ports whose interface was deleted. The kernel clears the device map alone."""
    with xdp_bpf.Map.open(folder / "ports") as ports:
        ifindexes = [xdp_maps.unpack_u32(key) for key in ports.all_keys()]
    there = {index for index, _name in socket.if_nameindex()}
    for ifindex in ifindexes:
        if ifindex not in there:
            _leave(folder, ifindex)


def _explained(name: str, mode: str, error: OSError) -> BoardError:
    why = WHY_NOT.get(error.errno or 0)
    if why and (mode == "native" or error.errno in (errno.EBUSY, errno.EEXIST)):
        return Refusal(f"{name} cannot be a port of the XDP bridge ({mode} mode): {why}")
    return BoardError(f"{name} cannot be a port of the XDP bridge ({mode} mode): {error}")


def _run(*command: str) -> None:
    if shutil.which(command[0]) is None:
        raise BoardError(f"{command[0]} is missing on this board")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise BoardError(f"'{' '.join(command)}' has not ended within {TIMEOUT_S} s") from error
    if done.returncode:
        # libbpf's own message is the first line, with the verifier's log; bpftool's summary the last.
        said = done.stderr.strip().splitlines() or ["it says nothing"]
        raise BoardError(f"'{' '.join(command)}' failed: {'; '.join(dict.fromkeys((said[0], said[-1])))}")
