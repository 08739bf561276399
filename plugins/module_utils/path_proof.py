# SPDX-License-Identifier: Apache-2.0
"""Proof that a datapath carries TCP, and that the frames went through it and not another way.

A ping proves neither: a path that mangles checksums answers it, and so does a path that goes around. So a
known number of bytes is sent over TCP each way, and every counter on the way (port of the bridge, flow,
XDP program, NIC) must have moved by at least as many, in both directions.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

AMOUNT = 128 * 1024  # bytes each way: a hundred full frames, 10 ms even on an emulated guest
LIMIT = 20  # seconds for one transfer
# Not netserver's own 12865: a distribution's netserver may hold that one on every address of the board.
PORT = 12866

# netperf's names for the two directions, seen from where it runs
DIRECTIONS = {"out": "TCP_STREAM", "in": "TCP_MAERTS"}

Run = Callable[[list[str]], tuple[int, str, str]]
Counts = Mapping[str, Mapping[str, int]]


def transfer_command(address: str, direction: str) -> list[str]:
    """netperf, limited by bytes (a negative -l), to the netserver at ``address``."""
    return [
        "netperf", "-4", "-H", address, "-p", str(PORT), "-t", DIRECTIONS[direction], "-l", f"-{AMOUNT}", "-P", "0",
        "--", "-k", "ELAPSED_TIME,THROUGHPUT",
    ]  # fmt: skip


def transfer(run: Run, address: str, direction: str) -> None:
    """One transfer; BoardError, in the program's own words, where TCP does not get through."""
    code, out, err = run(transfer_command(address, direction))
    if code or "THROUGHPUT=" not in out:
        said = (err.strip() or out.strip() or f"netperf ended with status {code}").splitlines()[-1]
        raise BoardError(f"TCP to {address} ({direction}) does not get through: {said}")


def on_board(argv: list[str]) -> tuple[int, str, str]:
    """Run a program here, bounded."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return 1, "", f"nothing came of it within {LIMIT} s"
    return done.returncode, done.stdout, done.stderr


def read_counter(source: str, name: str, run: Run = on_board) -> dict[str, int]:
    """{rx_bytes, tx_bytes} of one place on the path; ``run`` runs programs where the transfer starts.

    Empty where the place does not count, which only a NIC's port may.
    """
    return guest_nic(run, name) if source == "guest" else SOURCES[source](name)


GUEST_NICS = """
for nic in /sys/class/net/*; do
  [ "${nic##*/}" = lo ] && continue
  driver=$(readlink "$nic/device/driver") || driver=none
  cd "$nic/statistics"
  echo "${nic##*/}" "$(cat "$nic/address")" "${driver##*/}" "$(cat rx_bytes)" "$(cat tx_bytes)"
