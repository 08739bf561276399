# SPDX-License-Identifier: Apache-2.0
"""What became of the faults, as one reads it at the end: fault x moment, then topologies, then the line that counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from tests.faults.catalogue import SIDES, Trial

COLUMNS = (
    *(
        f"{command}: {when}"
        for command in ("deploy", "destroy")
        for when in ("between tasks", *SIDES.values())
    ),
    *("bench: between tasks", "bench: in a trial", "bench: writing results", "from the start"),
)


def lines(results: Mapping[Trial, str], took: Mapping[Trial, float]) -> Iterator[str]:
    """`results`: "survived" or "lost"; `took`: seconds of one worker, of those that were tried here."""
    yield from _cross(results, lambda trial: trial.fault, lambda trial: trial.when, COLUMNS)
    yield ""
    topologies = list(dict.fromkeys(sorted(trial.topology for trial in results)))
    yield from _cross(results, lambda trial: f"{trial.command} {'with a guest' if trial.guest else ''}".strip(),
                      lambda trial: trial.topology, topologies)  # fmt: skip
    yield ""
    if took:
        slowest = max(took, key=lambda trial: took[trial])
        each = sum(took.values()) / len(took)
        yield f"{each:.1f} s each of one worker; the longest {took[slowest]:.0f} s: {slowest.name}"
    yield from (f"lost: {trial.name}" for trial, result in results.items() if result == "lost")
    survived = sum(result == "survived" for result in results.values())
    yield f"faults: {len(results)} tried, {survived} survived, {len(results) - survived} lost"


def _cross(
    results: Mapping[Trial, str],
    row_of: Callable[[Trial], str],
    column_of: Callable[[Trial], str],
    columns: tuple[str, ...] | list[str],
) -> Iterator[str]:
    """Survived/tried in each cell; the columns' names stand over them, a line a word."""
    tried = Counter((row_of(trial), column_of(trial)) for trial in results)
    good = Counter((row_of(t), column_of(t)) for t, result in results.items() if result == "survived")
    columns = [name for name in columns if any(name == column for _, column in tried)]
    rows = sorted({row for row, _ in tried})
    heads = [name.split() for name in columns]
    wide = [max(len(word) for word in [*words, "99/99"]) for words in heads]
    first = max(len(row) for row in rows)
    deep = max(len(words) for words in heads)
    for level in range(deep):
        words = [head[level] if level < len(head) else "" for head in heads]
        yield " " * first + "".join(f"  {word:>{w}}" for word, w in zip(words, wide, strict=True))
    for row in rows:
        cells = [f"{good[row, name]}/{tried[row, name]}" if tried[row, name] else "-" for name in columns]
        yield f"{row:<{first}}" + "".join(f"  {cell:>{w}}" for cell, w in zip(cells, wide, strict=True))
