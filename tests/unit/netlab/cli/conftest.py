# SPDX-License-Identifier: Apache-2.0
"""The command line, called as a program would be, over the throw-away lab."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from netlab.cli.main import run

Netlab = Callable[..., "Ended"]


@dataclass(frozen=True)
class Ended:
    """How a call of netlab ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def netlab(lab, capfd, monkeypatch) -> Netlab:
    """Calls netlab in the lab's folder, which holds the inventory; stderr is no terminal."""
    monkeypatch.chdir(lab.folder)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: str) -> Ended:
        capfd.readouterr()
        status = run([str(argument) for argument in arguments])
        return Ended(status, *capfd.readouterr())

    return call


@pytest.fixture(autouse=True)
def topologies(lab) -> None:
    """Two topologies and an instrument."""
    lab.role("datapath_plain", "Nothing in between")
    lab.role("datapath_fancy", "Everything in between")
    lab.role("instrument_ruler", "Measures by eye")