done
"""


def guest_nic(run: Run, mac: str) -> dict[str, int]:
    """What the guest's NIC has counted: the only one that it has, of this address, driven as hardware.

    Of a device that the guest drives itself the board sees no frame. So it is the guest that counts, and what makes it
    proof is that no byte had another way out of it.
    """
    code, out, err = run(["/bin/sh", "-c", GUEST_NICS])
    nics = [line.split() for line in out.splitlines()]
    if code or any(len(nic) != 5 for nic in nics):
        raise BoardError(f"the guest's NICs cannot be read: {err.strip() or out.strip()}")
    told = (
        ", ".join(f"{name} ({address}, driver {driver})" for name, address, driver, *_counts in nics)
        or "none"
    )
    if len(nics) != 1 or nics[0][1] != mac.lower() or nics[0][2].startswith("virtio"):
        raise BoardError(
            f"the guest is to have one NIC, with address {mac} and a driver of its own; it has: {told}"
        )
    return {"rx_bytes": int(nics[0][3]), "tx_bytes": int(nics[0][4])}


# A NIC's own count of what passed its port, to and from virtual functions too, by the names that drivers give it in
# `ethtool -S`; `rx_bytes` and `tx_bytes` are that of igb alone, and the board's own traffic of most others.
PORT_COUNTERS = (
    ("rx_bytes_phy", "tx_bytes_phy"),  # mlx5
    ("port.rx_bytes", "port.tx_bytes"),  # i40e
    ("rx_bytes.nic", "tx_bytes.nic"),  # ice
    ("rx_bytes_nic", "tx_bytes_nic"),  # ixgbe
)
PORT_COUNTERS_BY_DRIVER = {"igb": ("rx_bytes", "tx_bytes"), "igc": ("rx_bytes", "tx_bytes")}


def port_counts(told: str, driver: str) -> dict[str, int]:
    """From the text of `ethtool -S`; empty where the driver has no such count that we know of. Pure."""
    counts = {
        name.strip(): int(value)
        for name, _, value in (line.rpartition(":") for line in told.splitlines())
        if value.strip().isdigit()
    }
    for names in (*PORT_COUNTERS, PORT_COUNTERS_BY_DRIVER.get(driver, ("", ""))):
        if set(names) <= set(counts):
            return dict(zip(("rx_bytes", "tx_bytes"), (counts[name] for name in names), strict=True))
    return {}


def _port(name: str) -> dict[str, int]:
    code, out, _err = on_board(["ethtool", "-S", name])
    driver = Path(f"/sys/class/net/{name}/device/driver")
    return port_counts(out, driver.resolve().name) if code == 0 else {}


def _link(name: str) -> dict[str, int]:
    folder = Path(f"/sys/class/net/{name}/statistics")
    try:
        return {key: int((folder / key).read_text(encoding="ascii")) for key in ("rx_bytes", "tx_bytes")}
    except OSError as error:
        raise BoardError(f"interface {name} is gone") from error


def _ovs(name: str) -> dict[str, int]:
    from ansible_collections.netlab.testbed.plugins.module_utils.ovs.counters import read_port

    return read_port(name)


def _xdp(name: str) -> dict[str, int]:
    from ansible_collections.netlab.testbed.plugins.module_utils.xdp.counters import read_port

    return read_port(name)


SOURCES: dict[str, Callable[[str], dict[str, int]]] = {"link": _link, "ovs": _ovs, "port": _port, "xdp": _xdp}


def unmoved(before: Counts, after: Counts, amount: int = AMOUNT) -> list[str]:
    """Places that the bytes did not pass, in words. Pure."""
    complaints = []
    for place, counts in before.items():
        for key, count in counts.items():
            moved = after[place][key] - count
            if moved < amount:
                complaints.append(f"{place} {key} moved by {moved} of {amount} bytes")
    return complaints


def _read(keys: Sequence[tuple[str, str, str]], run: Run, who: str) -> dict[str, dict[str, int]]:
    try:
        return {place: read_counter(source, where, run) for place, source, where in keys}
    except BoardError as error:
        raise BoardError(f"{who}: {error}") from error


def prove_guest(
    name: str | None, run: Run, peer: str, counters: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    """Send both ways between a guest (or the board itself, None) and the peer; what each counter moved by."""
    who = name or "this board"
    keys = [
        (f"{counter['source']} {counter['name']}", counter["source"], counter["name"]) for counter in counters
    ]
    before = _read(keys, run, who)
    for direction in DIRECTIONS:
        try:
            transfer(run, peer, direction)
        except BoardError as error:
            raise BoardError(f"{who}: {error}") from error
    after = _read(keys, run, who)
    complaints = unmoved(before, after)
    if complaints:
        raise BoardError(
            f"{who}: TCP reached {peer}, but not by this datapath: {'; '.join(complaints)}."
            " Is there another way between them?"
        )
    moved = {
        place: {key: after[place][key] - count for key, count in counts.items()}
        for place, counts in before.items()
    }
    return {"guest": name, "peer": peer, "bytes_each_way": AMOUNT, "moved": json.loads(json.dumps(moved))}
