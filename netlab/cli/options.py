# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have, each declared once: name, variable, help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netlab.collection import DEFAULT_INVENTORY as DEFAULT_INVENTORY

DEFAULT_RESULTS = Path("results")

Inventory = Annotated[
    str,
    typer.Option(
        "--inventory",
        "-i",
        envvar="NETLAB_INVENTORY",
        metavar="DIR",
        help="Inventory: a folder or file of yours, or one that comes with netlab.",
    ),
]
Topology = Annotated[
    str | None,
    typer.Option(
        "--topology", "-t", envvar="NETLAB_TOPOLOGY", metavar="NAME", help="See `netlab topologies`."
    ),
]
Json = Annotated[bool, typer.Option("--json", envvar="NETLAB_JSON", help="Print JSON for programs.")]
Results = Annotated[
    Path,
    typer.Option("--results", envvar="NETLAB_RESULTS", metavar="DIR", help="Folder that holds the runs."),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", envvar="NETLAB_VERBOSE", help="Show Ansible's own output on stderr."),
]
