# SPDX-License-Identifier: Apache-2.0
"""Presses are counted, and what is undone takes one more of them."""

from __future__ import annotations

import os
import signal

import pytest

from netlab.errors import Interrupted
from netlab.play.interrupt import SIGNALS, Interrupt


def press(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_one_press_stops_what_runs(number) -> None:
    with Interrupt() as interrupt:
        interrupt.check()
        press(number)
        assert interrupt.wanted
        with pytest.raises(Interrupted):
            interrupt.check()


def test_a_rollback_takes_one_more() -> None:
    with Interrupt() as interrupt:
        press()
        with interrupt.shielded():
            assert (interrupt.wanted, interrupt.warned) == (False, False)
            press()
            assert (interrupt.wanted, interrupt.warned) == (False, True)
            press()
            assert interrupt.wanted
        assert interrupt.wanted


def test_a_press_during_a_rollback_stops_what_comes_after_it() -> None:
    with Interrupt() as interrupt:
        with interrupt.shielded():
            press()
            assert (interrupt.wanted, interrupt.warned) == (False, True)
        assert interrupt.wanted


def test_the_handlers_from_before_come_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with Interrupt():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
