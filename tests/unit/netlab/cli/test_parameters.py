# SPDX-License-Identifier: Apache-2.0
"""What a plan tells an instrument is held against the options that the instrument's role publishes."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab import collection, plan
from netlab.cli.benching import load_plan
from netlab.cli.parameters import wrong_parameters
from netlab.errors import InvalidInput
from netlab.inventory.roles import Option

PARAMETERS = Option(
    name="instrument_ruler_parameters",
    role="instrument_ruler",
    type="dict",
    options={
        "unit": Option("unit", "instrument_ruler", choices=("mm", "inch")),
        "times": Option("times", "instrument_ruler", type="int"),
        "seconds": Option("seconds", "instrument_ruler", type="int"),
        "grid": Option(
            "grid",
            "instrument_ruler",
            type="dict",
            options={"step": Option("step", "instrument_ruler", type="float", required=True)},
        ),
    },
    exclusive=(("times", "seconds"),),
)
HEAD = "topologies: [host]\ninstruments:\n  - name: ruler\n    parameters:\n"


@pytest.fixture(autouse=True)
def topologies() -> None:
    """No throw-away lab: these are about the collection's own roles."""


def refused(folder: Path, text: str, options: dict[str, Option]) -> list[str]:
    path = folder / "plan.yml"
    path.write_text(HEAD + text, encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        plan.load(path, check=lambda read: wrong_parameters(read, options))
    return [str(problem).removeprefix(str(path)) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("      uint: mm\n", ":5: instruments[0].parameters.uint: ruler has no such key\n  expected: unit"),
        (
            "      unit: cm\n",
            (
                ":5: instruments[0].parameters.unit: 'cm' is none of the choices\n"
                "  expected: one of mm, inch (role instrument_ruler)"
            ),
        ),
        (
            "      unit: mm\n      times: '3'\n",
            (
                ":6: instruments[0].parameters.times: '3' is a text\n"
                "  expected: a whole number, without quotes (role instrument_ruler)"
            ),
        ),
        (
            "      grid: {stp: 1}\n",
            ":5: instruments[0].parameters.grid.stp: grid has no such key\n  expected: step",
        ),
        (
            "      grid: {}\n",
            ":5: instruments[0].parameters.grid: grid has no step\n  expected: step: ...",
        ),
        (
            "      times: 1\n      seconds: 1\n",
            (
                ":6: instruments[0].parameters.seconds: times and seconds exclude each other\n"
                "  expected: only one of times, seconds"
            ),
        ),
        (
            "      unit: \"{{ lookup('pipe', 'id') }}\"\n",
            (
                ":5: instruments[0].parameters.unit: a template stands here, and a plan is data only\n"
                "  expected: the value itself"
            ),
        ),
    ],
)
def test_what_the_role_does_not_take_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refused(tmp_path, text, {"ruler": PARAMETERS})


def test_an_instrument_that_publishes_nothing_is_told_anything_but_templates(tmp_path: Path) -> None:
    path = tmp_path / "plan.yml"
    path.write_text(HEAD + "      uint: [mm]\n", encoding="utf-8")
    assert plan.load(path, check=lambda read: wrong_parameters(read, {})).instruments[0].parameters == {
        "uint": ["mm"]
    }
    assert len(refused(tmp_path, "      uint: [mm, '{% set x = 1 %}']\n      '{{ a }}': 1\n", {})) == 2


def test_the_instruments_of_the_collection_publish_theirs(tmp_path: Path) -> None:
    """The wrapper names no instrument, so each must publish the option by which its plan is checked."""
    for name, role in collection.find().instruments().items():
        path = tmp_path / "plan.yml"
        path.write_text(HEAD.replace("ruler", name) + "      no_such_key: 1\n", encoding="utf-8")
        with pytest.raises(InvalidInput, match=rf":5: instruments\[0\]\.parameters\.no_such_key: {name} has"):
            load_plan(str(path))
        assert f"instrument_{name}_parameters" in role.options


def test_builtin_plans_tell_what_is_taken() -> None:
    for builtin in plan.builtin_plans():
        load_plan(builtin.name)
