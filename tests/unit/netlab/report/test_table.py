# SPDX-License-Identifier: Apache-2.0
"""The table in a terminal: its form, its width, and that nothing from outside can drive the terminal."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab import plan, report
from netlab.errors import InvalidInput
from netlab.report import text
from netlab.report.row import Row
from netlab.results import RunStore

Make = Callable[..., RunStore]


def body(table: str) -> list[str]:
    """Lines between the second and the third rule of a table."""
    rules = [number for number, line in enumerate(table.splitlines()) if line.startswith("----")]
    return table.splitlines()[rules[1] + 1 : rules[2]]


def test_six_rows_in_the_form_of_the_2022_report(complete: RunStore) -> None:
    lines = body(report.render(complete, "table", 100))
    assert [re.split(r"\s{2,}", line)[0] for line in lines] == [
        "host", "host (again)", "vm-to-peer, user", "vm-to-peer, tap", "vm-to-peer, macvtap",
        "vm-to-peer, ovs", "vm-to-peer, xdp",
    ]  # fmt: skip
    low, mean, high, stddev, p50, p90, p99, rate, runs, flags = re.split(r"\s+", lines[3])[2:]
    assert (low, mean, high, stddev) == ("211", "361", "3186", "110")
    assert (p50, p90, p99, rate, runs, flags) == ("354", "459", "671", "2772", "2", "a")


@pytest.mark.parametrize("width", range(40, 121, 8))
def test_no_line_is_wider_than_the_terminal(troubled: RunStore, width: int) -> None:
    lines = report.render(troubled, "table", width).splitlines()
    assert not [line for line in lines if len(line) > width and len(line.split()[-1]) < width - 10]


def test_the_variable_columns_decides(complete: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert report.render(complete) == report.render(complete, "table", 60)


def test_ascii_and_no_control_characters(troubled: RunStore) -> None:
    made = report.render(troubled, "table", 100)
    assert made.isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", made)


def test_it_says_what_the_figures_are_and_are_not(complete: RunStore) -> None:
    made = " ".join(report.render(complete, "table", 100).split())
    for words in (
        "Round trips in microseconds",
        "back-to-back",
        "percentiles are never averaged",
        "local boards, containers of Linux namespaces on one machine",
        "under TCG",
        "the guest kernel did not boot under KVM within 10 s",
        "Microseconds under TCG say nothing about hardware",
        "contains connect()",
        "results/20261122-101530-demo",
    ):
        assert words in made
    assert "Incomplete" not in made
    assert "Report: " not in made


def test_the_report_is_named_once_it_is_there(complete: RunStore) -> None:
    path = report.write_html(complete)
    assert f"Report: {path}" in report.render(complete, "table", 100)


def test_a_board_over_ssh_under_kvm_is_not_called_emulated(make: Make) -> None:
    inventory = {"board1": {"groups": ["duts"]}, "board2": {"groups": ["peers"]}}
    kvm = {"board1": {"accelerator": "kvm", "reason": "the guest kernel booted under it"}}
    made = " ".join(report.render(make(inventory=inventory, accelerator=kvm)).split())
    assert "under KVM" in made
    assert "TCG" not in made
    assert "namespaces" not in made
    assert "nothing was stored that tells an emulated board from a real one" in made
    assert "is emulated" not in made


@pytest.mark.parametrize(
    ("machine", "emulated"), [("linux,dummy-virt", True), ("MACCHIATOBin-Doubleshot", False)]
)
def test_a_board_that_is_a_virtual_machine_is_called_emulated(
    make: Make, machine: str, emulated: bool
) -> None:
    """By what the run's own environment says of it; its peer may be a local board."""
    inventory = {"board1": {"groups": ["duts"]}, "board2": {"groups": ["peers", "local_boards"]}}
    run = make(inventory=inventory)
    run.set_environment(
        "before", {"board1": {"cpu": {"machine": machine}}, "board2": {"cpu": {"virtual": True}}}
    )
    made = " ".join(report.render(run).split())
    assert ("board1 is emulated: its machine is linux,dummy-virt." in made) is emulated
    assert ("Microseconds of board1 say nothing about hardware" in made) is emulated
    assert "board2 is emulated" not in made  # it is not on a machine of its own
    assert "nothing was stored that tells" not in made


def test_boards_that_nothing_was_stored_of_are_not_called_anything(make: Make) -> None:
    made = " ".join(report.render(make(inventory=None, accelerator=None)).split())
    assert "what kind of boards these are was not stored" in made
    assert "over the network" not in made


