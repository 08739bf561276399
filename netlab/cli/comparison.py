# SPDX-License-Identifier: Apache-2.0
"""Two runs side by side: tables for people, a document for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from netlab.analysis import environment, ranks
from netlab.analysis.compare import Compared
from netlab.report.row import Interval
from netlab.report.table import WIDEST, terminal_width
from netlab.report.text import NOTHING, ascii_safe, figure, one_line, wrapped

if TYPE_CHECKING:
    from netlab.results import RunStore

HEADERS = ("topology", "figure", "A", "B", "change", "95 % interval")
SHOWN = 20  # differences of the environment; --json has all

MEANINGS = {
    "not resolved": "not resolved: the runs do not show whether there is a difference that matters, or it is no larger "
    "than what a thing measured twice differs by from itself. More blocks resolve more.",
    "changed": "changed: the figure did, but it is the baseline's own, or changed no more than that, or there is "
    "no baseline in both runs. Two single runs cannot tell a change of the path from a change of the day: measure each "
    "state several times, in turns.",
    "insufficient samples": "insufficient samples: an interval of 95 % needs at least "
    f"{ranks.runs_needed()} blocks with a good trial in each run.",
}


def document(a: RunStore, b: RunStore, found: Sequence[Compared], margin: float) -> dict[str, Any]:
    """For `--json`. Shares are of A's figure: 0.2 is that B's is a fifth higher."""
    one, other = _manifest(a), _manifest(b)
    return {
        "schema_version": 1,
        "a": _run(a),
        "b": _run(b),
        "margin_percent": margin,
        "verdicts": dict(Counter(own.verdict for own in found)),
        "conditions": [own.as_dict() for own in found],
        "differences": [cause.as_dict() for cause in environment.differences(one, other)],
        "environment_known": {"a": _has_readings(one), "b": _has_readings(other)},
    }


def in_words(a: RunStore, b: RunStore, found: Sequence[Compared], margin: float) -> str:
    """A table for each scenario, condition and instrument; what the verdicts mean; what else differs."""
    width = min(terminal_width(), WIDEST)
    parts = [f"A: {_named(a)}\nB: {_named(b)}", *_tables(found, margin), wrapped(_sum(found, margin), width)]
    verdicts = {own.verdict for own in found}
    parts += [wrapped(text, width, "  ", "") for verdict, text in MEANINGS.items() if verdict in verdicts]
    lines = environment.summary(_manifest(a), _manifest(b))
    left = len(lines) - SHOWN
    told = [*lines[:SHOWN], *([f"and {left} more; --json has all"] if left > 0 else [])]
    causes = "\n".join(wrapped(one_line(line), width, "     ", "  ") for line in told)
    parts.append(f"What differs between the two, most likely causes of another latency first:\n{causes}")
    return ascii_safe("\n\n".join(parts))


def _tables(found: Sequence[Compared], margin: float) -> Iterator[str]:
    from tabulate import tabulate

    groups = dict.fromkeys((own.scenario, own.condition, own.instrument) for own in found)
    for scenario, condition, instrument in groups:
        mine = [
            own
            for own in found
            if (own.scenario, own.condition, own.instrument) == (scenario, condition, instrument)
        ]
        baseline = next((own.baseline for own in mine if own.baseline), None)
        lines, last = [], ""
        for own in mine:
            net = [_net(own)] if baseline else []
            lines.append(
                [own.topology if own.topology != last else "", *_cells(own), *net, _said(own, margin)]
            )
            last = own.topology
        title = ", ".join(filter(None, (scenario, condition, instrument)))
        headers = [*HEADERS, *([f"less {baseline}'s"] if baseline else []), "verdict"]
        align = ("left", "left", *("right" for _ in headers[2:-1]), "left")
        body = tabulate(lines, headers=headers, tablefmt="simple", disable_numparse=True, colalign=align)
        yield f"{title}\n\n{body}"


def _cells(own: Compared) -> list[str]:
    """Under HEADERS, but for the topology."""
    if own.figure is None:
        return [""] * (len(HEADERS) - 1)
    named = ", ".join(filter(None, (own.figure.words, own.figure.unit)))
    share = NOTHING if own.share is None else _percent(own.share)
    return [named, figure(own.a), figure(own.b), share, _interval(own.share_ci)]


def _net(own: Compared) -> str:
    return "" if own.net_share is None else _percent(own.net_share)


def _said(own: Compared, margin: float) -> str:
    if own.verdict == "same":
        return f"same within {margin:g} %"
    if own.verdict == "insufficient samples":
        return f"insufficient samples ({own.trials_a} and {own.trials_b} blocks)"
    return own.verdict


def _sum(found: Sequence[Compared], margin: float) -> str:
    counts = Counter(own.verdict for own in found)
    words = {"same": f"the same within {margin:g} %"}
    told = ", ".join(f"{count} {words.get(verdict, verdict)}" for verdict, count in counts.items())
    return f"B against A: {told}. A change is B's over A's, the median of all ratios between their blocks."


def _percent(share: float) -> str:
    return f"{100 * share:+.1f} %"


def _interval(ci: Interval | None) -> str:
    return f"{_percent(ci.low)} to {_percent(ci.high)}" if ci else NOTHING


def _run(store: RunStore) -> dict[str, Any]:
    return {
        "run": store.name,
        "path": str(store.path),
        "state": store.state,
        "started": store.manifest.started,
        "netlab": store.manifest.netlab,
    }


def _named(store: RunStore) -> str:
    started = store.manifest.started[:19].replace("T", " ")
    return f"{store.name}, {started} UTC" + ("" if store.state == "complete" else f", {store.state}")


def _has_readings(manifest: dict[str, Any]) -> bool:
    return bool((manifest.get("environment") or {}).get("before"))


def _manifest(store: RunStore) -> dict[str, Any]:
    return store.manifest.model_dump(mode="json")
