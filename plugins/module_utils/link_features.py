# SPDX-License-Identifier: Apache-2.0
"""Offloads of an interface, by the names and through the program that admins know: ethtool(8)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, operation


def read(name: str) -> tuple[dict[str, bool], list[str]]:
    """(feature -> on, names that the driver has fixed), by ``ethtool --json -k``."""
    done = subprocess.run(
        ["ethtool", "--json", "-k", name], capture_output=True, text=True, timeout=10, check=False
    )
    if done.returncode:
        raise BoardError(f"cannot read the offloads of {name}: {done.stderr.strip()}")
    (features,) = json.loads(done.stdout)
    del features["ifname"]
    return {key: value["active"] for key, value in features.items()}, [
        key for key, value in features.items() if value["fixed"]
    ]


@operation("link.features", "set offloads of {name}: {features}", volatile=True)
def set_features(name: str, features: dict[str, bool]) -> None:
    """``ethtool -K``. Kernel and driver may turn others with them: only those named are restored."""
    if not features or not Path(f"/sys/class/net/{name}").exists():
        return
    switches = [word for key, on in features.items() for word in (key, "on" if on else "off")]
    done = subprocess.run(
        ["ethtool", "-K", name, *switches], capture_output=True, text=True, timeout=10, check=False
    )
    if done.returncode:
        raise BoardError(f"cannot set the offloads of {name}: {done.stderr.strip()}")
