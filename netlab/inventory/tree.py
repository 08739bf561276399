# SPDX-License-Identifier: Apache-2.0
"""Groups and hosts as Ansible understands them, and which definition of a variable wins on a host.

The order is Ansible's own (the default of VARIABLE_PRECEDENCE); the last one wins: variables of the group
`all` in the inventory file, of the other groups there, group_vars/all, group_vars of the others, the host's
own in the inventory file, host_vars. Among groups: those nearer to `all` first, then by
ansible_group_priority, then by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from netlab.errors import Problem
from netlab.inventory.marked import MAXIMUM_MEMBERS, MAXIMUM_VALUES, Marked, Place, UnreadableFile

Variables = dict[str, Marked]


@dataclass(slots=True)
class Definition:
    """One place that gives a variable a value; ``owner`` is the group's or host's name."""

    name: str
    value: Marked
    owner: str


@dataclass(slots=True)
class Group:
    name: str
    place: Place
    hosts: dict[str, Place] = field(default_factory=dict)
    children: dict[str, Place] = field(default_factory=dict)
    parents: dict[str, Place] = field(default_factory=dict)
    variables: Variables = field(default_factory=dict)
    from_files: Variables = field(default_factory=dict)  # group_vars/
    priority: int = 1


@dataclass(slots=True)
class Host:
    name: str
    place: Place
    variables: Variables = field(default_factory=dict)
    from_files: Variables = field(default_factory=dict)  # host_vars/


class Tree:
    """What all files of an inventory say together."""

    def __init__(self, place: Place) -> None:
        self.groups = {name: Group(name, place) for name in ("all", "ungrouped")}
        self.hosts: dict[str, Host] = {}
        self.definitions: list[Definition] = []
        self._depths: dict[str, int] = {}
        self._members = 0
        self._values = 0

    def _spend(self, place: Place, *, members: int = 0, values: int = 0) -> None:
        """Stops an inventory that a few lines blow up (ranges of hosts, groups within groups)."""
        self._members += members
        self._values += values
        if self._members > MAXIMUM_MEMBERS or self._values > MAXIMUM_VALUES:
            limit = f"at most {MAXIMUM_MEMBERS} hosts and groups, and {MAXIMUM_VALUES} variables"
            raise UnreadableFile(Problem("the inventory is too large", place.file, place.line, None, limit))

    def add_group(self, name: str, place: Place) -> Group:
        if name not in self.groups:
            self._spend(place, members=1)
            self.groups[name] = Group(name, place)
        return self.groups[name]

    def add_host(self, name: str, group: str, place: Place) -> Host:
        self._spend(place, members=1)
        self.groups[group].hosts.setdefault(name, place)
        return self.hosts.setdefault(name, Host(name, place))

    def add_child(self, parent: str, child: str, place: Place, problems: list[Problem]) -> None:
        """Both groups are there already; a circle is a problem, and is not closed."""
        self._spend(place, members=1)
        if child in (parent, "all") or parent in self.descendants(child):
            problems.append(
                Problem(
                    f"the group {child} would be its own ancestor, through {parent}",
                    place.file,
                    place.line,
                    child,
                    "children that do not lead back to the group itself",
                )
            )
            return
        self.groups[parent].children.setdefault(child, place)
        self.groups[child].parents.setdefault(parent, place)

    def define(self, owner: Group | Host, name: str, value: Marked, *, from_file: bool = False) -> None:
        """``from_file``: it stands in group_vars or host_vars, not in the inventory file itself."""
        self._spend(value.place, values=1)
        (owner.from_files if from_file else owner.variables)[name] = value
        self.definitions.append(Definition(name, value, owner.name))
        if name == "ansible_group_priority" and isinstance(owner, Group) and not from_file:
            priority = value.value
            owner.priority = priority if isinstance(priority, int) else 1

    def descendants(self, group: str) -> list[str]:
        """The group itself and all below it, each once, nearest first."""
        found = {group: None}
        level = [group]
        while level:
            level = [child for name in level for child in self.groups[name].children if child not in found]
            found.update(dict.fromkeys(level))
        return list(found)

    def hosts_of(self, group: str) -> list[str]:
        """The hosts of a group and of all groups below it, each once; of `all`: every host."""
        if group not in self.groups:
            return []
        if group == "all":
            return list(self.hosts)
        return list(
            dict.fromkeys(host for name in self.descendants(group) for host in self.groups[name].hosts)
        )

    def groups_of(self, host: str) -> list[Group]:
        """Every group that the host is in but `all`, in the order in which their variables are merged."""
        found = {name for name, group in self.groups.items() if host in group.hosts}
        if not found - {"all"}:
            found.add("ungrouped")
        elif found - {"all", "ungrouped"}:
            found.discard("ungrouped")
        waiting = list(found)
        while waiting:
            for parent in self.groups[waiting.pop()].parents:
                if parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        groups = [self.groups[name] for name in found if name != "all"]
        return sorted(groups, key=lambda group: (self.depth(group.name), group.priority, group.name))

    def depth(self, group: str) -> int:
        """How far below `all` a group is, by its longest way; call it once the tree is complete."""
        if not self._depths:
            left = {name: len(group.parents) for name, group in self.groups.items()}
            ready = [name for name, parents in left.items() if not parents]
            self._depths = dict.fromkeys(self.groups, 1) | {"all": 0}
            while ready:  # reaches every group: add_child closes no circle
                name = ready.pop()
                for child in self.groups[name].children:
                    self._depths[child] = max(self._depths[child], self._depths[name] + 1)
                    left[child] -= 1
                    if not left[child]:
                        ready.append(child)
        return self._depths[group]

    def effective(self, host: str) -> Variables:
        """The host's variables: of each name the definition that wins."""
        merged: Variables = {}
        for layer in self._layers(host):
            merged.update(layer)
        return merged

    def _layers(self, host: str) -> Iterator[Variables]:
        top = self.groups["all"]
        groups = self.groups_of(host)
        yield top.variables
        yield from (group.variables for group in groups)
        yield top.from_files
        yield from (group.from_files for group in groups)
        yield self.hosts[host].variables
        yield self.hosts[host].from_files
