# SPDX-License-Identifier: Apache-2.0
"""The entry point: runs the command, turns every error into words on stderr and an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer
from typer.main import get_command

from netlab.cli.app import app
from netlab.errors import NetlabError


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs `netlab ARGUMENTS` and exits with its status."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Runs `netlab ARGUMENTS`; gives the exit status."""
    try:
        get_command(app).main(list(arguments), prog_name="netlab")
    except NetlabError as error:
        complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        complain(NetlabError("interrupted; no board was being changed"))
        return 130
    except BrokenPipeError:  # `netlab report ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def complain(error: NetlabError) -> None:
    """The error on stderr, and under it the next command to try."""
    typer.echo(f"netlab: {error}", err=True)
    if error.hint:
        typer.echo(f"try: {error.hint}", err=True)
