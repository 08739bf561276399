# SPDX-License-Identifier: Apache-2.0
"""The record of a local board is written although somebody who stops the last other one takes the folder away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import local_board
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "boards"
    monkeypatch.setattr(local_board, "RECORDS", folder)
    return folder


def taken_away(records: Path, monkeypatch: pytest.MonkeyPatch, times: float) -> None:
    """Each of the first so many times that the folder was made, it is gone again."""
    made = Path.mkdir
    calls = []

    def mkdir(self: Path, *words: Any, **more: Any) -> None:
        made(self, *words, **more)
        calls.append(self)
        if self == records and len(calls) <= times:
            records.rmdir()

    monkeypatch.setattr(Path, "mkdir", mkdir)


def test_it_is_written_in_the_end(records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken_away(records, monkeypatch, 3)
    local_board._record("board1", {"pid": 7, "start_time": 8})
    assert json.loads((records / "board1").read_text(encoding="ascii")) == {"pid": 7, "start_time": 8}
    assert [path.name for path in records.iterdir()] == ["board1"]


def test_it_is_not_tried_for_ever(records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken_away(records, monkeypatch, float("inf"))
    with pytest.raises(BoardError, match="board1 cannot be recorded"):
        local_board._record("board1", {"pid": 7, "start_time": 8})
