# SPDX-License-Identifier: Apache-2.0
"""The 2022 tables beside a run: published figures, ours, and every difference between them by name."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from netlab import plan, report
from netlab.report.environment import Board
from netlab.report.hardware import SAYS, hardware_of
from netlab.report.protocol import differences
from netlab.report.published import publications, published
from netlab.report.summary import Summary, summarise
from netlab.results import RunStore
from tests.unit.netlab.report.conftest import BASE, Make
from tests.unit.netlab.report.test_browser import PROGRAMS, Browser, look

GOLDEN = Path(__file__).resolve().parents[3] / "golden/report"
COMMAND = [
    "netperf",
    "-H",
    "192.0.2.2",
    "-l",
    "-1000",
    "-t",
    "TCP_RR",
    "-w",
    "10ms",
    "-b",
    "1",
    "-v",
    "2",
    "-P",
    "0",
]
COMMAND += ["--", "-k", "MIN_LATENCY,MEAN_LATENCY,MAX_LATENCY,STDDEV_LATENCY,TRANSACTION_RATE,P50_LATENCY"]
UNPACED = {"rule": "unpaced_although_asked", "text": "this netperf cannot pace: requests went back to back"}
CONNECT = {"rule": "first_sample_contains_connect", "text": "max, mean and stddev count connect()"}
TIMEOUT = {"rule": "retransmission_timeout_suspected", "text": "max 207.8 ms"}
Change = Callable[[dict[str, Any]], dict[str, Any] | None]


def measured(result: dict[str, Any]) -> dict[str, Any]:
    """A trial of the preset on a machine like the local lab: unpaced; B moves bytes, and now and then loses some."""
    base = BASE[result["topology"]] + result["block"]
    factor = {"different-cpus": 3, "same-cpu": 4}.get(result["condition"], 1)
    metrics = {
        "min_us": base * 3 // 5, "mean_us": base * 1.02 * factor, "p50_us": base * factor, "max_us": base * 9 * factor,
        "stddev_us": base * 0.31 * factor, "transactions": 1000, "transaction_rate": 980000 / base / factor,
    }  # fmt: skip
    flags = [UNPACED, CONNECT]
    loads: list[Mapping[str, Any]] = []
    if factor > 1:
        loads = [{"name": "B", "kind": "bulk", "guest": None, "achieved": {"mbit_per_s": 900 + base}}]
    if result["condition"] == "same-cpu" and result["block"] == 2:
        metrics |= {"max_us": 207800, "stddev_us": 6600, "mean_us": 400}
        flags = [*flags, TIMEOUT]
    return {
        **result, "metrics": metrics, "flags": flags, "loads": loads, "command": COMMAND,
        "pacing": "back to back, although 10 ms were asked for",
    }  # fmt: skip


@pytest.fixture
def beside(make: Make) -> Callable[..., RunStore]:
    """beside(change, **told): a complete run of the plan, two blocks."""

    def run(change: Change = lambda result: result, **told: Any) -> RunStore:
        return make(
            lambda result: change(measured(result)),
            plan.Design.of(plan.load("stratos-2022", blocks=2)),
            **told,
        )

    return run


def said(summary: Summary) -> dict[str, str]:
    """The differences' texts by title."""
    (own,) = published(summary)
    return {note.title: note.text for note in differences(own, summary)}


# -- the data, against the report itself ------------------------------------------------------------------


def test_the_figures_are_those_of_the_report() -> None:
    """Typed a second time from the report, so that a slip in the data file is seen."""
    (own,) = publications()
    told = {
        row["label"]: tuple(row["figures"].values()) if "figures" in row else row["says"]
        for table in own["tables"]
        for row in table["rows"]
    }
    assert told == {
        "host2-to-host1": (180, 203, 408, 8.5),
        "vm-to-host1, user(+nat)": "failed",
        "vm-to-host1, tap": (214, 254, 581, 14.2),
        "vm-to-host1, macvtap": (217, 244, 567, 13.0),
        "vm-to-host1, passthrough": "under investigation",
        "vm-to-host1, ovs": (266, 291, 671, 13.3),
        "vm-to-host1, eBPF (XDP)": (221, 254, 571, 13.4),
        "A only": (178, 200, 433, 9.14),
        "A+B on different CPUs": (236, 968, 207847, 9249),
        "A+B on the same CPU": (214, 1146, 207362, 13053),
    }


