# SPDX-License-Identifier: Apache-2.0
"""Bad inventories and the whole text that each one ends with, in tests/golden/inventory.

After a wanted change: `NETLAB_UPDATE_GOLDEN=1 pytest tests/unit/netlab/inventory/test_golden.py`, then
read the difference aloud, as somebody who sees the text for the first time.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netlab.errors import InvalidInput
from netlab.inventory import load

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "inventory"
ROLES = GOLDEN.parent / "inventory-roles"  # of the tests' own, so that real roles can change
CASES = sorted(path.name for path in GOLDEN.iterdir())


@pytest.mark.parametrize("case", CASES)
def test_a_bad_inventory_says_what_to_write_instead(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = GOLDEN / case
    monkeypatch.chdir(folder)
    inventory = next((path.name for path in sorted(folder.iterdir()) if path.stem == "lab"), "lab")
    guests = int((folder / "guests.txt").read_text()) if (folder / "guests.txt").exists() else None
    with pytest.raises(InvalidInput) as caught:
        load(inventory, guest_count=guests, roles_dir=ROLES)
    text = f"{caught.value}\n"
    golden = folder / "expected.txt"
    if os.environ.get("NETLAB_UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
    assert caught.value.exit_code == 2
    assert all(problem.expected for problem in caught.value.problems), "each says what to write instead"


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 25
