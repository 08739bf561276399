# SPDX-License-Identifier: Apache-2.0
"""All runs of a results folder as views of an in-memory DuckDB database that can read nothing else.

Runs and trials are read when the database is made; samples stay in their Parquet files until a query asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab.errors import NetlabError
from netlab.results import attempts
from netlab.results import trial as trials
from netlab.results.columns import RUNS, SAMPLES, STORED_SAMPLES, TRIALS, Column
from netlab.results.names import folders
from netlab.results.parquet import looks_whole
from netlab.results.store import RunStore

if TYPE_CHECKING:
    import duckdb

Say = Callable[[str], None]

# Nothing may be fetched from a network, or taken for a table because a Python variable is called so.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}


def connect(results_dir: Path, say: Say) -> duckdb.DuckDBPyConnection:
    """The views `runs`, `trials` and `samples` over every run in the folder.

    `say` is told, in a line each, of what is damaged and therefore left out. The database can open no file but
    the samples, and its settings cannot be changed any more; `netlab.results.statement` refuses what would write.
    """
    import duckdb  # 40 ms, and only queries need it

    runs, lines = [], []
    for folder in folders(results_dir):
        run, mine = _read(folder, say)
        runs.append(run)
        lines += mine
    files = dict(_sample_files(runs, lines, say))
    database = duckdb.connect(":memory:", config=_CONFIG)
    database.execute("SET TimeZone = 'UTC'")
    database.execute("CREATE SCHEMA stored")
    _fill(database, "runs", RUNS, runs)
    _fill(database, "trials", TRIALS, lines)
    _shut(database, files)
    _samples(database, files)
    database.execute("SET lock_configuration = true")
    return database


# -- what is read when the database is made ---------------------------------------------------------------


def _read(folder: Path, say: Say) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        store = RunStore.at(folder)
        lines = store.trials()
        return _run(store, lines), list(_trials(folder, lines))
    except (NetlabError, OSError, KeyError, TypeError, ValueError) as error:
        what = str(error) if isinstance(error, NetlabError) else f"{type(error).__name__}: {error}"
        say(f"{folder.name} is damaged and left out: {what}")
        return {"run": folder.name, "state": "damaged", "path": str(folder)}, []


def _run(store: RunStore, lines: list[dict[str, Any]]) -> dict[str, Any]:
    contents = store.manifest
    outcomes = list(attempts.outcomes(lines))
    topologies = contents.plan.get("topologies")
    return {
        "run": store.path.name,
        "state": store.state,
        "plan": contents.plan.get("name"),
        "netlab": contents.netlab,
        "seed": contents.seed,
        "started": _moment(contents.started),
        "finished": _moment(contents.finished),
        "resumed": len(contents.resumed),
        "planned": len(contents.order),
        **{
            status: len({line["order"] for line in outcomes if line["status"] == status})
            for status in trials.STATUSES
        },
        "topologies": topologies if isinstance(topologies, list) else [],
        "path": str(store.path),
        "manifest": json.loads(contents.model_dump_json()),
    }


def _trials(folder: Path, lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    counted = {id(line) for line in attempts.outcomes(lines)}
    recorded: dict[tuple[Any, ...], int] = {}
    for line in lines:
        key = attempts.identity(line)
        recorded[key] = recorded.get(key, 0) + 1
        yield _trial(folder.name, recorded[key], id(line) in counted, trials.storable(line))


def _trial(run: str, attempt: int, counted: bool, line: Mapping[str, Any]) -> dict[str, Any]:
    metrics = line["metrics"] if isinstance(line.get("metrics"), dict) else {}
    flags = [flag for flag in line["flags"] if isinstance(flag, dict)]
    own = {
        "run": run,
        "trial": line["order"],
        "attempt": line.get("attempt", attempt),
        "counted": counted,
        "replica": line.get("replica") or 1,
        "condition": line.get("condition") or "",
        "started": _moment(line.get("started")),
        "finished": _moment(line.get("finished")),
        "max_at": _moment(metrics.get("max_at")),
        "requests_sent": metrics.get("requests_sent", metrics.get("sent")),
        "requests_lost": metrics.get("requests_lost", metrics.get("lost")),
        "flags": [str(flag.get("rule")) for flag in flags],
        "broken": any(flag.get("severity") == "broken" for flag in flags),
        "flag_texts": flags,
        "samples": line["samples"] if isinstance(line.get("samples"), str) else None,
    }
    figures = {column.name: metrics.get(column.name) for column in TRIALS if column.name in metrics}
    return {**line, **figures, **own}


def _moment(value: Any) -> str | None:
    """ISO 8601 as DuckDB takes it: in UTC and without a zone. What is no moment is none."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None).isoformat(sep=" ")


