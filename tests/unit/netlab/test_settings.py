# SPDX-License-Identifier: Apache-2.0
"""NETLAB_* variables: defaults, and values that are refused with their name."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab import settings
from netlab.errors import InvalidInput


def test_defaults(monkeypatch) -> None:
    for setting in settings.SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    assert settings.positive(settings.TIMEOUT) == 3600
    assert settings.positive(settings.FORKS) == 10
    monkeypatch.setenv("NETLAB_TIMEOUT", "")
    assert settings.positive(settings.TIMEOUT) == 3600


@pytest.mark.parametrize("value", ["0", "-3", "soon", "1.5", "٣"])
def test_what_is_no_whole_number_is_refused(monkeypatch, value) -> None:
    monkeypatch.setenv("NETLAB_TIMEOUT", value)
    with pytest.raises(InvalidInput, match=f"NETLAB_TIMEOUT={value}: expected a whole number above 0"):
        settings.positive(settings.TIMEOUT)


def test_logs_go_where_xdg_has_state(monkeypatch) -> None:
    monkeypatch.delenv("NETLAB_LOGS", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "/var/tmp/state")
    assert settings.log_folder() == Path("/var/tmp/state/netlab-testbed/logs")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert settings.log_folder() == Path("/home/somebody/.local/state/netlab-testbed/logs")
    monkeypatch.setenv("NETLAB_LOGS", "~/logs")
    assert settings.log_folder() == Path("/home/somebody/logs")


def test_every_setting_says_what_it_does() -> None:
    for setting in settings.SETTINGS:
        assert setting.name.startswith("NETLAB_")
        assert setting.help
