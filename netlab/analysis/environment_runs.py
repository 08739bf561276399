# SPDX-License-Identifier: Apache-2.0
"""Two runs' manifests: which board of one answers to which of the other, and what differs. Pure.

A manifest is taken as data (`manifest.model_dump()`): those of older netlabs lack some of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlab.analysis.environment_keys import Place
from netlab.analysis.environment_places import (
    NIC,
    OBJECTS,
    Difference,
    Reading,
    different,
    flat,
    mapping,
    own_doing,
)

# A board of one lab stands for the board of the same role in the other: what names it is no difference.
_IDENTITIES = {("kernel", "boot_id"), ("nic",)}
_IDENTITY_KEYS = {"mac", "bus"}
# Of a plan: how a trial is measured, not how often and in which order.
_PLAN = ("scenarios", "warm_up_s", "pause_s")
_VARIABLES = ("guest_", "datapath_", "instrument_")
_VARIABLES_ASIDE = {"guest_list", "guest_count", "guest_first_host"}
# board_info's keys, and where the environment has the same.
_FACTS: tuple[tuple[Place, Place], ...] = (
    (("arch",), ("kernel", "architecture")),
    (("kernel",), ("kernel", "release")),
    (("kernel_command_line",), ("kernel", "command_line")),
    (("cpus",), ("cpu", "count")),
    (("memory_mib",), ("memory", "total_mib")),
    (("kvm_device",), ("virtualization", "kvm_device")),
    (("nic", "driver"), ("links", NIC, "driver")),
    (("nic", "mtu"), ("links", NIC, "mtu")),
)


def has_readings(manifest: Reading) -> bool:
    """Whether the run's environment was read: an older netlab's was not."""
    return bool(mapping(manifest.get("environment")).get("before"))


def pairs(a: Reading, b: Reading) -> list[tuple[str, str]]:
    """Boards to compare: those of one name, and of the others those of one role, in the order of their names."""
    boards_a, boards_b = _boards(a), _boards(b)
    same = sorted(set(boards_a) & set(boards_b))
    found = [(name, name) for name in same]
    for role in sorted(set(boards_a.values())):
        left = sorted(name for name, own in boards_a.items() if own == role and name not in same)
        right = sorted(name for name, own in boards_b.items() if own == role and name not in same)
        found += zip(left, right, strict=False)
    return found


def _boards(manifest: Reading) -> dict[str, str]:
    """Roles by board, of all that the inventory has or that were read."""
    read = [mapping(mapping(manifest.get(key)).get("before")) for key in ("environment", "facts")]
    names = dict.fromkeys([*_entries(manifest), *(name for part in read for name in part)])
    return {name: str(mapping(_entries(manifest).get(name)).get("role", "")) for name in names}


def _entries(manifest: Reading) -> Reading:
    inventory = mapping(manifest.get("inventory"))
    return mapping(inventory.get("boards", inventory))


def of_boards(a: Reading, board_a: str, b: Reading, board_b: str) -> list[Difference]:
    """Each run's reading before with the other's, and after with after; what was told once is not told again."""
    readings_a, readings_b = _readings(a, board_a), _readings(b, board_b)
    found: dict[Place, Difference] = {}
    for then, now in zip(readings_a, readings_b, strict=True):
        if not then or not now:
            continue
        skip = own_doing(then, now)
        for difference in different(then, now, alias=True):
            place = difference[0]
            if not skip.covers(place) and not _is_identity(place):
                found.setdefault(place, difference)
    if not (any(readings_a) and any(readings_b)):
        known_a, known_b = _as_places(a, board_a), _as_places(b, board_b)
        for place in sorted(set(known_a) & set(known_b)):
            if known_a[place] != known_b[place]:
                found[place] = (place, known_a[place], known_b[place])
    told = {place[-1] for place in found if place[0] == "guests"}
    beside = _beside(_of_run(a, board_a), _of_run(b, board_b))
    return [*found.values(), *(one for one in beside if not (one[0][0] == "guests" and one[0][-1] in told))]


def _is_identity(place: Place) -> bool:
    return place in _IDENTITIES or (place[0] in OBJECTS and place[-1] in _IDENTITY_KEYS)


def _readings(manifest: Reading, board: str) -> list[Reading]:
    environment = mapping(manifest.get("environment"))
    return [mapping(mapping(environment.get(when)).get(board)) for when in ("before", "after")]


def _as_places(manifest: Reading, board: str) -> dict[Place, Any]:
    """The environment or, where it was not read, what board facts know of the same."""
    for reading in _readings(manifest, board):
        if reading:
            return flat(reading, alias=True)
    facts = mapping(manifest.get("facts"))
    own = mapping(mapping(facts.get("before") or facts.get("after")).get(board))
    found = {}
    for source, place in _FACTS:
        value: Any = own
        for key in source:
            value = mapping(value).get(key)
        if value is not None:
            found[place] = value
    return found


def _of_run(manifest: Reading, board: str) -> dict[Place, Any]:
    """What the manifest itself knows of a board: what ran its guests, and the inventory's variables."""
    accelerator = mapping(mapping(manifest.get("accelerator")).get(board)).get("accelerator")
    found: dict[Place, Any] = {("guests", "its guests", "accelerator"): accelerator} if accelerator else {}
    variables = mapping(mapping(_entries(manifest).get(board)).get("variables"))
    return found | {
        ("variables", name): value
        for name, value in variables.items()
        if name.startswith(_VARIABLES) and name not in _VARIABLES_ASIDE
    }


def _beside(a: dict[Place, Any], b: dict[Place, Any]) -> Iterator[Difference]:
    for place in sorted({*a, *b}):
        if a.get(place) != b.get(place):
            yield place, a.get(place), b.get(place)


def of_runs(a: Reading, b: Reading) -> Iterator[Difference]:
    """What concerns a run as a whole: how its trials were measured, and by which programs they were steered."""
    plan_a, plan_b = _plan(mapping(a.get("plan"))), _plan(mapping(b.get("plan")))
    yield from _beside(
        *(flat({"plan": _of_both(one, other)}) for one, other in ((plan_a, plan_b), (plan_b, plan_a)))
    )
    own_a, own_b = _versions(a), _versions(b)
    yield from _beside(
        *(flat({"controller": _of_both(one, other)}) for one, other in ((own_a, own_b), (own_b, own_a)))
    )


def _of_both(own: Reading, other: Reading) -> dict[str, Any]:
    """What the other knows as well: a key that a version of netlab has added is no difference of the runs."""
    return {key: value for key, value in own.items() if key in other}


def _versions(manifest: Reading) -> dict[str, Any]:
    own = {"netlab": manifest["netlab"]} if manifest.get("netlab") else {}
    return own | dict(mapping(manifest.get("versions")))


def _plan(plan: Reading) -> dict[str, Any]:
    """With parameters by instrument; one that a plan has twice is known by its number, too."""
    instruments: dict[str, Any] = {}
    for entry in plan.get("instruments") or []:
        named = {"name": entry} if isinstance(entry, str) else mapping(entry)
        name = str(named.get("name"))
        number = 1 + sum(1 for other in instruments if other.partition(" ")[0] == name)
        parameters = dict(mapping(named.get("parameters")))
        instruments[name if number == 1 else f"{name} ({number})"] = parameters or "as it is by default"
    told: dict[str, Any] = {key: plan[key] for key in _PLAN if key in plan}
    return {**told, "instruments": instruments} if instruments else told
