# SPDX-License-Identifier: Apache-2.0
"""netlab init"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netlab.cli.options import Verbose

BOARD = "[NAME=][USER@]HOST[:PORT]"


def command(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", show_default=False, help="Folder to write, a new one.")
    ] = None,
    duts: Annotated[
        list[str] | None,
        typer.Option(
            "--dut",
            envvar="NETLAB_DUT",
            metavar=BOARD,
            help="A board that is to host guests. root signs in, or the USER named, with sudo. Repeatable.",
        ),
    ] = None,
    peers: Annotated[
        list[str] | None,
        typer.Option(
            "--peer",
            envvar="NETLAB_PEER",
            metavar=BOARD,
            help="A board at the other end of the measured cable. Repeatable.",
        ),
    ] = None,
    nics: Annotated[
        list[str] | None,
        typer.Option(
            "--nic",
            envvar="NETLAB_NIC",
            metavar="BOARD=NIC",
            help="The measured NIC of a board, where several may be.",
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            envvar="NETLAB_NETWORK",
            metavar="CIDR",
            help="The measured network. Default: one that no board knows.",
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            envvar="NETLAB_KEY", metavar="FILE", help="SSH's private key, if it is not the user's own."
        ),
    ] = None,
    known_hosts: Annotated[
        Path | None,
        typer.Option(
            envvar="NETLAB_KNOWN_HOSTS",
            metavar="FILE",
            help="File of the boards' host keys, if it is not the user's own.",
        ),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Write an inventory by asking boards over SSH.

    For their NICs, drivers and addresses. Changes nothing on a board, and writes over no file.
    """
    from netlab.cli import draft

    wanted = draft.Wanted(folder, duts or [], peers or [], nics or [], network, key, known_hosts, verbose)
    draft.perform(wanted)
