# SPDX-License-Identifier: Apache-2.0
"""Questions to somebody who sits at a terminal; asked on stderr, so that stdout stays what was asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from netlab.inventory.draft import targets
from netlab.inventory.draft.answers import Nic


def possible() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def folder() -> Path | None:
    """None where nobody is there to ask."""
    if not possible():
        return None
    return Path(str(typer.prompt("Folder to write", default="my-lab", err=True)))


def boards(what: str) -> list[str]:
    """At least one, as the command line takes them; asked again until each can be read."""
    typer.echo(f"{what}, as USER@HOST (several with spaces between them)", err=True)
    while True:
        words = str(typer.prompt("  boards", err=True, prompt_suffix=": ")).split()
        wrong = [said for word in words if isinstance(said := targets.parse(word, "board", "duts"), str)]
        if words and not wrong:
            return words
        typer.echo(f"  {wrong[0] if wrong else 'no board is named'}: expected {targets.FORM}", err=True)


def nic(board: str, choices: Sequence[Nic]) -> Nic:
    """One of these."""
    typer.echo(f"Which interface of {board} is the measured one?", err=True)
    for number, one in enumerate(choices, start=1):
        typer.echo(f"  {number}  {one.name}: {one}", err=True)
    names = {one.name: one for one in choices} | {str(n): one for n, one in enumerate(choices, start=1)}
    while True:
        answer = str(typer.prompt("  number or name", err=True, prompt_suffix=": ")).strip()
        if answer in names:
            return names[answer]
        typer.echo(f"  {answer!r} is none of them", err=True)
