# SPDX-License-Identifier: Apache-2.0
"""The columns of the views that `netlab query` shows: what SQL can rely on (docs/query.md says the same)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column, its DuckDB type, and what it holds. Times of day are UTC, durations microseconds."""

    name: str
    kind: str
    text: str


def _columns(kind: str, **told: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind, text) for name, text in told.items())


# ORDER is a word of SQL's own, so a trial's number, `order` in trials.jsonl, is called `trial` here.
_TRIAL = (
    Column("run", "VARCHAR", "the run's name"),
    Column("trial", "INTEGER", "number in the plan's order; `order` in trials.jsonl"),
    Column("board", "VARCHAR", "where it was measured"),
    Column("attempt", "INTEGER", "1, or more where it was tried again on this board"),
)
_CONDITION = (
    Column("block", "INTEGER", "a block holds each combination once"),
    Column("topology", "VARCHAR", "what carries the frames"),
    Column("replica", "INTEGER", "2: the baseline measured once more, for the A/A pair"),
    Column("scenario", "VARCHAR", "what traffic ran where"),
    Column("condition", "VARCHAR", "which condition of the scenario; empty where it has one"),
    Column("instrument", "VARCHAR", "what measured"),
)

RUNS = (
    Column("run", "VARCHAR", "the run's name, which is its folder's"),
    Column("state", "VARCHAR", "complete, interrupted, running or damaged"),
    *_columns(
        "VARCHAR",
        plan="name of its plan",
        netlab="version of netlab that made it",
    ),
    Column("seed", "BIGINT", "decided the order of the trials"),
    *_columns("TIMESTAMP", started="when it began", finished="when it last stopped"),
    *_columns(
        "INTEGER",
        resumed="how often it was resumed",
        planned="trials in its plan",
        ok="of them measured",
        failed="of them failed, and not made good by another attempt",
        skipped="of them skipped: a board cannot do it",
    ),
    Column("topologies", "VARCHAR[]", "those of its plan"),
    Column("path", "VARCHAR", "its folder"),
    Column("manifest", "JSON", "all of manifest.json"),
)

TRIALS = (
    *_TRIAL,
    Column("counted", "BOOLEAN", "whether the report counts this line: the good ones, else the last attempt"),
    *_CONDITION,
    Column("parameters", "JSON", "what the instrument was told"),
    *_columns(
        "VARCHAR",
        guest="in which guest; null: on the board itself",
        status="ok, failed or skipped",
        reason="why it is not ok",
    ),
    *_columns("TIMESTAMP", started="when it began", finished="when it ended"),
    Column("pacing", "VARCHAR", "how requests followed one another, in the instrument's words"),
    *_columns(
        "DOUBLE",
        min_us="least round trip",
        mean_us="mean",
        p50_us="median",
        p90_us="90th percentile",
        p99_us="99th percentile",
        p999_us="99.9th percentile",
        max_us="greatest round trip",
    ),
    Column("max_at", "TIMESTAMP", "when the greatest was, where the instrument tells"),
    *_columns(
        "DOUBLE",
        stddev_us="standard deviation",
        mad_us="median absolute deviation",
        transaction_rate="transactions per second",
    ),
    *_columns(
        "BIGINT",
        transactions="round trips measured",
        requests_sent="requests sent",
        requests_lost="requests without an answer",
    ),
    Column("flags", "VARCHAR[]", "rules that the trial is flagged with"),
    Column("broken", "BOOLEAN", "whether one of them says that the figures break a rule"),
    Column("command", "VARCHAR[]", "what ran"),
    *_columns(
        "JSON",
        metrics="every figure of the instrument",
        counters="kernel counters before and after",
        loads="what load ran beside it, and what it achieved",
        pins="what was bound to which CPU",
        flows="the single flows of a trial with several",
        flag_texts="the flags with their words",
    ),
    *_columns(
        "VARCHAR",
        raw="file of the verbatim output, in the run's folder",
        samples="file of the samples, in the run's folder",
    ),
)

STORED_SAMPLES = (  # what a Parquet file holds
    Column("flow", "SMALLINT", "which of several flows at once, from 0"),
    Column("seq", "BIGINT", "number of the probe in its flow"),
    Column("intended", "BIGINT", "ns since 1970, when it was to be sent; null: not told"),
    Column("sent", "BIGINT", "ns since 1970, when it was sent"),
    Column("received", "BIGINT", "ns since 1970, when the answer came; null: lost"),
    Column("ns", "BIGINT", "round trip in nanoseconds; null: lost"),
)

SAMPLES = (
    *_TRIAL,
    *_CONDITION,
    *STORED_SAMPLES,
    Column("us", "DOUBLE", "the same round trip in microseconds"),
)

VIEWS = {"runs": RUNS, "trials": TRIALS, "samples": SAMPLES}

SAYS = {
    "runs": "a row a run",
    "trials": "a row a line of trials.jsonl: every attempt, whatever became of it",
    "samples": "a row a probe, of the trials that count and whose instrument keeps samples",
}
