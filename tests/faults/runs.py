# SPDX-License-Identifier: Apache-2.0
"""A run's files, read by nothing of netlab: whether a result is lost, torn, or there twice."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.faults.lab import Lost


def only(results: Path) -> Path | None:
    """The run that is there; None if there is none. What is no run (a folder without a manifest) does not count."""
    found = [path.parent for path in results.glob("*/manifest.json")]
    if len(found) > 1:
        raise Lost(f"several runs: {[path.name for path in found]}")
    return found[0] if found else None


def whole_lines(run: Path | None) -> list[bytes]:
    """Each line that ends; what follows the last newline was being written."""
    if run is None or not (run / "trials.jsonl").exists():
        return []
    content = (run / "trials.jsonl").read_bytes()
    return content[: content.rfind(b"\n") + 1].splitlines(keepends=True)


def state(run: Path) -> str:
    """What its manifest says became of it."""
    return str(json.loads((run / "manifest.json").read_bytes())["state"])


def lacks(run: Path) -> list[int]:
    """The trials that have no good result, and have not failed as often as the plan allows: they can be resumed."""
    manifest = json.loads((run / "manifest.json").read_bytes())
    trials = [json.loads(line) for line in whole_lines(run)]
    counts = Counter((trial["order"], trial["status"]) for trial in trials)
    attempts = 1 + manifest["plan"]["retries"]
    orders = [spec["order"] for spec in manifest["order"]]
    return [order for order in orders if not counts[order, "ok"] and counts[order, "failed"] < attempts]


def check(run: Path, earlier: list[bytes]) -> list[dict[str, Any]]:
    """Every whole line is a result with its files, and those of before are there still, as they were."""
    lines = whole_lines(run)
    if lines[: len(earlier)] != earlier:
        raise Lost(f"{run.name}: results of before are gone or changed")
    try:
        json.loads((run / "manifest.json").read_bytes())
        trials: list[dict[str, Any]] = [json.loads(line) for line in lines]
    except ValueError as error:
        raise Lost(f"{run.name}: torn: {error}") from error
    for trial in trials:
        if not isinstance(trial, dict) or trial.get("status") not in ("ok", "failed", "skipped"):
            raise Lost(f"{run.name}: no result: {trial}")
        if trial["status"] != "ok" and not trial.get("reason"):
            raise Lost(f"{run.name}: trial {trial['order']} is {trial['status']} and nobody says why")
        if trial.get("raw"):
            try:
                gzip.decompress((run / trial["raw"]).read_bytes())
            except (OSError, EOFError) as error:
                raise Lost(f"{run.name}: {trial['raw']} is torn or not there: {error}") from error
        elif trial["status"] == "ok":
            raise Lost(f"{run.name}: trial {trial['order']} has not kept what its instrument said")
    return trials


def check_complete(run: Path, earlier: list[bytes]) -> None:
    """Each planned trial has its figures once, or reasons why not, and nothing that is no part of a run is left."""
    trials = check(run, earlier)
    manifest = json.loads((run / "manifest.json").read_bytes())
    if state(run) != "complete":
        raise Lost(f"{run.name} is {state(run)}")
    if lacking := lacks(run):
        raise Lost(f"{run.name}: neither measured once nor failed as often as they may: trials {lacking}")
    # what failed too often did so while the fault was there
    meanwhile = {line["order"] for line in map(json.loads, earlier) if line["status"] == "failed"}
    good = Counter(trial["order"] for trial in trials if trial["status"] == "ok")
    for order in (spec["order"] for spec in manifest["order"]):
        if good[order] != 1 and order not in meanwhile:
            raise Lost(f"{run.name}: trial {order} has {good[order]} good results")
    content = (run / "trials.jsonl").read_bytes()
    if content and not content.endswith(b"\n"):
        raise Lost(f"{run.name}: half a line at the end")
    named = {run / trial[key] for trial in trials for key in ("raw", "samples") if trial.get(key)}
    found = {path for folder in ("raw", "samples") for path in (run / folder).glob("*")} - named
    found |= set(run.rglob(".*"))  # what is replaced is written beside it first
    if found:
        raise Lost(f"{run.name}: left over: {sorted(str(path.relative_to(run)) for path in found)}")
