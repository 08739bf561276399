# SPDX-License-Identifier: Apache-2.0
"""netlab export"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netlab.cli.options import DEFAULT_RESULTS, Json, Results

if TYPE_CHECKING:
    from netlab.bundle.export import Exported


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's name (see `netlab runs`), or `latest`.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The bundle to write, such as run.zip.")],
    keep_names: Annotated[
        bool,
        typer.Option(
            "--keep-names",
            envvar="NETLAB_KEEP_NAMES",
            help="Keep names, addresses and paths; secrets are withheld all the same.",
        ),
    ] = False,
    without_results: Annotated[
        bool,
        typer.Option(
            "--without-results",
            envvar="NETLAB_WITHOUT_RESULTS",
            help="Only what it takes to repeat the run, without its figures.",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", envvar="NETLAB_FORCE", help="Replace FILE if it is there already.")
    ] = False,
    results: Results = DEFAULT_RESULTS,
    json: Json = False,
) -> None:
    """Write a run into one file, to be repeated elsewhere.

    What tells who and where you are is replaced by aliases; what was replaced is listed.
    """
    from netlab.bundle.export import export
    from netlab.cli import output
    from netlab.results import RunStore

    store = RunStore.open(results, run)
    made = export(store, file, keep_names=keep_names, results=not without_results, force=force)
    if json:
        output.as_json(
            {
                "file": str(made.path),
                "bytes": made.bytes,
                **made.header.model_dump(mode="json"),
                "members": [{"name": name, "bytes": size} for name, size in made.members.items()],
                "redactions": [item.model_dump(mode="json") for item in made.redactions],
            }
        )
        return
    _show(made)


def _show(made: Exported) -> None:
    """What is in the bundle, and what was replaced: aliases only."""
    from netlab.cli import output

    what = output.plural(len(made.members), "file")
    output.line(f"{made.path}: {made.header.run}, {what}, {made.bytes} bytes")
    if made.header.note:
        output.line(f"partial: {made.header.note}")
    if made.redactions:
        output.line()
        output.table(
            ["replaced", "times", "by"],
            [[item.kind, item.count, _short(item.aliases) or item.note] for item in made.redactions],
        )
    if made.header.names == "kept":
        output.line("names, addresses and paths were kept (--keep-names)")


def _short(aliases: list[str]) -> str:
    """The first and the last of many."""
    if len(aliases) > 3:
        return f"{aliases[0]} ... {aliases[-1]}"
    return ", ".join(aliases)
