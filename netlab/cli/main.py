# SPDX-License-Identifier: Apache-2.0
"""The entry point: runs the command, turns every error into words on stderr and an exit status."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from typer.main import get_command

from netlab.cli.app import app
from netlab.cli.options import without_number
from netlab.errors import InvalidInput, NetlabError
from netlab.report.text import printable

# Every misuse of the command line; typer gives out only the errors below this class, not the class itself.
UsageError: Any = typer.BadParameter.__base__

# How the library says what was expected, and how we do.
REWORDED = {
    "Value error, ": "",
    "Input should be a valid integer, unable to parse string as an integer": "expected a whole number",
    "Input should be greater than or equal to": "expected at least",
}

MOST_PROBLEMS = 20
LONGEST = (
    1000  # characters of a line that quotes an input: its beginning names the place, its end what is wrong
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs `netlab ARGUMENTS` and exits with its status."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Runs `netlab ARGUMENTS`; gives the exit status."""
    try:
        status = get_command(app).main(without_number(arguments), prog_name="netlab", standalone_mode=False)
    except NetlabError as error:
        return complain(error)
    except UsageError as error:
        return complain(_misuse(error))
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("netlab: interrupted; no board was being changed", err=True)
        return 130
    return status if isinstance(status, int) else 0


def complain(error: NetlabError) -> int:
    """The error on stderr, and under it the next command to try; gives the exit status."""
    with contextlib.suppress(OSError):  # nobody reads any more; the status still tells
        typer.echo(printable(f"netlab: {_shortened(error)}"), err=True)  # it may quote what a board said
        if error.hint:
            typer.echo(printable(f"try: {error.hint}"), err=True)
    return error.exit_code


def _shortened(error: NetlabError) -> str:
    """Of a hundred problems the first twenty: one of them may explain the rest."""
    if not isinstance(error, InvalidInput):
        return str(error)
    lines = [line for problem in error.problems[:MOST_PROBLEMS] for line in str(problem).split("\n")]
    shown = [
        line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"
        for line in lines
    ]
    left = len(error.problems) - MOST_PROBLEMS
    return "\n".join([*shown, *([f"... and {left} problems more"] if left > 0 else [])])


def _misuse(error: Any) -> InvalidInput:
    words = str(error.format_message())
    for theirs, ours in REWORDED.items():
        words = words.replace(theirs, ours)
    command = error.ctx.command_path if error.ctx else "netlab"
    return InvalidInput(words, hint=f"{command} --help")