def test_a_footnote_names_the_rows_and_runs_it_is_about(make: Make) -> None:
    def change(result: dict[str, Any]) -> dict[str, Any]:
        note = {"rule": "seldom", "text": f"a note of {result['order']}"}
        seldom = (
            [note] if (result["topology"], result["block"]) in (("tap", 1), ("ovs", 1), ("ovs", 2)) else []
        )
        return {**result, "flags": [*seldom, {"rule": "always", "text": f"trial {result['order']}"}]}

    made = " ".join(report.render(make(change), "table", 100).split())
    assert "[tap (1 of 2 runs), ovs; figures differ]" in made
    assert "[every row; figures differ]" in made


def test_a_long_command_does_not_break_the_width(make: Make) -> None:
    made = report.render(make(lambda result: {**result, "command": ["x", "A," * 200]}), "table", 80)
    assert max(len(line) for line in made.splitlines()) <= 80


def test_what_went_wrong_stands_under_the_table(troubled: RunStore) -> None:
    made = " ".join(report.render(troubled, "table", 100).split())
    assert "10 of 14 trials were measured; 1 failed; 2 skipped; 1 not run." in made
    assert "netlab bench --resume 20261122-101530-demo" in made
    assert "RULE BROKEN: order_of_figures" in made
    assert "trial_failed: guest1 did not answer within 60 s [tap]" in made
    assert "percentile_undersampled: 600 transactions leave fewer than ten samples beyond p99" in made


def test_one_block_resolves_nothing(make: Make) -> None:
    made = report.render(make(wanted=plan.load("demo", topologies=["host", "tap"], blocks=1)), "table", 100)
    assert "no difference between rows is resolved" in " ".join(made.split())


def test_an_empty_run(make: Make) -> None:
    store = make(lambda result: None)
    made = report.render(store, "table", 100)
    assert "No trial was measured" in made
    assert len(body(made)) == 7
    for fmt in report.FORMATS:
        assert report.render(store, fmt)
    assert report.write_html(store).read_text()


def test_two_instruments_are_two_tables(make: Make) -> None:
    told = [{"name": "netperf", "parameters": {"test": test}} for test in ("TCP_RR", "UDP_RR")]
    wanted = plan.Plan.model_validate({"name": "two", "topologies": ["host", "tap"], "instruments": told})
    made = report.render(make(wanted=wanted), "table", 100)
    assert made.index("(latency, netperf test=TCP_RR)") < made.index("(latency, netperf test=UDP_RR)")


def test_json_has_the_rows_and_csv_the_same(complete: RunStore) -> None:
    document = json.loads(report.render(complete, "json"))
    topologies = ["host", "host", "user", "tap", "macvtap", "ovs", "xdp"]
    assert [row["topology"] for row in document["rows"]] == topologies
    assert document["trials"] == {"planned": 14, "ok": 14, "failed": 0, "skipped": 0}
    lines = list(csv.DictReader(io.StringIO(report.render(complete, "csv"))))
    assert list(lines[0]) == Row.columns()
    for line, row in zip(lines, document["rows"], strict=True):
        assert float(line["mean_us"]) == row["mean_us"]
        assert line["flags"].split() == [flag["rule"] for flag in row["flags"]]


def test_no_such_format(complete: RunStore) -> None:
    with pytest.raises(InvalidInput, match="there is no format 'pdf'"):
        report.render(complete, "pdf")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "-"),
        (0.0, "0.0"),
        (8.49, "8.5"),
        (99.94, "99.9"),
        (99.96, "100"),
        (203.4, "203"),
        (207847, "207847"),
    ],
)
def test_figures(value: float | None, expected: str) -> None:
    assert text.figure(value) == expected


@given(st.text(max_size=80))
def test_text_from_outside_is_harmless(given_text: str) -> None:
    made = text.ascii_safe(text.one_line(given_text))
    assert made.isascii()
    assert "\n" not in made
    assert made.isprintable()


def test_docs_explain_every_key_and_rule(repository: Any) -> None:
    said = (repository / "docs/results.md").read_text(encoding="utf-8")

    missing = [key for key in Row.__dataclass_fields__ if f"`{key}`" not in said]
    source = "".join(
        path.read_text()
        for folder in ("analysis", "results")
        for path in (repository / "netlab" / folder).glob("*.py")
    )
    found = set(re.findall(r'(?:Flag\(|_broken\(|"rule": )"([a-z_]+)"', source))
    assert "order_of_figures" in found
    assert "not_a_number" in found
    missing += [rule for rule in found if f"`{rule}`" not in said]
    assert not missing
