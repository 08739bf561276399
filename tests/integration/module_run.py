# SPDX-License-Identifier: Apache-2.0
"""Run one module of the collection as Ansible runs it, on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"


def run_module(
    name: str,
    arguments: dict[str, Any],
    *,
    check: bool = False,
    seconds: float = 120,
    within: Sequence[str] = (),
    home: Path | None = None,
) -> dict[str, Any]:
    """The module's result. `within` is put in front of the command, to run it in namespaces of its own;
    `home` is where Ansible keeps its scratch files, if not in this user's home."""
    ansible = Path(sys.executable).with_name("ansible")
    command = [
        *within, str(ansible), "all", "-i", "localhost,", "-c", "local", "-m", f"netlab.testbed.{name}",
        "-a", json.dumps(arguments), "-e", f"ansible_python_interpreter={PYTHON}",
        *(["--check"] if check else []),
    ]  # fmt: skip
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        "ANSIBLE_NOCOLOR": "1",
        **(
            {"HOME": str(home), "ANSIBLE_LOCAL_TEMP": str(home), "ANSIBLE_REMOTE_TEMP": str(home)}
            if home
            else {}
        ),
    }
    done = subprocess.run(
        command, cwd="/", env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=seconds, check=False,
    )  # fmt: skip
    try:
        # "localhost | CHANGED => {…", over several lines
        return dict(json.loads(done.stdout.partition("=> ")[2]))
    except ValueError:
        raise AssertionError(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}") from None
