# SPDX-License-Identifier: Apache-2.0
"""A trial measures what the same command measures by hand in the same guest: the wrapper costs nothing."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench.stopwatch import median, seconds

PAIRS = 10
BOUNDS = (0.97, 1.03)

pytestmark = [pytest.mark.root, pytest.mark.guest, pytest.mark.needs("virsh"), pytest.mark.timeout(600)]


@pytest.fixture
def bench(repository: Path, tmp_path: Path) -> Iterator[Callable[[], dict[str, Any]]]:
    """Runs one trial by `netlab bench` on the tests' own lab; its line of trials.jsonl."""
    program = repository / ".venv/bin/netlab"
    plan = tmp_path / "pair.yml"
    plan.write_text(
        "name: pair\ntopologies: [tap]\nblocks: 1\naa_pair: false\nquiet: {wait_s: 0}\n", encoding="utf-8"
    )

    def trial() -> dict[str, Any]:
        known = set(tmp_path.glob("results/*"))
        seconds(
            [program, "bench", plan, "-i", "tests/inventory", "--results", tmp_path / "results"], repository
        )
        (run,) = set(tmp_path.glob("results/*")) - known
        (line,) = (run / "trials.jsonl").read_text(encoding="utf-8").splitlines()
        return dict(json.loads(line))

    yield trial
    seconds([program, "destroy", "-i", "tests/inventory"], repository)


def in_guest(guest: str, argv: list[str], limit: float) -> str:
    """Run a program in a guest of board testdut with nothing but nsenter and virsh; what it printed."""
    init = json.loads(Path("/run/netlab-testbed/boards/testdut").read_text(encoding="utf-8"))["pid"]

    enter = ["nsenter", "-t", str(init), "-a", "--", "virsh", "--quiet", "qemu-agent-command", guest]

    def ask(command: str, **arguments: Any) -> Any:
        request = json.dumps({"execute": command, "arguments": arguments})
        done = subprocess.run([*enter, request], stdout=subprocess.PIPE, timeout=30, check=True)
        return json.loads(done.stdout)["return"]

    pid = ask("guest-exec", path=argv[0], arg=argv[1:], **{"capture-output": True})["pid"]
    time.sleep(2.2)  # the length of the run: the agent is not asked while it measures
    deadline = time.monotonic() + limit
    while not (status := ask("guest-exec-status", pid=pid))["exited"]:
        assert time.monotonic() < deadline, f"{argv[0]} still runs in {guest}"
        time.sleep(0.1)
    assert status["exitcode"] == 0
    return base64.b64decode(status["out-data"]).decode()


def test_trial_against_the_same_command_by_hand(
    bench: Callable[[], dict[str, Any]], figure: Callable[..., None]
) -> None:
    by_trial: list[float] = []
    by_hand: list[float] = []
    for _ in range(PAIRS):
        trial = bench()
        assert trial["status"] == "ok"
        by_trial.append(trial["metrics"]["p50_us"])
        printed = in_guest(trial["guest"], trial["command"], limit=20)
        values = dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)
        by_hand.append(float(values["P50_LATENCY"]))
    ratio = median(by_trial) / median(by_hand)
    figure("median round trip by netlab bench, us", median(by_trial), "for information")
    figure("the same by hand, us", median(by_hand), "for information")
    figure("netlab bench, times by hand", ratio, f"{BOUNDS[0]} to {BOUNDS[1]}")
    assert BOUNDS[0] <= ratio <= BOUNDS[1]
