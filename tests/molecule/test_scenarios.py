# SPDX-License-Identifier: Apache-2.0
"""Each molecule scenario is a test, which fails with what molecule printed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))


@pytest.mark.root
@pytest.mark.timeout(900)  # the first one also installs what boards need, and builds the guest image
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str, unmet: Mapping[str, list[str]], repository: Path, tmp_path: Path) -> None:
    if unmet.get(scenario):
        pytest.skip(f"this machine cannot carry it: {'; '.join(unmet[scenario])}")
    done = subprocess.run(
        [Path(sys.executable).with_name("molecule"), "test", "--scenario-name", scenario],
        cwd=repository,
        env=os.environ | {"MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=880,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"molecule ended with {done.returncode}\n{done.stdout}", pytrace=False)
