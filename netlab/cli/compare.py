# SPDX-License-Identifier: Apache-2.0
"""netlab compare"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from netlab.cli.options import DEFAULT_RESULTS, Json, Results


class FailOn(StrEnum):
    """What ends with status 5."""

    worse = "worse"
    changed = "changed"


def command(
    first: Annotated[
        str, typer.Argument(metavar="A", help="A run's name (see `netlab runs`), `latest`, or its folder.")
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="The run to hold against it.")],
    margin: Annotated[
        float,
        typer.Option(
            "--margin",
            envvar="NETLAB_MARGIN",
            metavar="PERCENT",
            min=0,
            max=100,
            help="How far two figures may lie apart and still count as the same.",
        ),
    ] = 5.0,
    fail_on: Annotated[
        FailOn | None,
        typer.Option(
            "--fail-on",
            envvar="NETLAB_FAIL_ON",
            help="End with status 5 if any figure of B is worse; `changed`: or has changed for the worse along with "
            "the baseline, or without one.",
        ),
    ] = None,
    results: Results = DEFAULT_RESULTS,
    json: Json = False,
) -> None:
    """Say what run B does better or worse than run A.

    And how surely, and what else differs between the two.

    Lower latency is better, and a higher rate. What differs in configuration comes with the most likely cause
    of another latency first.
    """
    from netlab.analysis.compare import compare
    from netlab.cli import comparison, output
    from netlab.errors import InvalidInput, RuleBroken
    from netlab.results import RunStore

    a, b = RunStore.open(results, first), RunStore.open(results, second)
    if a.path.resolve() == b.path.resolve():
        raise InvalidInput(f"{first} and {second} are the same run, {a.name}", hint="netlab runs")
    found = compare(a, b, margin / 100)
    if not any(own.figure for own in found):
        raise InvalidInput(
            f"{a.name} and {b.name} have no condition in common: no topology was measured in both with the same "
            "scenario, instrument and parameters",
            hint=f"netlab report {a.name}",
        )
    if json:
        output.as_json(comparison.document(a, b, found, margin))
    else:
        output.line(comparison.in_words(a, b, found, margin))
    worse = sum(own.verdict == "worse" for own in found)
    if fail_on is FailOn.changed:
        worse += sum(own.verdict == "changed" and own.for_the_worse for own in found)
    if fail_on is not None and worse:
        what = "worse" if fail_on is FailOn.worse else "worse, or changed for the worse"
        raise RuleBroken(
            f"{output.plural(worse, 'figure')} of {b.name} {'is' if worse == 1 else 'are'} {what}"
        )
