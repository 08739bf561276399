# SPDX-License-Identifier: Apache-2.0
"""What reports look like, word for word. UPDATE_GOLDEN=1 writes the files anew; read the diff."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netlab import __version__, report
from netlab.results import RunStore

CASES = [
    ("table-100.txt", "table", 100),
    ("table-80.txt", "table", 80),
    ("table-50.txt", "table", 50),
    ("report.md", "markdown", None),
    ("rows.csv", "csv", None),
    ("report.json", "json", None),
]


@pytest.mark.parametrize("which", ["complete", "troubled"])
@pytest.mark.parametrize(("name", "fmt", "width"), CASES)
def test_golden(
    which: str, name: str, fmt: str, width: int | None, request: pytest.FixtureRequest, repository: Path
) -> None:
    store: RunStore = request.getfixturevalue(which)
    made = report.render(store, fmt, width).replace(f'"{__version__}"', '"VERSION"')
    golden = repository / "tests/golden/report" / f"{which}-{name}"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(made, encoding="utf-8")
    assert made == golden.read_text(encoding="utf-8"), "UPDATE_GOLDEN=1 pytest <this file> writes it anew"
