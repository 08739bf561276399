# SPDX-License-Identifier: Apache-2.0
"""What would stand for what, before anything is touched: theirs, ours, what cannot be matched and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netlab.analysis.environment import in_words
from netlab.analysis.environment_places import mapping
from netlab.analysis.pins import Other, others
from netlab.cli.session import Session
from netlab.errors import BoardUnreachable, Interrupted, NetlabError, NotSupported
from netlab.inventory import Inventory
from netlab.inventory.mapping import Described, Mapped

_SHOWN = 12  # pins that are not the same; --json has all
UNKNOWN = "not known"


@dataclass(frozen=True)
class Looked:
    """What our boards say now, with nothing changed on them: a manifest's environment and guests' images.

    `unmet`: by board and topology, what is missing there. `silent`: why nothing could be asked.
    """

    manifest: Mapping[str, Any] = field(default_factory=dict)
    unmet: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    silent: str = ""


def look(work: Session, topologies: Sequence[str], versions: Mapping[str, str], netlab: str) -> Looked:
    """Asks the boards; those that are made here and not up answer by a throwaway twin."""
    asked = work.read("check", {"testbed_topologies": list(topologies), "testbed_instruments": []})
    pins = work.read("pins") if asked.error is None or isinstance(asked.error, NotSupported) else asked
    error = asked.error or pins.error
    if isinstance(error, Interrupted):
        raise error
    reports = pins.outcome.reports
    told = {
        "netlab": netlab,
        "versions": dict(versions),
        "environment": {
            "before": {board: own["environment"] for board, own in reports.items() if "environment" in own}
        },
        "guest_image": {
            board: own["guest_image"] for board, own in reports.items() if own.get("guest_image")
        },
    }
    unmet = {board: mapping(own.get("topologies")) for board, own in asked.outcome.reports.items()}
    return Looked(told, unmet, _said(error))


def _said(error: NetlabError | None) -> str:
    if error is None or isinstance(error, NotSupported):
        return ""
    first = str(error).partition("\n")[0]
    return first if isinstance(error, BoardUnreachable) else f"the boards could not be asked: {first}"


@dataclass(frozen=True)
class Preview:
    """`theirs_manifest` has its boards under our names."""

    theirs: Sequence[Described]
    mine: Inventory
    mapped: Mapped
    theirs_manifest: Mapping[str, Any]
    looked: Looked
    topologies: Sequence[str]
    trials: int
    other_roles: Sequence[str] = ()

    @property
    def others(self) -> list[Other]:
        """Pins that are not the same."""
        return others(self.theirs_manifest, self.looked.manifest)

    @property
    def cannot(self) -> list[str]:
        """Topologies that a board of ours cannot carry; their trials are skipped."""
        return [
            f"{board} cannot carry {topology}: {reason}"
            for board, unmet in sorted(self.looked.unmet.items())
            for topology in self.topologies
            for reason in unmet.get(topology) or ()
        ]

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "boards": [
                dict(zip(("role", "theirs", "mine"), row, strict=False)) | self._facts(*row[1:])
                for row in self._pairs()
            ],
            "settings": self.mapped.settings,
            "notes": [*self.mapped.notes, *([self.looked.silent] if self.looked.silent else [])],
            "cannot": self.cannot,
            "topologies": list(self.topologies),
            "trials": self.trials,
            "other_roles": list(self.other_roles),
            "pins": [other.as_dict() for other in self.others],
        }

    def words(self) -> str:
        """For people."""
        from tabulate import tabulate

        rows = []
        for role, their, our in self._pairs():
            facts = self._facts(their, our)
            rows.append(
                [role, f"{their} -> {our}", *(_arrow(facts[key]) for key in ("nic", "cpus", "guests"))]
            )
        table = tabulate(
            rows, headers=["role", "theirs -> yours", "measured NIC", "CPUs", "guests"], tablefmt="simple",
            disable_numparse=True,
        )  # fmt: skip
        return "\n".join([table, "", *self._lines()])

    def _lines(self) -> Iterator[str]:
        yield f"{self.trials} trials of {', '.join(self.topologies)}, in their order"
        if taken := self._taken_over():
            yield f"taken over from theirs: {', '.join(taken)}"
        yield from self.mapped.notes
        yield from self.cannot
        if self.looked.silent:
            yield self.looked.silent
        if self.other_roles:
            yield f"roles that have changed since theirs: {', '.join(self.other_roles)}"
        different = self.others
        if different:
            yield "not the same as theirs:"
            yield from (f"  {other}" for other in different[:_SHOWN])
            if len(different) > _SHOWN:
                yield f"  and {len(different) - _SHOWN} more; --json has all"
        elif not self.looked.silent:
            yield "kernel, packages and the guests' image are the same as theirs"

    def _taken_over(self) -> list[str]:
        """Each setting once, where boards differ with the boards."""
        by_setting: dict[str, list[str]] = {}
        for board, own in self.mapped.settings.items():
            for name, value in sorted(own.items()):
                if value != []:
                    by_setting.setdefault(f"{name} {in_words(value)}", []).append(board)
        several = len(self.mapped.settings) > 1
        return [f"{said} ({', '.join(boards)})" if several else said for said, boards in by_setting.items()]

    def _pairs(self) -> list[tuple[str, str, str]]:
        return [(board.role, board.name, self.mapped.boards[board.name]) for board in self.theirs]

    def _facts(self, their: str, our: str) -> dict[str, tuple[Any, Any]]:
        theirs = next(board for board in self.theirs if board.name == their)
        mine = self.mine.boards[our]
        guests = len(self.mine.guests.get(our, ()))
        return {
            "nic": (theirs.nic, mine.nic),
            "cpus": (_cpus(self.theirs_manifest, our), _cpus(self.looked.manifest, our)),
            "guests": (len(theirs.guests), guests),
        }


def _cpus(manifest: Mapping[str, Any], board: str) -> str:
    read = mapping(mapping(mapping(manifest.get("environment")).get("before")).get(board))
    facts = mapping(mapping(mapping(manifest.get("facts")).get("before")).get(board))
    count = mapping(read.get("cpu")).get("count") or facts.get("cpus")
    architecture = mapping(read.get("kernel")).get("architecture") or facts.get("arch")
    return f"{count} {architecture}" if count and architecture else UNKNOWN


def _arrow(both: tuple[Any, Any]) -> str:
    theirs, mine = both
    return f"{theirs}" if theirs == mine else f"{theirs} -> {mine}"
