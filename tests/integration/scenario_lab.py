# SPDX-License-Identifier: Apache-2.0
"""A lab under names of its own on which plain ansible-playbook measures trials, as a user without netlab would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.local_board import board_pid

ROOT = Path(__file__).resolve().parents[2]
INVENTORY = ROOT / "tests/inventory/hosts.yml"
LIMIT_S = 240


class Lab:
    """Two local boards, ``<prefix>dut`` and ``<prefix>peer``."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self.dut, self.peer = f"{prefix}dut", f"{prefix}peer"
        text = (
            INVENTORY.read_text(encoding="utf-8").replace("testdut", self.dut).replace("testpeer", self.peer)
        )
        self.inventory = folder / "hosts.yml"
        self.inventory.write_text(text, encoding="utf-8")

    def play(self, name: str, **variables: Any) -> str:
        """What ansible-playbook prints of a playbook of the collection, results as JSON included."""
        return self._run("ansible-playbook", "-v", f"netlab.testbed.{name}", "-e", json.dumps(variables))

    def pinning(self, pins: list[Mapping[str, Any]], *words: str, **others: Any) -> dict[str, Any]:
        """The result of module pinning on the dut."""
        arguments = json.dumps({"pins": pins, **others})
        told = self._run(
            "ansible", self.dut, "-m", "netlab.testbed.pinning", "-a", arguments, *words, status=None
        )
        return dict(json.JSONDecoder().raw_decode(told[told.index("=> {") + 3 :])[0])

    def on_dut(self, *argv: str) -> str:
        """What a program in the dut's namespaces prints."""
        enter = ["nsenter", "-t", str(board_pid(self.dut)), "-a", "--"]
        return subprocess.run(
            [*enter, *argv], stdout=subprocess.PIPE, text=True, timeout=30, check=True
        ).stdout

    def pins_in_ledger(self) -> list[str]:
        """Undos of pins that are still to be made."""
        text = self.on_dut("sh", "-c", "cat /var/lib/netlab-testbed/ledger/*.json")
        return [line for line in text.splitlines() if "pin.set" in line]

    def _run(self, program: str, *words: str, status: int | None = 0) -> str:
        done = subprocess.run(
            [str(Path(sys.executable).with_name(program)), "-i", str(self.inventory), *words],
            cwd=ROOT, env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"), "ANSIBLE_NOCOLOR": "1",
                           "ANSIBLE_PIPELINING": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
        assert status is None or done.returncode == status, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def trials(topology: str, wanted: Iterable[tuple[str, str]], **parameters: Any) -> list[dict[str, Any]]:
    """A plan's trials, in this order; ``wanted`` are scenarios with their conditions."""
    return [
        {
            "order": order, "block": 1, "topology": topology, "replica": 1, "scenario": scenario,
            "condition": condition, "instrument": "netperf", "parameters": {"duration_s": 1, **parameters},
        }
        for order, (scenario, condition) in enumerate(wanted, start=1)
    ]  # fmt: skip


def results(printed: str) -> Iterator[dict[str, Any]]:
    """The trials that a bench play printed, in order."""
    decoder = json.JSONDecoder()
    for line in printed.splitlines():
        if line.startswith(("ok: ", "changed: ")) and "=> {" in line:
            told = decoder.raw_decode(line[line.index("=> {") + 3 :])[0]
            if "status" in (told.get("trial") or {}):
                yield told["trial"]
