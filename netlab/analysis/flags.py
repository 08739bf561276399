# SPDX-License-Identifier: Apache-2.0
"""Flags of many trials made into those of a row: each rule once, with its count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from netlab.report.row import Flag, Severity
from netlab.report.text import without_figures

WORDINGS = 3  # different texts of one rule that a row repeats in full
_ORDER: dict[Severity, int] = {"incomplete": 0, "broken": 1, "note": 2}


def of_trial(trial: Mapping[str, Any]) -> list[Flag]:
    """What the instrument itself flagged; a rule without a severity is a note."""
    found = []
    for flag in trial.get("flags") or []:
        severity: Severity = "broken" if flag.get("severity") == "broken" else "note"
        found.append(Flag(str(flag.get("rule", "unnamed")), str(flag.get("text", "")), severity=severity))
    return found


def of_run(trial: Mapping[str, Any], broken: Sequence[Flag]) -> list[Flag]:
    """The instrument's flags and those in `broken`; of a rule that both name, the instrument's words."""
    own = of_trial(trial)
    severities = {flag.rule: flag.severity for flag in broken}
    told = {flag.rule for flag in own}
    return [
        *(replace(flag, severity=severities.get(flag.rule, flag.severity)) for flag in own),
        *(flag for flag in broken if flag.rule not in told),
    ]


def merge(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    """Each rule once: counts added, the worst severity, up to three wordings (of notes: figures aside)."""
    by_rule: dict[str, list[Flag]] = {}
    for flag in flags:
        by_rule.setdefault(flag.rule, []).append(flag)
    merged = [_merge_rule(rule, found) for rule, found in by_rule.items()]
    return tuple(sorted(merged, key=lambda flag: _ORDER[flag.severity]))


def _merge_rule(rule: str, found: list[Flag]) -> Flag:
    severity = min((flag.severity for flag in found), key=_ORDER.__getitem__)
    wordings: dict[str, str] = {}
    for flag in found:
        if flag.text:  # what went wrong is told in full; of notes one example will do
            wordings.setdefault(without_figures(flag.text) if severity == "note" else flag.text, flag.text)
    texts = list(wordings.values())
    text = "; ".join(texts[:WORDINGS])
    if len(texts) > WORDINGS:
        text += f"; and {len(texts) - WORDINGS} more in trials.jsonl"
    return Flag(rule, text, sum(flag.count for flag in found), severity)
