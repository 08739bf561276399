# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have, each declared once: name, variable, help."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer

from netlab.collection import DEFAULT_INVENTORY as DEFAULT_INVENTORY

FOR_EVER = 1e9  # seconds: --wait without a number
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
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        envvar="NETLAB_MAP",
        metavar="THEIRS=MINE",
        help="Which board of yours stands for one of theirs; repeatable. The others are matched in order.",
    ),
]
Wait = Annotated[
    float | None,
    typer.Option(
        envvar="NETLAB_WAIT",
        metavar="[SECONDS]",
        min=0,
        help="Where somebody else has a board, wait until it is given back; without SECONDS for ever.",
    ),
]
BreakLock = Annotated[
    bool,
    typer.Option(
        "--break-lock",
        envvar="NETLAB_BREAK_LOCK",
        help="Take over a board whose holder is gone or cannot be asked.",
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


def is_number(word: str) -> bool:
    """Seconds, as --wait takes them."""
    return word.isascii() and word.replace(".", "", 1).isdigit()


def is_claim(word: str) -> bool:
    """An option that says what to do about somebody else's lock."""
    return word == "--break-lock" or word.partition("=")[0] == "--wait"


def without_number(arguments: Sequence[str]) -> list[str]:
    """The arguments with a number behind each --wait that has none: the library knows no value that may be left out."""
    found: list[str] = []
    for word, following in zip_longest(arguments, arguments[1:], fillvalue=""):
        found.append(word)
        if word == "--wait" and not is_number(following):
            found.append(str(FOR_EVER))
    return found
