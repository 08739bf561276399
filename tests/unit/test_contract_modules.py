# SPDX-License-Identifier: Apache-2.0
"""Modules that change a board can be told the topology all at once, by module_defaults."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_the_action_group_is_the_modules_that_change_a_board() -> None:
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    change = {
        path.stem
        for path in (ROOT / "plugins/modules").glob("*.py")
        if re.search(
            r"^extends_documentation_fragment: \[netlab\.testbed\.change\b",
            path.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    }
    assert set(runtime["action_groups"]["change"]) == change
