# SPDX-License-Identifier: Apache-2.0
"""Single probes: what an instrument sends comes back from the file as it was, and damage is refused."""

from __future__ import annotations

import base64
import time
import zlib
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.measuring import samples as sent_by
from netlab.errors import InvalidInput
from netlab.results import samples
from tests.unit.netlab.results.probes import COLUMNS, MISSING, column, packed

whole = st.integers(MISSING, 2**63 - 1)


def as_list(values: Any) -> list[int | None]:
    return [None if value is np.ma.masked else int(value) for value in values]


def test_what_is_not_there_is_null(tmp_path: Path) -> None:
    path = tmp_path / "one.parquet"
    assert samples.write(path, packed(ns=[100, MISSING, 300], sent=[1, 2, 3], flow=[0, 0, 1])) == 3
    read = samples.read(path)
    assert list(read) == list(COLUMNS)
    assert {name: values.dtype.name for name, values in read.items()} == {
        name: "int16" if name == "flow" else "int64" for name in COLUMNS
    }
    assert as_list(read["ns"]) == [100, None, 300]
    assert as_list(read["received"]) == [None] * 3
    assert as_list(read["flow"]) == [0, 0, 1]
    assert float(read["ns"].mean()) == 200  # what is masked does not count
    assert list(samples.read(path, ["ns", "seq"])) == ["ns", "seq"]


def test_the_file_is_readable_without_us(tmp_path: Path) -> None:
    path = tmp_path / "one.parquet"
    samples.write(path, packed(ns=[100, MISSING]))
    said = duckdb.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
    assert [row[:2] for row in said] == [
        (name, "SMALLINT" if name == "flow" else "BIGINT") for name in COLUMNS
    ]
    assert duckdb.sql(f"SELECT count(*), count(ns) FROM '{path}'").fetchall() == [(2, 1)]
    assert path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in tmp_path.iterdir()] == ["one.parquet"]


@settings(max_examples=25, deadline=None)  # the first call opens DuckDB, and machines are busy
@given(st.lists(whole, max_size=20))
def test_every_number_comes_back(tmp_path_factory: pytest.TempPathFactory, values: list[int]) -> None:
    path = tmp_path_factory.mktemp("samples") / "one.parquet"
    samples.write(path, packed(received=values))
    back = as_list(samples.read(path)["received"])
    assert back == [None if value == MISSING else value for value in values]


def test_what_an_instrument_packs_is_understood(tmp_path: Path) -> None:
    first, second = sent_by.Samples(), sent_by.Samples()
    first.add(0, sent=10, ns=5)
    first.add(1, sent=20)
    second.add(0, ns=7)
    path = tmp_path / "one.parquet"
    samples.write(path, sent_by.encode([first, None, second]))
    read = samples.read(path)
    assert {name: as_list(read[name]) for name in ("flow", "seq", "sent", "ns")} == {
        "flow": [0, 0, 2],
        "seq": [0, 1, 0],
        "sent": [10, 20, None],
        "ns": [5, None, 7],
    }


def damaged(**changes: Any) -> dict[str, Any]:
    made = packed(ns=[1, 2, 3])
    made["columns"] |= changes
    return made


BOMB = {"zlib_base64": base64.b64encode(zlib.compress(bytes(1 << 24))).decode()}


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"count": 3}, "the columns are not"),
        ({**packed(ns=[1]), "count": -1}, "the count is -1"),
        ({**packed(ns=[1]), "count": True}, "the count is True"),
        ({**packed(ns=[1]), "count": 10**12}, "the count is 1000000000000"),
        (damaged(extra=column([1])), "the columns are not"),
        (damaged(ns=column([1, 2])), "the column ns has 16 bytes, not 24"),
        (damaged(ns=BOMB), "the column ns has 25 bytes, not 24"),
        (damaged(ns={"zlib_base64": "%%%"}), "the column ns cannot be decoded"),
        (damaged(ns={"zlib_base64": "aGVsbG8="}), "the column ns cannot be decoded"),
        (damaged(ns={}), "the column ns cannot be decoded"),
        (damaged(ns="text"), "the column ns cannot be decoded"),
        (damaged(flow=column([0, 0, 40000])), "out of range"),
    ],
)
def test_damage_is_refused_and_leaves_no_file(tmp_path: Path, sent: dict[str, Any], message: str) -> None:
    with pytest.raises(samples.DamagedSamples, match=message):
        samples.write(tmp_path / "one.parquet", sent)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_samples_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(InvalidInput, match=r"text\.parquet: not a file of samples"):
        samples.read(tmp_path / "text.parquet")
    with pytest.raises(InvalidInput, match=r"absent\.parquet: not a file of samples"):
        samples.read(tmp_path / "absent.parquet")
    with pytest.raises(ValueError, match="no column latency"):
        samples.read(tmp_path / "text.parquet", ["latency"])


@pytest.mark.parametrize("name", ["a[1]", "it's", "x?y*", "a b"])
def test_a_folder_may_be_called_anything(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    samples.write(folder / "one.parquet", packed(ns=[1]))
    assert as_list(samples.read(folder / "one.parquet")["ns"]) == [1]


def test_a_million_samples_are_quick(tmp_path: Path) -> None:
    """Measured 0.15 s to write and 0.03 s to read; the bounds leave room for a busy machine."""
    count = 1_000_000
    numbers = np.arange(count, dtype="<i8")
    text = base64.b64encode(zlib.compress(numbers.tobytes(), 1)).decode()
    nothing = base64.b64encode(zlib.compress(np.zeros(count, "<i8").tobytes(), 1)).decode()
    columns = {name: {"zlib_base64": nothing if name == "flow" else text} for name in COLUMNS}
    path = tmp_path / "many.parquet"
    began = time.monotonic()
    samples.write(path, {"count": count, "columns": columns})
    wrote = time.monotonic()
    read = samples.read(path, ["ns"])
    done = time.monotonic()
    assert read["ns"].sum() == count * (count - 1) // 2
    assert wrote - began < 5
    assert done - wrote < 2
