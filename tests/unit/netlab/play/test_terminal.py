# SPDX-License-Identifier: Apache-2.0
"""Terminals are closed at once inside, and as before outside."""

from __future__ import annotations

import pexpect

from netlab.play.terminal import closed_at_once


def test_a_terminal_is_closed_without_a_delay() -> None:
    before = pexpect.spawn
    with closed_at_once():
        child = pexpect.spawn("true")
        child.expect(pexpect.EOF, timeout=10)
        assert child.ptyproc.delayafterclose == 0
        child.close()
        assert not child.isalive()
    assert pexpect.spawn is before
    child = pexpect.spawn("true")
    assert child.ptyproc.delayafterclose > 0, "if this is 0 by itself, netlab/play/terminal.py can go"
    child.close()
