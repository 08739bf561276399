# SPDX-License-Identifier: Apache-2.0
"""The table of contents of the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from netlab import __version__
from netlab.cli import (
    bench,
    check,
    compare,
    demo,
    deploy,
    destroy,
    export,
    init,
    pins,
    query,
    report,
    reproduce,
    runs,
    status,
    topologies,
)

HELP = """Builds every datapath between boards and their guests, and measures what each one costs.

First steps: `netlab demo` does all of it on this machine; `netlab topologies` lists what can be built;
`netlab init` writes the inventory of boards of yours.
"""
EPILOG = (
    "Exit status: 0 done, 1 a play (then rolled back) or a trial failed, 2 invalid input, 3 this board cannot "
    "do that or somebody else has it, 4 unreachable, 5 measured but the figures break a rule, 130 "
    "interrupted. "
    "Every option can be set by a variable: NETLAB_TOPOLOGY for --topology, and so on."
)

app = typer.Typer(
    name="netlab",
    help=HELP,
    epilog=EPILOG,
    add_completion=False,
    rich_markup_mode=None,  # rich would be imported for every --help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"netlab-testbed {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback does it
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Takes the options that stand before a command, and a call without one."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


for module in (
    demo,
    init,
    check,
    deploy,
    status,
    topologies,
    bench,
    report,
    compare,
    query,
    export,
    reproduce,
    pins,
    runs,
    destroy,
):
    app.command(name=module.__name__.rpartition(".")[2])(module.command)
