# SPDX-License-Identifier: Apache-2.0
"""Errors on their way to the user."""

from __future__ import annotations

import os
import subprocess
import sys

from netlab.cli.main import complain
from netlab.errors import Interrupted, InvalidInput, Problem


def test_an_error_is_followed_by_what_to_try(capsys) -> None:
    assert complain(Interrupted("interrupted", hint="netlab destroy")) == 130
    assert capsys.readouterr().err == "netlab: interrupted\ntry: netlab destroy\n"


def test_of_many_problems_the_first_are_shown(capsys) -> None:
    assert complain(InvalidInput([Problem(f"problem {number}") for number in range(50)])) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "netlab: problem 0"
    assert lines[-1] == "... and 30 problems more"
    assert len(lines) == 21


def test_a_reader_that_stops_reading_gets_no_traceback() -> None:
    """`netlab --help | true`"""
    code = "import sys; from netlab.cli.main import main; main(['--help'])"
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(write)
    assert ended.stderr == ""
