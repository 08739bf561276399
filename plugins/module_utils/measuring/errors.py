# SPDX-License-Identifier: Apache-2.0
"""Why there are no figures. The text of each is one line, for a trial's ``reason``.

MeasurementError
├── ParameterError    what was asked for cannot be
└── TimeOver          the program did not end
"""

from __future__ import annotations


class MeasurementError(Exception):
    """No figures that can be believed. ``rule`` is the name of the rule that they break, where there is one."""

    def __init__(self, text: str, rule: str | None = None) -> None:
        super().__init__(text)
        self.rule = rule


class ParameterError(MeasurementError, ValueError):
    """A parameter that cannot be, said with its name and what was expected."""


class TimeOver(MeasurementError):
    """A program did not end within its time; it was killed."""
