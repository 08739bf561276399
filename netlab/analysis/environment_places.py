# SPDX-License-Identifier: Apache-2.0
"""Two readings of a board, place by place. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from netlab.analysis.environment_keys import Place

Reading = Mapping[str, Any]  # one board's environment
Difference = tuple[Place, Any, Any]

# Beside the configuration a reading holds what changes by itself and why something is not there.
NOT_COMPARED = {"absent", "changing", "format"}
# A guest or link that only one reading has is one difference, not one for each of its keys; so are their parts.
OBJECTS = ("guests", "links")
WHOLE = ("interrupts",)  # named by the device: where the names differ there is nothing to compare one by one
NIC = "the measured NIC"  # in a place, whatever it is called on its board


def mapping(value: Any) -> Mapping[str, Any]:
    """The value, if it is one."""
    return value if isinstance(value, Mapping) else {}


def flat(reading: Reading, *, alias: bool = False) -> dict[Place, Any]:
    """Values by place, as deep as there are mappings. ``alias``: the measured NIC under one name everywhere."""
    found: dict[Place, Any] = {}
    nic = reading.get("nic") if alias else None

    def walk(place: Place, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, item in value.items():
                walk((*place, NIC if place == ("links",) and key == nic else str(key)), item)
        elif value is not None:
            found[place] = value

    for section, value in reading.items():
        if section not in NOT_COMPARED:
            walk((section,), value)
    return found


def different(a: Reading, b: Reading, *, alias: bool = False) -> Iterator[Difference]:
    """What differs, in the order of the places."""
    flat_a, flat_b = flat(a, alias=alias), flat(b, alias=alias)
    for place in _whole(flat_a, flat_b):
        for one in (flat_a, flat_b):
            one.update({place: _taken(one, place)})
    inside_a, inside_b = (_prefixes(one) for one in (flat_a, flat_b))
    told: set[Place] = set()
    for place in sorted({*flat_a, *flat_b}):
        if flat_a.get(place) == flat_b.get(place):
            continue
        top = place
        if place[0] in OBJECTS and (place in flat_a) != (place in flat_b):
            other = inside_b if place in flat_a else inside_a
            parents = (place[:length] for length in range(2, len(place)))
            top = next((parent for parent in parents if parent not in other), place)
        if top not in told:
            told.add(top)
            yield top, _value(flat_a, top), _value(flat_b, top)


def _prefixes(places: Mapping[Place, Any]) -> set[Place]:
    return {place[:length] for place in places for length in range(1, len(place) + 1)}


def _whole(a: Mapping[Place, Any], b: Mapping[Place, Any]) -> list[Place]:
    """Parts that both have, whose names differ and mean nothing to each other."""
    names = ({place for place in one if len(place) == 4 and place[2] in WHOLE} for one in (a, b))
    of_a, of_b = names
    both = {place[:3] for place in of_a} & {place[:3] for place in of_b}
    return sorted({place[:3] for place in of_a ^ of_b} & both)


def _taken(flat_reading: dict[Place, Any], place: Place) -> dict[str, Any]:
    inside = [other for other in flat_reading if other[: len(place)] == place]
    return {other[-1]: flat_reading.pop(other) for other in sorted(inside)}


def _value(flat_reading: Mapping[Place, Any], place: Place) -> Any:
    """The value at a place, or all that is below it; of a whole object, or a guest's own words, that it is there."""
    if place in flat_reading:
        return flat_reading[place]
    below = {
        " ".join(other[len(place) :]): value
        for other, value in flat_reading.items()
        if other[: len(place)] == place
    }
    if not below:
        return None
    return "there" if len(place) == 2 or place[-1] == "inside" else below


@dataclass(frozen=True)
class OwnDoing:
    """What differs between two readings because the testbed made it so: it had deployed different things."""

    sections: frozenset[str] = frozenset()
    links: frozenset[Place] = frozenset()

    def covers(self, place: Place) -> bool:
        """A section, a link of ours as a whole, or one key of somebody else's link that the testbed has set."""
        return place[0] in self.sections or place[:2] in self.links or place[:3] in self.links


def own_doing(a: Reading, b: Reading) -> OwnDoing:
    """Nothing, where both were read under one topology: then guests and links of ours count as well."""
    deployed_a, deployed_b = mapping(a.get("deployment")), mapping(b.get("deployment"))
    if all(deployed_a.get(key) == deployed_b.get(key) for key in ("topology", "state")):
        return OwnDoing(frozenset({"deployment"}))
    links: set[Place] = set()
    for reading, deployed in ((a, deployed_a), (b, deployed_b)):
        links |= {
            ("links", name)
            for name, link in mapping(reading.get("links")).items()
            if mapping(link).get("ours")
        }
        for name, changed in mapping(deployed.get("changed")).items():
            for named in (name, NIC) if name == reading.get("nic") else (name,):
                links |= {("links", named, key) for key in changed}
    return OwnDoing(frozenset({"deployment", "guests"}), frozenset(links))
