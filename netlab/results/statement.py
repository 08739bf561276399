# SPDX-License-Identifier: Apache-2.0
"""One statement of a user's over the views: refused unless it only reads, then answered bit by bit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from netlab.errors import InvalidInput, NetlabError, Problem
from netlab.results.columns import VIEWS

if TYPE_CHECKING:
    import duckdb

AT_ONCE = 1000  # rows that are in memory together
STOPPING = 0.05  # seconds between two calls to DuckDB to stop

Result = TypeVar("Result")

# Operators of DuckDB's plans that write, and the one that runs SQL which the plan does not show. Since DuckDB
# 2.0 a SELECT may hold them: WITH x AS (COPY … TO 'a file') SELECT 1.
_WRITES = re.compile(
    r"COPY|INSERT|UPDATE|DELETE|MERGE|CREATE|DROP|ALTER|TACH|EXECUTE|EXPORT|EXTERNAL_RESOURCE|CHECKPOINT|VACUUM"
)


@dataclass(frozen=True)
class Answer:
    """The columns of an answer, and its rows as they come."""

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: Iterator[Sequence[Any]]


def ask(database: duckdb.DuckDBPyConnection, sql: str, seconds: float = 0) -> Answer:
    """Run one SELECT. Raises InvalidInput for anything else, and for SQL that DuckDB does not take.

    `seconds` without a further row end it with NetlabError; 0 waits for ever.
    """
    query = _single(database, sql)
    _within(database, seconds, lambda: _only_reads(database, query))
    _within(database, seconds, lambda: database.execute(query))
    described = database.description or []
    names = _unlike([str(column[0]) for column in described])
    return Answer(names, tuple(str(column[1]) for column in described), _rows(database, seconds))


def _rows(database: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[Sequence[Any]]:
    while True:
        some = _within(database, seconds, lambda: database.fetchmany(AT_ONCE))
        if not some:
            return
        yield from some


def _within(database: duckdb.DuckDBPyConnection, seconds: float, act: Callable[[], Result]) -> Result:
    """What `act` gives, unless it takes too long or Ctrl-C comes: then DuckDB is told to stop, and has.

    In a thread of its own, because a signal does not end a query of several threads in DuckDB 2.0.
    """
    with _errors(), ThreadPoolExecutor(1) as worker:
        work = worker.submit(act)
        try:
            return work.result(seconds or None)
        except BaseException:
            while not wait([work], STOPPING).done:  # told before it began, it does not hear
                database.interrupt()
            raise


def _single(database: duckdb.DuckDBPyConnection, sql: str) -> str:
    import duckdb

    with _errors():
        found = database.extract_statements(sql)
    if len(found) != 1:
        said = "no statement" if not found else f"{len(found)} statements"
        raise _refused(f"{said}; expected one")
    if found[0].type != duckdb.StatementType.SELECT:
        kind = str(found[0].type).rpartition(".")[2].replace("_", " ")
        raise _refused(f"{kind} is not run: only SELECT, FROM, DESCRIBE and SUMMARIZE are")
    return str(found[0].query)


def _only_reads(database: duckdb.DuckDBPyConnection, query: str) -> None:
    """What DuckDB would do, before it does it: a plan, which is made without running anything."""
    (row,) = database.execute(f"EXPLAIN (FORMAT json) {query}").fetchall()
    names = set(_operators(json.loads(row[1])))
    if not names:
        raise _refused("DuckDB does not tell how it would run the statement")
    if writes := sorted(name for name in names if _WRITES.search(name)):
        raise _refused(f"the statement would do more than read ({', '.join(writes)})")


def _operators(plan: Any) -> Iterator[str]:
    if isinstance(plan, dict):
        if name := plan.get("name"):
            yield str(name).upper()
        yield from _operators(plan.get("children"))
    elif isinstance(plan, list):
        for part in plan:
            yield from _operators(part)


def _unlike(names: Sequence[str]) -> tuple[str, ...]:
    """Each name once, as JSON needs it: a second `a` becomes `a_2`."""
    made: list[str] = []
    for name in names:
        unlike, number = name, 1
        while unlike in made:
            number += 1
            unlike = f"{name}_{number}"
        made.append(unlike)
    return tuple(made)


# -- what goes wrong --------------------------------------------------------------------------------------


@contextmanager
def _errors() -> Iterator[None]:
    """DuckDB's errors as netlab's: what the user wrote is the user's, memory and damaged files are not."""
    import duckdb

    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        raise NetlabError(_first(error)) from error
    except TimeoutError as error:
        raise NetlabError("the query took too long", hint="netlab query --time-limit SECONDS …") from error
    except duckdb.Error as error:
        if "'pytz'" in str(error):
            raise _refused("a TIMESTAMP WITH TIME ZONE cannot be shown: cast it, x::TIMESTAMP") from error
        raise _refused(_said(error)) from error


def _first(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _said(error: Exception) -> str:
    """DuckDB's message with the line it points at, without the EXPLAIN that we put before it."""
    return str(error).replace("EXPLAIN (FORMAT json) ", "").strip()


def _refused(message: str) -> InvalidInput:
    views = "\n".join(
        f"    {view}: {', '.join(column.name for column in columns)}" for view, columns in VIEWS.items()
    )
    expected = f"one SELECT over these views\n{views}"
    problem = Problem(message, key="SQL", expected=expected)
    return InvalidInput([problem], hint="netlab query   (says what each column holds)")
