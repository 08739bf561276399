# SPDX-License-Identifier: Apache-2.0
"""Inventories written for one test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[..., Path]

GOOD = """\
duts:
  hosts:
    board1:
      board_nic: eth1
      board_address: 192.0.2.1/24
peers:
  hosts:
    board2:
      board_nic: eth1
      board_address: 192.0.2.2/24
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes an inventory's files below a new directory `lab` and returns that."""

    def files(content: dict[str, str] | str = GOOD) -> Path:
        lab = tmp_path / "lab"
        for name, text in ({"hosts.yml": content} if isinstance(content, str) else content).items():
            path = lab / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return lab

    return files


@pytest.fixture
def good() -> str:
    """A whole inventory: board1 is the dut, board2 the peer."""
    return GOOD