def _fill(
    database: duckdb.DuckDBPyConnection, view: str, columns: Sequence[Column], rows: Iterable[Any]
) -> None:
    """One statement for all rows: a value that does not fit its column is null there."""
    kinds = {column.name: column.kind for column in columns}
    told = [{name: row.get(name) for name in kinds} for row in rows]
    made = ", ".join(f'"{name}" {kind}' for name, kind in kinds.items())
    database.execute(f"CREATE TABLE stored.{view} ({made})")
    # S608: names of our own, and values as a parameter
    fields = ", ".join(f'one."{name}"' for name in kinds)
    shape = _literal(json.dumps([kinds]))
    database.execute(
        f"INSERT INTO stored.{view} SELECT {fields} "  # noqa: S608
        f"FROM (SELECT unnest(from_json($rows::JSON, {shape})) AS one)",
        {"rows": json.dumps(told)},
    )
    database.execute(f"CREATE VIEW {view} AS FROM stored.{view}")


# -- samples, which stay where they are -------------------------------------------------------------------


def _sample_files(
    runs: Iterable[Mapping[str, Any]], lines: Iterable[Mapping[str, Any]], say: Say
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The Parquet files of the trials that count, by absolute path. A line may come from somebody else's
    machine: only a file that lies in its own run's folder is opened."""
    paths = {run["run"]: Path(run["path"]) for run in runs}
    for line in lines:
        if not line["counted"] or not line["samples"]:
            continue
        folder = paths[line["run"]].resolve()
        path = (folder / line["samples"]).resolve()
        if not path.is_relative_to(folder):
            say(f"{line['run']}, trial {line['trial']}: {line['samples']} lies outside the run; left out")
        elif why := looks_whole(path):
            say(f"{line['run']}, trial {line['trial']}: the samples in {path} {why}; left out")
        else:
            yield str(path), line


def _shut(database: duckdb.DuckDBPyConnection, files: Mapping[str, Any]) -> None:
    """From here on the database opens the files of samples and nothing else, and spills nothing to disk."""
    allowed = ", ".join(_literal(path) for path in files)
    database.execute(f"SET allowed_paths = [{allowed}]")
    database.execute("SET temp_directory = ''")
    database.execute("SET enable_external_access = false")


def _samples(database: duckdb.DuckDBPyConnection, files: Mapping[str, Mapping[str, Any]]) -> None:
    stored = {column.name for column in STORED_SAMPLES}
    trial = [column for column in SAMPLES if column.name not in {*stored, "us"}]
    _fill(
        database,
        "sample_files",
        [Column("file", "VARCHAR", ""), *trial],
        [{**line, "file": path} for path, line in files.items()],
    )
    database.execute("DROP VIEW sample_files")
    if not files:
        empty = ", ".join(f'NULL::{column.kind} AS "{column.name}"' for column in SAMPLES)
        database.execute(f"CREATE VIEW samples AS SELECT {empty} WHERE false")
        return
    told = ", ".join(_source(column.name, stored) for column in SAMPLES)
    paths = ", ".join(_literal(path) for path in files)
    database.execute(
        f"CREATE VIEW samples AS SELECT {told} "  # noqa: S608 - names of our own, paths quoted
        f"FROM read_parquet([{paths}], filename = 'file_') s "
        "JOIN stored.sample_files f ON f.file = s.file_"
    )


def _source(name: str, stored: set[str]) -> str:
    if name == "us":
        return "s.ns / 1000 AS us"
    return f's."{name}"' if name in stored else f'f."{name}"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
