# SPDX-License-Identifier: Apache-2.0
"""The NETLAB_* variables that are not a flag of some command. (Every flag has its own: NETLAB_<FLAG>.)"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from netlab.errors import InvalidInput


@dataclass(frozen=True)
class Setting:
    """One variable: what it is called, what it is when nobody sets it, and what it does."""

    name: str
    default: str
    help: str


TIMEOUT = Setting(
    "NETLAB_TIMEOUT", "3600", "seconds that a play may take before it is stopped and rolled back"
)
FORKS = Setting("NETLAB_FORKS", "10", "boards that Ansible works on at the same time")
LOGS = Setting(
    "NETLAB_LOGS",
    "$XDG_STATE_HOME/netlab-testbed/logs",
    "folder for the full log of each play that failed; the newest 20 are kept",
)
COLLECTIONS = Setting(
    "NETLAB_COLLECTIONS",
    "",
    "folder that holds ansible_collections/netlab/testbed, when it is not the one installed with netlab",
)

SETTINGS = (TIMEOUT, FORKS, LOGS, COLLECTIONS)


def text(setting: Setting) -> str:
    """What the environment says, or the default; an empty variable counts as not set."""
    return os.environ.get(setting.name) or setting.default


def positive(setting: Setting) -> int:
    """A whole number above zero."""
    value = text(setting)
    if not value.isascii() or not value.isdigit() or int(value) == 0:
        raise InvalidInput(
            f"{setting.name}={value}: expected a whole number above 0 ({setting.help})",
            hint=f"unset {setting.name}   (it is then {setting.default})",
        )
    return int(value)


def log_folder() -> Path:
    """Where logs of failed plays go: $NETLAB_LOGS, or the place that XDG has for state."""
    chosen = os.environ.get(LOGS.name)
    if chosen:
        return Path(chosen).expanduser()
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "netlab-testbed" / "logs"
