# SPDX-License-Identifier: Apache-2.0
"""What a bundle says, as this command needs it: a plan that this netlab knows, boards, and a manifest to compare with.

Nothing of it reaches Ansible but the plan's trials, which are checked as a plan's file is, and the settings that the
inventory's own checks have let through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netlab.bundle import provenance
from netlab.bundle.read import Bundle
from netlab.inventory.mapping import Described, Mapped
from netlab.results import RunStore

_BY_BOARD = ("inventory", "accelerator", "guest_image")
_BY_MOMENT = ("facts", "environment")


@dataclass(frozen=True)
class Repeated:
    """A plan with its trials in the very order in which they were run; a run is made of it as of any plan."""

    plan: Mapping[str, Any]
    order: list[dict[str, Any]]

    @property
    def name(self) -> str:
        return str(self.plan["name"])

    @property
    def seed(self) -> int:
        return int(self.plan["seed"])

    def trials(self) -> list[_Spec]:
        return [_Spec(spec) for spec in self.order]

    def as_dict(self) -> dict[str, Any]:
        return dict(self.plan)


@dataclass(frozen=True)
class _Spec:
    spec: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return dict(self.spec)


def repeated(bundle: Bundle) -> Repeated:
    """What is to be run. InvalidInput where this netlab lacks a topology or an instrument, or a trial is foreign."""
    from netlab.cli.benching import Existing
    from netlab.cli.stored_plan import check_order

    existing = Existing.look()
    order = [spec.as_dict() for spec in bundle.order]
    told = bundle.plan.as_dict()
    plan = check_order(
        str(bundle.path),
        told,
        order,
        existing.names,
        existing.check,
        "netlab topologies   (what this netlab has)",
    )
    return Repeated({**plan.as_dict(), "seed": bundle.seed}, order)


def boards(bundle: Bundle) -> list[Described]:
    """Their boards."""
    return [
        Described(board["name"], board["role"], board["variables"], board["guests"])
        for board in bundle.boards
    ]


def other_roles(bundle: Bundle, order: Sequence[Mapping[str, Any]]) -> list[str]:
    """Roles that built or measured theirs in another form than they have here."""
    here = provenance.of_roles(order)
    found = []
    for kind in ("topologies", "scenarios", "instruments"):
        for name, role in getattr(bundle.roles, kind).items():
            if here.get(kind, {}).get(name, {}).get("sha256") != role.sha256:
                found.append(name)
    return found


def run(bundle: Bundle) -> RunStore | None:
    """Their results."""
    return None if bundle.run is None else RunStore.open(bundle.run.parent, bundle.run.name)


def manifest(bundle: Bundle, mapped: Mapped, mine: Mapping[str, Any]) -> dict[str, Any]:
    """What a run's manifest would say of their boards, each called as the one of ours that stands for it.

    `mine`: our manifest, which tells what stood where an export has put an alias.
    """
    told = {
        "netlab": bundle.run_netlab,
        "plan": bundle.plan.as_dict(),
        "inventory": {
            board["name"]: {
                **board,
                "variables": {**board["variables"], **_settings(mine, mapped.boards[board["name"]])},
            }
            for board in bundle.boards
        },
        "guest_image": bundle.guest_images,
        **bundle.environment,
    }
    aliases = [alias for redaction in bundle.redactions for alias in redaction.aliases if alias]
    found: dict[str, Any] = read_back(renamed(told, mapped.boards), mine, aliases)
    return found


def _settings(mine: Mapping[str, Any], board: str) -> Mapping[str, Any]:
    """What ours took over of a board: said there, or what it is by default."""
    own = mine.get("inventory")
    told = own.get(board) if isinstance(own, Mapping) else None
    return (told.get("settings") or {}) if isinstance(told, Mapping) else {}


def renamed(told: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A manifest whose boards have other names."""
    found = dict(told)
    for key in _BY_BOARD:
        found[key] = _named(told.get(key), names)
    for key in _BY_MOMENT:
        group = told.get(key)
        moments = group if isinstance(group, Mapping) else {}
        found[key] = {**moments, **{when: _named(moments.get(when), names) for when in ("before", "after")}}
    return found


def _named(by_board: Any, names: Mapping[str, str]) -> dict[str, Any]:
    return (
        {names.get(name, name): own for name, own in by_board.items()}
        if isinstance(by_board, Mapping)
        else {}
    )


def read_back(told: Any, mine: Any, aliases: Sequence[str]) -> Any:
    """What an export has replaced is no difference: a text that fits ours but for its aliases becomes ours."""
    if isinstance(told, Mapping) and isinstance(mine, Mapping):
        return {key: read_back(item, mine.get(key), aliases) for key, item in told.items()}
    if isinstance(told, list) and isinstance(mine, list) and len(told) == len(mine):
        return [read_back(*both, aliases) for both in zip(told, mine, strict=True)]
    if isinstance(told, str) and isinstance(mine, str) and any(alias in told for alias in aliases):
        return mine if _fits(told, mine, aliases) else told
    return told


def _fits(told: str, mine: str, aliases: Sequence[str]) -> bool:
    """Whether one text is the other with something in the place of each alias, in time linear in the text."""
    parts = re.split("|".join(re.escape(alias) for alias in sorted(aliases, key=len, reverse=True)), told)
    if not (mine.startswith(parts[0]) and mine[len(parts[0]) :].endswith(parts[-1])):
        return False
    at, end = len(parts[0]), len(mine) - len(parts[-1])
    for part in parts[1:-1]:
        found = mine.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end
