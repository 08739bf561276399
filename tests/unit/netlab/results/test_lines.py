# SPDX-License-Identifier: Apache-2.0
"""Lines survive being cut off anywhere, at any byte."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import InvalidInput, NetlabError
from netlab.results import lines

values = st.dictionaries(
    st.text(max_size=5), st.text(max_size=10) | st.integers() | st.booleans(), max_size=3
)


@given(st.lists(values, max_size=5), st.lists(values, min_size=1, max_size=3), st.data())
def test_cut_off_anywhere_loses_at_most_the_line_being_written(
    before: list[dict[str, Any]], after: list[dict[str, Any]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trials.jsonl"
        writer = lines.LineWriter(path)
        for value in before:
            writer.append(value)
        writer.close()
        content = path.read_bytes()
        cut = data.draw(st.integers(0, len(content)))
        path.write_bytes(content[:cut])
        whole = before[: content[:cut].count(b"\n")]
        assert lines.read(path) == whole

        writer = lines.LineWriter(path)
        for value in after:
            writer.append(value)
        writer.close()
        assert lines.read(path) == whole + after


def test_a_tail_of_zeros_is_a_torn_line(tmp_path: Path) -> None:
    """What some file systems leave after a power cut."""
    path = tmp_path / "trials.jsonl"
    path.write_bytes(b'{"order": 1}\n' + b"\0" * 4096)
    assert lines.read(path) == [{"order": 1}]
    lines.LineWriter(path).close()
    assert path.read_bytes() == b'{"order": 1}\n'


@pytest.mark.parametrize("damage", [b"{broken\n", b"[1]\n", b"\xff\n", b"\n"])
def test_damage_before_the_end_is_not_passed_over(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_bytes(b'{"order": 1}\n' + damage + b'{"order": 3}\n')
    with pytest.raises(InvalidInput, match=r"trials\.jsonl:2: not "):
        lines.read(path)
    with pytest.raises(InvalidInput, match=r"trials\.jsonl:2: not "):
        lines.LineWriter(path)
    assert not lines.is_being_written(path)


def test_one_writer_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LOCK_SECONDS", 0.0)
    path = tmp_path / "trials.jsonl"
    writer = lines.LineWriter(path)
    assert lines.is_being_written(path)
    with pytest.raises(NetlabError, match="being written by another netlab"):
        lines.LineWriter(path)
    writer.close()
    writer.close()
    assert not lines.is_being_written(path)
    lines.LineWriter(path).close()


def test_a_full_disk_leaves_no_part_of_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trials.jsonl"
    writer = lines.LineWriter(path)
    writer.append({"order": 1})
    real = os.write

    def short(handle: int, content: bytes) -> int:
        if len(content) < 5:
            raise OSError(28, "No space left on device")
        return real(handle, bytes(content[:5]))

    monkeypatch.setattr("netlab.results.lines.os.write", short)
    with pytest.raises(OSError, match="No space"):
        writer.append({"order": 2, "text": "longer than what fits"})
    monkeypatch.setattr("netlab.results.lines.os.write", real)
    writer.append({"order": 3})
    writer.close()
    assert lines.read(path) == [{"order": 1}, {"order": 3}]


def test_each_line_is_plain_ascii_json(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    writer = lines.LineWriter(path)
    writer.append({"reason": "µ \udcff \n"})
    writer.close()
    assert json.loads(path.read_bytes().decode("ascii")) == {"reason": "µ \udcff \n"}
