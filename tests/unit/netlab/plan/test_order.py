# SPDX-License-Identifier: Apache-2.0
"""The order of trials: complete blocks, topologies kept together, the same for a seed on every machine."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from netlab.plan import Plan
from netlab.plan.trials import Plot, Treatment, TrialSpec, order_trials

names = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6, unique=True)
conditions = st.lists(
    st.sampled_from([("s", ""), ("t", "one"), ("t", "two"), ("u", "1")]), min_size=1, max_size=4, unique=True
)
told = st.lists(
    st.sampled_from([("x", {}), ("x", {"n": 1}), ("y", {})]), min_size=1, max_size=3, unique_by=str
)
seeds = st.integers(0, 2**63 - 1)


def simple(topologies: Sequence[str], blocks: int, seed: int) -> list[TrialSpec]:
    """One treatment on each topology, no A/A pair."""
    treatments = [Treatment("latency", "", "netperf", {})]
    return order_trials(
        [Plot(topology) for topology in topologies], dict.fromkeys(topologies, treatments), blocks, seed
    )


@given(names, conditions, told, st.integers(1, 5), seeds, st.booleans())
def test_complete_blocks_with_topologies_together(
    topologies: list[str],
    scenarios: list[tuple[str, str]],
    instruments: list[tuple[str, dict[str, int]]],
    blocks: int,
    seed: int,
    aa_pair: bool,
) -> None:
    treatments = [Treatment(*what, *told) for what in scenarios for told in instruments]
    plots = [Plot(topology) for topology in topologies] + [Plot(topologies[0], 2)] * aa_pair
    specs = order_trials(plots, dict.fromkeys(topologies, treatments), blocks, seed)
    assert [spec.order for spec in specs] == list(range(1, len(specs) + 1))
    assert [spec.block for spec in specs] == sorted(spec.block for spec in specs)
    for block in range(1, blocks + 1):
        mine = [spec for spec in specs if spec.block == block]
        held = Counter(
            (
                spec.topology,
                spec.replica,
                spec.scenario,
                spec.condition,
                spec.instrument,
                str(spec.parameters),
            )
            for spec in mine
        )
        assert set(held.values()) == {1}
        assert len(held) == len(plots) * len(treatments)
        assert len([key for key, _ in groupby((spec.topology, spec.replica) for spec in mine)]) == len(plots)


@given(names, seeds)
def test_the_seed_alone_decides(topologies: list[str], seed: int) -> None:
    assert simple(topologies, 3, seed) == simple(topologies, 3, seed)


def test_another_process_has_the_same_order(repository: Path) -> None:
    """Nothing of it depends on the hash seed, which differs between processes."""
    program = (
        "from netlab.plan import Design, load;"
        "specs = Design.of(load('demo')).trials();"
        "print(' '.join(f'{spec.topology}.{spec.replica}' for spec in specs))"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            cwd=repository,
            timeout=30,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert said[0] == said[1]
    assert len(said[0].split()) == 14


def test_the_order_of_a_seed_never_changes() -> None:
    """A published seed must give its order with every later netlab and Python."""
    specs = simple(["host", "user", "tap", "macvtap", "ovs", "xdp"], 2, 1)
    assert " ".join(spec.topology for spec in specs) == GOLDEN


GOLDEN = "host macvtap xdp ovs tap user user ovs tap macvtap host xdp"


def test_blocks_differ_and_so_do_seeds() -> None:
    orders = set()
    for seed in range(10):
        specs = simple(list("abcdefgh"), 2, seed)
        orders |= {"".join(spec.topology for spec in specs if spec.block == block) for block in (1, 2)}
    assert len(orders) > 15


def test_every_position_is_equally_likely() -> None:
    """4000 orders of 4: each topology is first in 1000 of them, give or take 5 standard deviations."""
    first = Counter(simple(list("abcd"), 1, seed)[0].topology for seed in range(4000))
    assert all(abs(count - 1000) < 5 * 27.4 for count in first.values())


def plan(**told: Any) -> Plan:
    return Plan.model_validate({"name": "p", "topologies": ["tap", "host", "ovs"], "blocks": 4, **told})


def test_the_baseline_is_measured_twice_in_each_block_wherever_chance_puts_it() -> None:
    places = set()
    for seed in range(30):
        for block in range(1, 5):
            plots = [
                (spec.topology, spec.replica) for spec in plan(seed=seed).trials() if spec.block == block
            ]
            assert sorted(plots) == [("host", 1), ("host", 2), ("ovs", 1), ("tap", 1)]
            places.add((plots.index(("host", 1)), plots.index(("host", 2))))
    assert len(places) == 12  # every two of four places, in either order


def test_the_pair_can_be_done_without_and_another_baseline_chosen() -> None:
    assert {spec.replica for spec in plan(aa_pair=False).trials()} == {1}
    again = [spec.topology for spec in plan(baseline="ovs").trials() if spec.replica == 2]
    assert again == ["ovs"] * 4
    assert plan(topologies=["tap", "ovs"]).baseline == "tap"


def test_conditions_are_shuffled_too() -> None:
    told = plan(
        topologies=["host"],
        blocks=60,
        aa_pair=False,
        scenarios=[{"name": "interference", "conditions": ["alone", "same-cpu"]}, "latency"],
    )
    orders = {
        tuple(spec.condition or spec.scenario for spec in told.trials() if spec.block == block)
        for block in range(1, 61)
    }
    assert len(orders) == 6


def test_a_topology_without_a_treatment_is_left_out() -> None:
    one = [Treatment("s", "", "x", {})]
    specs = order_trials([Plot("a"), Plot("b"), Plot("a", 2)], {"a": [], "b": one}, 2, 1)
    assert [spec.topology for spec in specs] == ["b", "b"]


def test_a_spec_survives_json() -> None:
    spec = TrialSpec(1, 1, "tap", "scaling", "netperf", {"test": "UDP_RR"}, "4", 2)
    assert TrialSpec.from_dict({**spec.as_dict(), "status": "ok"}) == spec
    assert list(spec.as_dict()) == [
        *("order", "block", "topology", "replica", "scenario", "condition", "instrument", "parameters")
    ]


def test_a_spec_of_schema_version_1_is_read() -> None:
    old = {"order": 1, "block": 1, "topology": "tap", "scenario": "latency", "instrument": "netperf"}
    assert TrialSpec.from_dict({**old, "parameters": {}}) == TrialSpec(1, 1, "tap", "latency", "netperf")
