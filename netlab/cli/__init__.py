# SPDX-License-Identifier: Apache-2.0
"""The command line: one short file a command, nothing heavy imported before it is needed."""

from __future__ import annotations

from netlab.cli.main import main

__all__ = ["main"]
