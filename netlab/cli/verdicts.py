# SPDX-License-Identifier: Apache-2.0
"""A reproduction, row by row: tables for people, a document for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netlab.analysis import environment, ranks, reproduction
from netlab.analysis.environment_places import mapping
from netlab.analysis.ordering import Ordering, ordering
from netlab.analysis.reproduction import CONFIDENCE, Reproduced, Verdict
from netlab.analysis.source import Run
from netlab.report.row import Interval
from netlab.report.table import WIDEST, terminal_width
from netlab.report.text import NOTHING, ascii_safe, figure, one_line, shortened, wrapped

HEADERS = (
    "topology",
    "theirs, us",
    "yours, us",
    "difference",
    f"{100 * CONFIDENCE:.0f} % interval",
    "verdict",
)
SHOWN = 12  # differences of the environment; --json has all
_PAIRS = 8

MEANINGS: Mapping[Verdict, str] = {
    "reproduced": "reproduced: the whole interval lies within the margin.",
    "differs": "differs: by more than the margin, and by more than blocks and days explain. A single run cannot tell a "
    "machine from its day: run it again before you blame one of the two.",
    "not resolved": "not resolved: neither is shown. More blocks resolve more, as does a quieter machine.",
    "insufficient samples": f"insufficient samples: an interval needs {reproduction.BLOCKS} blocks with a good trial "
    f"in each run, and {ranks.runs_needed(CONFIDENCE)} to assume nothing.",
}


@dataclass(frozen=True)
class Result:
    """`theirs_manifest` has its boards under our names. `names`: of both runs."""

    rows: Sequence[Reproduced]
    order: Ordering
    margin: float
    theirs_manifest: Mapping[str, Any]
    mine_manifest: Mapping[str, Any]
    names: tuple[str, str]

    @property
    def verdict(self) -> Verdict:
        return reproduction.overall(list(self.rows))

    def document(self) -> dict[str, Any]:
        """For `--json`. Shares are of their figure: 0.2 is that ours is a fifth higher."""
        causes = environment.differences(self.theirs_manifest, self.mine_manifest)
        return {
            "schema_version": 1,
            "theirs": self.names[0],
            "mine": self.names[1],
            "margin": self.margin,
            "confidence": CONFIDENCE,
            "verdict": self.verdict,
            "verdicts": dict(Counter(row.verdict for row in self.rows)),
            "rows": [row.as_dict() for row in self.rows],
            "ordering": self.order.as_dict(),
            "differences": [cause.as_dict() for cause in causes],
        }

    def words(self) -> str:
        """Tables, verdicts, the order of the topologies, and what differs around them."""
        width = min(terminal_width(), WIDEST)
        parts = [f"theirs: {self.names[0]}\nyours:  {self.names[1]}", *self._tables()]
        parts.append(wrapped(self._sum(), width))
        told = {row.verdict for row in self.rows}
        parts += [wrapped(text, width, "  ", "") for verdict, text in MEANINGS.items() if verdict in told]
        parts += [wrapped(text, width, "  ", "") for text in self._relative()]
        parts.append("\n".join(wrapped(text, width, "  ", "") for text in self._ordering()))
        parts += [wrapped(text, width, "  ", "") for text in self._busy()]
        parts.append(self._causes(width))
        return ascii_safe("\n\n".join(parts))

    def _tables(self) -> Iterator[str]:
        from tabulate import tabulate

        groups = dict.fromkeys((row.scenario, row.condition, row.instrument) for row in self.rows)
        for group in groups:
            rows = [row for row in self.rows if (row.scenario, row.condition, row.instrument) == group]
            align = ("left", *["right"] * (len(HEADERS) - 2), "left")
            lines = [[row.topology, *_cells(row), _said(row, self.margin)] for row in rows]
            body = tabulate(lines, headers=HEADERS, tablefmt="simple", disable_numparse=True, colalign=align)
            yield f"{', '.join(filter(None, group))}: median round trip\n\n{body}"

    def _sum(self) -> str:
        counts = Counter(row.verdict for row in self.rows)
        told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        overall = {"reproduced": "Reproduced", "differs": "Differs"}.get(self.verdict, "Not resolved")
        return (
            f"{overall}, within a margin of {100 * self.margin:g} %: {told}. A difference is yours over theirs, the "
            "median of all ratios between their blocks."
        )

    def _relative(self) -> Iterator[str]:
        """Rows that differ along with their baseline: another machine, and the same path."""
        for row in self.rows:
            if row.verdict == "differs" and row.relative == "reproduced":
                yield (
                    f"{_named(row)} differs as {row.baseline} does: in units of {row.baseline}'s round trip it is "
                    f"reproduced ({_percent(row.relative_share)})."
                )

    def _ordering(self) -> Iterator[str]:
        order = self.order
        if not order.pairs:
            yield "Ordering of topologies: there are no two to compare."
            return
        if not order.resolved:
            yield f"Ordering of topologies: not resolved, none of {len(order.pairs)} pairs is in both runs."
            return
        verdict = "reproduced" if order.verdict == "reproduced" else "not reproduced"
        agree = order.resolved - len(order.turned)
        yield (
            f"Ordering of topologies: {verdict}. Of {len(order.pairs)} pairs both runs resolve {order.resolved}, and "
            f"{agree} of them are in the same order (tau {order.tau:+.2f})."
        )
        for pair in order.turned[:_PAIRS]:
            what = ", ".join(filter(None, (pair.scenario, pair.condition, pair.instrument)))
            yield (
                f"  turned: {pair.second} over {pair.first} is {_percent(pair.theirs)} in theirs, "
                f"{_percent(pair.mine)} in yours ({what})"
            )

    def _busy(self) -> Iterator[str]:
        """Blocks that began on a machine that was not quiet: their figures are of that, too."""
        for whose, manifest in (("theirs", self.theirs_manifest), ("yours", self.mine_manifest)):
            blocks = mapping(mapping(manifest.get("environment")).get("blocks"))
            busy = [
                block
                for block, boards in blocks.items()
                if any(mapping(told).get("quiet") is False for told in mapping(boards).values())
            ]
            if busy:
                yield f"Not quiet: in {whose}, {len(busy)} of {len(blocks)} blocks began on a busy machine."

    def _causes(self, width: int) -> str:
        lines = environment.summary(self.theirs_manifest, self.mine_manifest)
        left = len(lines) - SHOWN
        told = [*lines[:SHOWN], *([f"and {left} more; --json has all"] if left > 0 else [])]
        causes = "\n".join(wrapped(shortened(one_line(line)), width, "     ", "  ") for line in told)
        return f"What differs around them, theirs against yours, most likely causes first:\n{causes}"


def result(
    theirs: Run, mine: Run, boards: Mapping[str, str], margin: float,
    manifests: tuple[Mapping[str, Any], Mapping[str, Any]], names: tuple[str, str],
) -> Result:  # fmt: skip
    """Judged; `boards`: what each of theirs is called here."""
    pair = reproduction.Pair.of(theirs, mine, boards)
    return Result(reproduction.judged(pair, margin), ordering(pair), margin, *manifests, names)


def _cells(row: Reproduced) -> list[str]:
    share = NOTHING if row.share is None else _percent(row.share)
    return [figure(row.theirs), figure(row.mine), share, _interval(row.share_ci)]


def _said(row: Reproduced, margin: float) -> str:
    if row.verdict == "reproduced":
        return f"reproduced within {100 * margin:g} %"
    if row.verdict == "insufficient samples":
        return f"insufficient samples ({row.blocks_theirs} and {row.blocks_mine} blocks)"
    return row.verdict


def _named(row: Reproduced) -> str:
    return f"{row.topology} ({', '.join(filter(None, (row.scenario, row.condition, row.instrument)))})"


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:+.1f} %"


def _interval(ci: Interval | None) -> str:
    return f"{_percent(ci.low)} to {_percent(ci.high)}" if ci else NOTHING