def test_every_row_that_can_be_built_is_in_the_plan() -> None:
    design = plan.Design.of(plan.load("stratos-2022"))
    planned = {(spec.topology, spec.scenario, spec.condition) for spec in design.trials()}
    (own,) = publications()
    rows = {
        (row["topology"], table["scenario"], row.get("condition", ""))
        for table in own["tables"]
        for row in table["rows"]
    }
    assert {key for key in rows - planned if key[0] != "sriov"} == set()


# -- golden tables ----------------------------------------------------------------------------------------


def golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def part(text: str, start: str, end: str) -> str:
    """From the line that starts so to the one that starts otherwise."""
    found = re.search(rf"^{start}.*?(?=^{end})", text, re.MULTILINE | re.DOTALL)
    assert found
    return found[0]


@pytest.mark.parametrize("width", [100, 60])
def test_both_tables_on_a_terminal(beside, width: int) -> None:
    text = part(report.render(beside(), width=width), "Beside it", "What they are")
    golden(f"published-{width}.txt", text)
    assert all(len(line) <= width or len(line.split()) == 1 for line in text.splitlines())


def test_both_tables_as_markdown(beside) -> None:
    golden("published.md", part(report.render(beside(), "markdown"), "### Beside it", r"\*\*What they are"))


def test_json(beside) -> None:
    (own,) = json.loads(report.render(beside(), "json"))["published"]
    assert [table["issue"] for table in own["tables"]] == ["STR-68", "STR-76"]
    first = own["tables"][0]["rows"][0]
    assert first["published"] == {"min_us": 180, "mean_us": 203, "max_us": 408, "stddev_us": 8.5}
    assert first["here"]["min_us"] == 32 * 3 // 5
    assert (first["runs"], first["hardware"]) == (2, "not ARM64")
    assert own["tables"][0]["rows"][4]["here_says"] == "not part of this plan"
    assert [note["title"] for note in own["differences"]][:4] == [
        "Hardware", "Pacing", "First sample", "Retransmission timeouts",
    ]  # fmt: skip


def test_html(beside) -> None:
    text = report.write_html(beside()).read_text(encoding="utf-8")
    assert "Beside it: Linaro Stratos report" in text
    assert "207847" in text
    assert 'data-label="published stddev">13053<' in text
    assert "not measured on ARM64 hardware" in text


def test_a_run_of_another_command_has_no_such_tables(complete: RunStore) -> None:
    assert published(summarise(complete)) == []
    assert "Beside it" not in report.render(complete)
    assert json.loads(report.render(complete, "json"))["published"] == []


