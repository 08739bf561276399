# SPDX-License-Identifier: Apache-2.0
"""What a board has said of itself, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Nic:
    """An interface that may be an end of a cable. ``carries``: why it is not free, in words."""

    name: str
    driver: str | None
    mac: str
    carrier: bool | None  # None: the interface is down, and so nobody knows
    speed_mbit: int | None
    addresses: Sequence[str]
    carries: Sequence[str]
    is_virtual_function: bool

    @property
    def is_free(self) -> bool:
        return not self.carries and not self.addresses and not self.is_virtual_function

    @property
    def why_not(self) -> str:
        """Why it is passed over unless somebody names it."""
        words = list(self.carries)
        if self.addresses:
            words.append(f"it has the address {', '.join(self.addresses)}")
        if self.is_virtual_function:
            words.append("it is a virtual function")
        return ", ".join(words)

    def __str__(self) -> str:
        words = [self.driver or "driver unknown"]
        words += [f"{self.speed_mbit} Mbit/s"] * bool(self.speed_mbit)
        words.append(
            {True: "carrier", False: "no carrier", None: "down, so its carrier is not known"}[self.carrier]
        )
        return ", ".join(words)


@dataclass(frozen=True)
class Answer:
    """A board's hostname, what it is made of, its interfaces, and the networks that it has a way to."""

    facts: Mapping[str, Any]
    nics: Mapping[str, Nic]
    networks: Sequence[str]

    @property
    def connection_nic(self) -> str | None:
        """The interface that Ansible came in by."""
        found = self.facts.get("connection_nic")
        return str(found) if found else None

    @property
    def macs(self) -> frozenset[str]:
        """Of its interfaces: no two machines have the same."""
        return frozenset(nic.mac for nic in self.nics.values())

    def __str__(self) -> str:
        facts = self.facts
        kvm = "KVM is offered" if facts.get("kvm_device") else "no KVM"
        system = facts.get("os") or {}
        return (
            f"{facts.get('hostname')}: {str(system.get('id', '')).capitalize()} {system.get('version', '')}, "
            f"Linux {facts.get('kernel')} {facts.get('arch')}, {facts.get('cpus')} CPUs, "
            f"{facts.get('memory_mib')} MiB, {kvm}"
        )


def read(report: Mapping[str, Any]) -> Answer:
    """From what the play has reported of the board."""
    keys = Nic.__dataclass_fields__
    nics = [Nic(**{key: told[key] for key in keys}) for told in report["nics"]]
    return Answer(report["board"], {nic.name: nic for nic in nics}, report["networks"])
