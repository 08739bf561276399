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


def read_counter(source: str, name: str) -> dict[str, int]:
    """{rx_bytes, tx_bytes} of one place on the path."""
    return SOURCES[source](name)


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


SOURCES: dict[str, Callable[[str], dict[str, int]]] = {"link": _link, "ovs": _ovs, "xdp": _xdp}


def unmoved(before: Counts, after: Counts, amount: int = AMOUNT) -> list[str]:
    """Places that the bytes did not pass, in words. Pure."""
    complaints = []
    for place, counts in before.items():
        for key, count in counts.items():
            moved = after[place][key] - count
            if moved < amount:
                complaints.append(f"{place} {key} moved by {moved} of {amount} bytes")
    return complaints


def prove_guest(
    name: str | None, run: Run, peer: str, counters: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    """Send both ways between a guest (or the board itself, None) and the peer; what each counter moved by."""
    who = name or "this board"
    keys = [
        (f"{counter['source']} {counter['name']}", counter["source"], counter["name"]) for counter in counters
    ]
    before = {place: read_counter(source, where) for place, source, where in keys}
    for direction in DIRECTIONS:
        try:
            transfer(run, peer, direction)
        except BoardError as error:
            raise BoardError(f"{who}: {error}") from error
    after = {place: read_counter(source, where) for place, source, where in keys}
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
