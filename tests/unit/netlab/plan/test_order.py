# SPDX-License-Identifier: Apache-2.0
"""The order of trials: complete blocks, topologies kept together, the same for a seed on every machine."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import groupby
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from netlab.plan.trials import TrialSpec, order_trials

names = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6, unique=True)
told = st.lists(
    st.sampled_from([("x", {}), ("x", {"n": 1}), ("y", {})]), min_size=1, max_size=3, unique_by=str
)
seeds = st.integers(0, 2**63 - 1)


@given(names, names, told, st.integers(1, 5), seeds)
def test_complete_blocks_with_topologies_together(
    topologies: list[str],
    scenarios: list[str],
    instruments: list[tuple[str, dict[str, int]]],
    blocks: int,
    seed: int,
) -> None:
    specs = order_trials(topologies, scenarios, instruments, blocks, seed)
    assert [spec.order for spec in specs] == list(range(1, len(specs) + 1))
    assert [spec.block for spec in specs] == sorted(spec.block for spec in specs)
    for block in range(1, blocks + 1):
        mine = [spec for spec in specs if spec.block == block]
        held = Counter((spec.topology, spec.scenario, spec.instrument, str(spec.parameters)) for spec in mine)
        assert set(held.values()) == {1}
        assert len(held) == len(topologies) * len(scenarios) * len(instruments)
        assert len([key for key, _ in groupby(spec.topology for spec in mine)]) == len(topologies)


@given(names, seeds)
def test_the_seed_alone_decides(topologies: list[str], seed: int) -> None:
    first = order_trials(topologies, ["latency"], [("x", {})], 3, seed)
    assert first == order_trials(topologies, ["latency"], [("x", {})], 3, seed)


def test_another_process_has_the_same_order(repository: Path) -> None:
    """Nothing of it depends on the hash seed, which differs between processes."""
    program = (
        "from netlab.plan.trials import order_trials;"
        "specs = order_trials(['host', 'user', 'tap', 'ovs'], ['latency'], [('x', {})], 2, 7);"
        "print(' '.join(spec.topology for spec in specs))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=repository,
        timeout=30,
        check=True,
    )
    here = order_trials(["host", "user", "tap", "ovs"], ["latency"], [("x", {})], 2, 7)
    assert said.stdout.split() == [spec.topology for spec in here]


def test_the_order_of_a_seed_never_changes() -> None:
    """A published seed must give its order with every later netlab and Python."""
    specs = order_trials(
        ["host", "user", "tap", "macvtap", "ovs", "xdp"], ["latency"], [("netperf", {})], 2, 1
    )
    assert " ".join(spec.topology for spec in specs) == GOLDEN


GOLDEN = "host macvtap xdp ovs tap user user ovs tap macvtap host xdp"


def test_blocks_differ_and_so_do_seeds() -> None:
    topologies = list("abcdefgh")
    orders = set()
    for seed in range(10):
        specs = order_trials(topologies, ["latency"], [("x", {})], 2, seed)
        orders |= {"".join(spec.topology for spec in specs if spec.block == block) for block in (1, 2)}
    assert len(orders) > 15


def test_every_position_is_equally_likely() -> None:
    """4000 orders of 4: each topology is first in 1000 of them, give or take 5 standard deviations."""
    first = Counter(
        order_trials(list("abcd"), ["s"], [("x", {})], 1, seed)[0].topology for seed in range(4000)
    )
    assert all(abs(count - 1000) < 5 * 27.4 for count in first.values())


def test_a_spec_survives_json() -> None:
    spec = TrialSpec(1, 1, "tap", "latency", "netperf", {"test": "UDP_RR"})
    assert TrialSpec.from_dict({**spec.as_dict(), "status": "ok"}) == spec
