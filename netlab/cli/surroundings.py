# SPDX-License-Identifier: Apache-2.0
"""What has a say in the figures and is none of them: read before each block and after the last trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netlab.cli.session import Session
from netlab.errors import BoardUnreachable, Interrupted, Locked, NetlabError
from netlab.results import RunStore

Flag = dict[str, str]
PLAYBOOK = "environment"


class Surroundings:
    """The boards' environment, and whether they are quiet, over one run."""

    def __init__(self, work: Session, store: RunStore) -> None:
        self.work = work
        self.store = store

    def before(self, block: int, topology: Mapping[str, Any]) -> list[Flag]:
        """Reads them before a block; the flags that each trial of the block gets.

        Boards that are made here may not be up yet: then `topology`, the variables of the block's first
        deployment, is deployed, so that the first block is no exception.
        """
        told = self.store.manifest.plan.get("quiet")
        limits = told if isinstance(told, dict) else {}
        variables = {"testbed_quiet": True, **{f"board_quiet_{key}": value for key, value in limits.items()}}
        reports, error = self._read(variables)
        if error is None and set(reports) < set(self.work.inventory.boards):
            deployed = self.work.change("deploy", topology)
            if isinstance(deployed.error, Interrupted | BoardUnreachable | Locked):
                raise deployed.error
            if deployed.error is None:  # else the block's own deployment fails as well, and is recorded
                reports, error = self._read(variables)
        silent = sorted(set(self.work.inventory.boards) - set(reports))
        flags = []
        if error is not None or silent:
            why = str(error).partition("\n")[0] if error else f"{', '.join(silent)} said nothing"
            self.work.progress.note(
                f"netlab: the environment before block {block} is not known: {error or why}"
            )
            flags = [_flag("environment_unknown", f"before block {block}: {why}")]
        if self.store.manifest.environment.before is None and reports:
            self.store.set_environment("before", _environments(reports))
        quiet = {board: report["quiet"] for board, report in reports.items() if report.get("quiet")}
        if quiet:
            self.store.set_quiet(block, quiet)
        return [*flags, *_not_quiet(quiet)]

    def after(self) -> None:
        """Reads them once more: what drifted while the boards were measured is part of the figures."""
        reports, error = self._read({})
        if error is not None:
            self.work.progress.note(f"netlab: {error}")
        elif reports:
            self.store.set_environment("after", _environments(reports))

    def _read(self, variables: Mapping[str, Any]) -> tuple[Mapping[str, Any], NetlabError | None]:
        performed = self.work.read(PLAYBOOK, variables)
        if isinstance(performed.error, Interrupted | BoardUnreachable | Locked):
            raise performed.error
        return performed.outcome.reports, performed.error


def _environments(reports: Mapping[str, Any]) -> dict[str, Any]:
    return {board: report.get("environment") for board, report in reports.items()}


def _not_quiet(quiet: Mapping[str, Any]) -> list[Flag]:
    """One flag for all boards that were not; boards of one machine say the same."""
    said: dict[str, list[str]] = {}
    for board, told in sorted(quiet.items()):
        if not told.get("quiet"):
            said.setdefault(str(told.get("said", "not quiet")), []).append(board)
    text = "; ".join(f"{', '.join(boards)}: {words}" for words, boards in said.items())
    return [_flag("machine_not_quiet", text)] if text else []


def _flag(rule: str, text: str) -> Flag:
    return {"rule": rule, "text": text}
