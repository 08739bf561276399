# SPDX-License-Identifier: Apache-2.0
"""SQL over the views reads and does nothing else, whatever is asked of it."""

from __future__ import annotations

import hashlib
import itertools
import time
from pathlib import Path

import duckdb
import pytest

from netlab.errors import InvalidInput, NetlabError
from netlab.plan import Plan
from netlab.results import RunStore, views
from netlab.results.statement import ask
from tests.unit.netlab.results.probes import packed


@pytest.fixture
def folder(tmp_path: Path, small_plan: Plan, result, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results folder with a run that has samples; it is also the working directory."""
    store = RunStore.create(tmp_path / "results", small_plan)
    store.append(result(store.manifest.order[0], samples=packed(ns=[1, 2, 3])))
    store.close()
    (tmp_path / "secret.csv").write_text("password\nhunter2\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def database(folder: Path) -> duckdb.DuckDBPyConnection:
    return views.connect(folder / "results", print)


def contents(folder: Path) -> dict[str, str]:
    """Every file and what is in it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


READS = [
    "SELECT count(*) FROM samples",
    "FROM runs",
    "DESCRIBE trials",
    "SUMMARIZE trials",
    "SHOW TABLES",
    "WITH a AS (SELECT 1 AS x) SELECT x FROM a UNION ALL SELECT 2",
    "SELECT ';' AS semicolon -- ; nothing more",
    "VALUES (1), (2)",
    "SELECT t.topology, s.us FROM trials t JOIN samples s USING (run, trial) ORDER BY us LIMIT 1;",
]


@pytest.mark.parametrize("sql", READS)
def test_what_reads_is_answered(database, sql: str) -> None:
    assert list(ask(database, sql).rows)


HOSTILE = [
    "ATTACH 'results/evil.db' AS evil",
    "ATTACH ':memory:' AS evil",
    "COPY (SELECT 1) TO 'out.csv'",
    "COPY trials TO 'out.parquet'",
    "WITH x AS (COPY (SELECT 1) TO 'out.csv') SELECT 1",
    "WITH x AS (COPY (SELECT 0 AS b) TO '{samples}' (FORMAT parquet, USE_TMP_FILE false)) SELECT 1",
    "FROM query('WITH x AS (COPY (SELECT 0) TO ''{samples}'' (FORMAT parquet, USE_TMP_FILE false)) SELECT 1')",
    "FROM json_execute_serialized_sql('{serialised}')",
    "SELECT * FROM (FROM json_execute_serialized_sql('{serialised}'))",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO 'out.csv'",
    "EXPORT DATABASE 'out'",
    "IMPORT DATABASE 'results'",
    "SELECT * FROM read_csv('secret.csv')",
    "SELECT * FROM 'secret.csv'",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('secret.csv')",
    "SELECT * FROM read_json('results/*/manifest.json')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM sniff_csv('secret.csv')",
    "SELECT * FROM parquet_metadata('secret.csv')",
    "SELECT * FROM read_parquet('https://example.invalid/x.parquet')",
    "SELECT * FROM 's3://bucket/x.parquet'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA database_list",
    "PRAGMA enable_external_access",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET allowed_paths",
    "CALL pragma_version()",
    "CALL enable_logging(storage_path = 'logs')",
    "FROM enable_logging(storage_path = 'logs')",
    "CREATE TABLE t (i INTEGER)",
    "CREATE MACRO f(x) AS x",
    "CREATE SECRET s (TYPE s3)",
    "DROP VIEW trials",
    "DELETE FROM stored.trials",
    "UPDATE stored.trials SET status = 'ok'",
    "INSERT INTO stored.runs SELECT * FROM stored.runs",
    "WITH x AS (DELETE FROM stored.trials RETURNING *) SELECT * FROM x",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP VIEW trials",
    "PREPARE p AS SELECT 1",
    "CHECKPOINT",
    "VACUUM",
    "USE stored",
    "BEGIN TRANSACTION",
    "",
    "-- nothing",
]


@pytest.mark.parametrize("sql", HOSTILE)
def test_what_would_do_more_is_refused_and_leaves_no_trace(folder: Path, database, sql: str) -> None:
    (samples,) = folder.glob("results/*/samples/*.parquet")
    evil = f"WITH x AS (COPY (SELECT 0 AS b) TO '{samples}' (FORMAT parquet, USE_TMP_FILE false)) SELECT 1"
    with duckdb.connect() as free:
        (serialised,) = free.execute("SELECT json_serialize_sql(?::VARCHAR)", [evil]).fetchone() or ("",)
    sql = sql.replace("{samples}", str(samples)).replace("{serialised}", serialised.replace("'", "''"))
    before = contents(folder)
    with pytest.raises(InvalidInput) as error:
        list(ask(database, sql).rows)
    assert error.value.exit_code == 2
    assert "hunter2" not in str(error.value)
    assert contents(folder) == before
    assert list(ask(database, "SELECT count(*) FROM trials WHERE status = 'ok'").rows) == [(1,)]


def test_python_variables_are_no_tables(database) -> None:
    secret = [{"a": 1}]  # DuckDB would find it by its name
    with pytest.raises(InvalidInput, match="secret"):
        ask(database, "SELECT * FROM secret")
    assert secret


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT nothing FROM trials", '"nothing" not found'),
        ("SELECT * FROM trial", "trial does not exist"),
        ("SELEC 1", "syntax error"),
        ("SELECT now() AS n", "cast it"),
    ],
)
def test_a_mistake_is_told_with_what_there_is(database, sql: str, said: str) -> None:
    with pytest.raises(InvalidInput) as error:
        list(ask(database, sql).rows)
    text = str(error.value)
    assert said in text
    assert "EXPLAIN" not in text
    for known in ("runs: run, state", "trials: run, trial", "samples: run, trial", "p999_us"):
        assert known in text


def test_a_query_that_takes_too_long_is_ended(database) -> None:
    started = time.monotonic()
    with pytest.raises(NetlabError, match="took too long") as error:
        ask(database, "SELECT sum(a.range * b.range) FROM range(100000000) a, range(1000000) b", seconds=0.3)
    assert time.monotonic() - started < 10
    assert error.value.exit_code == 1
    assert list(ask(database, "SELECT 1").rows) == [(1,)], "it can be asked again"


def test_rows_come_before_the_last_is_known(database) -> None:
    """Ten thousand million of them would not fit in memory."""
    answer = ask(database, "SELECT range AS n FROM range(10000000000)", seconds=20)
    assert list(itertools.islice(answer.rows, 3)) == [(0,), (1,), (2,)]


def test_names_that_come_twice_are_told_apart(database) -> None:
    assert ask(database, "SELECT 1 AS a, 2 AS a, 3 AS a").names == ("a", "a_2", "a_3")


def test_intermediate_results_are_not_spilled_to_disk(folder: Path, database) -> None:
    before = contents(folder)
    with duckdb.connect() as free:
        assert free.execute("SELECT current_setting('temp_directory')").fetchone() != ("",)
    assert list(ask(database, "SELECT current_setting('temp_directory') AS d").rows) == [("",)]
    assert contents(folder) == before