def test_a_plan_of_ones_own_with_the_preset_has_them(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "mine.yml"
    instruments = "[netperf, {name: netperf, parameters: {preset: stratos-2022}}]"
    file.write_text(f"topologies: [host, tap]\nblocks: 1\ninstruments: {instruments}\n", encoding="utf-8")
    store = make(measured, plan.Design.of(plan.load(file)))
    (own,) = published(summarise(store))
    filled = [row.label for table in own.tables for row in table.rows if row.lines]
    assert filled == ["host2-to-host1", "vm-to-host1, tap"]
    assert all(line["parameters"] for line in own.lines), "trials without the preset are not compared"


# -- differences come from the trials ---------------------------------------------------------------------


def test_what_the_trials_say_is_said(beside) -> None:
    told = said(summarise(beside()))
    assert "the netperf here cannot do that: all 18 trials were not paced" in told["Pacing"]
    assert "2.0 to 2.3 times avg" in told["First sample"]
    assert "So do those here:" in told["First sample"]
    assert "Here 1 of 18 trials have such a maximum." in told["Retransmission timeouts"]
    assert "every row: not measured on ARM64 hardware" in told["Hardware"]
    assert "under TCG (emulated CPUs)" in told["Guests"]
    assert "A+B on different CPUs: B 932 Mbit/s" in told["Load (B)"]
    assert "A row here is 2 runs of 1000 transactions" in told["Runs"]
    assert "0.5 s of traffic went before each" in told["Runs"]
    assert "here also -P 0, -k MIN_LATENCY" in told["Command"]
    assert "not here -O" in told["Command"]


def test_what_they_do_not_say_is_not_asserted(beside) -> None:
    """Paced, warm, without connect() and without loss: nothing of the usual is claimed."""

    def other(result: dict[str, Any]) -> dict[str, Any]:
        calm = {**result["metrics"], "max_us": 150_000}
        return {**result, "flags": [], "pacing": "paced: one each 10 ms", "loads": [], "metrics": calm}

    told = said(summarise(beside(other, accelerator={"board1": {"accelerator": "kvm", "reason": ""}})))
    assert "this run was paced as its trials say (paced: one each 10 ms)" in told["Pacing"]
    assert "Those here do not" in told["First sample"]
    assert "Here no trial has such a maximum" in told["Retransmission timeouts"]
    assert "under KVM" in told["Guests"]
    assert "TCG" not in " ".join(told.values())
    assert "Load (B)" not in told


def test_a_busy_machine_and_a_program_started_by_another_are_told_of(beside) -> None:
    def busy(result: dict[str, Any]) -> dict[str, Any]:
        if result["condition"] != "same-cpu":
            return result
        flags = [{"rule": "machine_not_quiet", "text": "not quiet after 10 s"}]
        return {**result, "flags": flags, "command": ["taskset", "-c", "0", *COMMAND, "-p", "12866"]}

    told = said(summarise(beside(busy)))
    assert told["Other load"].startswith("Here 2 of 18 trials began while the machine was busy")
    assert "here started by taskset -c 0 in some trials; here also -P 0, -k" in told["Command"]
    assert "12866" not in told["Command"]


def test_a_slow_maximum_is_told_of_even_without_its_flag(beside) -> None:
    def slow(result: dict[str, Any]) -> dict[str, Any]:
        return {**result, "flags": [], "metrics": {**result["metrics"], "max_us": 210_000}}

    told = said(summarise(beside(slow)))["Retransmission timeouts"]
    assert "all 18 trials are as slow without the flag" in told


def test_a_failed_topology_is_told_with_its_reason(beside) -> None:
    def failed(result: dict[str, Any]) -> dict[str, Any]:
        if result["topology"] != "ovs":
            return result
        nothing = {"metrics": {}, "flags": [], "status": "failed", "reason": "guest1 did not answer"}
        return {**result, **nothing}

    store = beside(failed)
    assert "vm-to-host1, ovs: here not measured: guest1 did not answer" in report.render(store)


def test_nothing_measured_is_nothing_compared(beside) -> None:
    def failed(result: dict[str, Any]) -> dict[str, Any]:
        return {**result, "metrics": {}, "status": "failed", "reason": "no answer"}

    assert list(said(summarise(beside(failed)))) == ["Compared"]


# -- hardware ---------------------------------------------------------------------------------------------


def board(arch: str, *, local: bool = False, accelerator: str = "kvm") -> Board:
    return Board("b", local, (), "", arch, "", "", "", "", "", accelerator, "")


@pytest.mark.parametrize(
    ("own", "environment", "in_guest", "kind"),
    [
        (board("x86_64"), {"cpu": {"machine": "PC"}}, False, "not ARM64"),
        (board(""), {}, False, "not known"),
        (board("aarch64"), {}, False, "not known"),
        (board("aarch64"), {"cpu": {"machine": "Marvell Armada 8040 MACCHIATOBin"}}, True, "ARM64"),
        (board("aarch64"), {"cpu": {"machine": "QEMU Virtual Machine"}}, True, "emulated"),
        (board("aarch64"), {"cpu": {"machine": "linux,dummy-virt"}}, False, "emulated"),
        (board("aarch64", local=True), {"cpu": {"machine": "Ampere"}}, False, "ARM64, veth"),
        (board("aarch64", accelerator="tcg"), {"cpu": {"machine": "Ampere"}}, True, "ARM64, TCG"),
        (board("aarch64", accelerator="tcg"), {"cpu": {"machine": "Ampere"}}, False, "ARM64"),
    ],
)
def test_what_counts_as_arm64_hardware(own: Board, environment: Any, in_guest: bool, kind: str) -> None:
    assert hardware_of(own, environment, in_guest=in_guest) == kind
    assert kind in SAYS


@pytest.mark.parametrize("width", [390, 1280])
def test_in_a_browser_both_tables_fit(beside, tmp_path: Path, width: int) -> None:
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"needs one of the programs {', '.join(PROGRAMS)}")
    page = report.write_html(beside())
    browser = Browser(program, tmp_path / "profile")
    try:
        found = look(browser, page, width, dark=False)
        complaints = browser.complaints()
    finally:
        browser.close()
    assert complaints == []
    assert found["scroll"] <= width
    assert found["over"] == []
