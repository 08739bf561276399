# SPDX-License-Identifier: Apache-2.0
"""From the PCI devices that are to those that guests can have. Pure: no sysfs, no root.

A guest has a virtual function of the measured NIC, which is made for it, or a device that the inventory names. Of what
we make there is nothing to undo but the making: with the number of virtual functions goes all that was set on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.sriov import pci
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Refusal, Step

# What a virtual function is like the moment it is born.
NEWBORN: dict[str, Any] = {
    "mac": "00:00:00:00:00:00",
    "spoof_check": True,
    "trust": False,
    "link_state": "auto",
}

Device = Mapping[str, Any]
State = Mapping[str, Any]


def plan(current: State, wanted: State) -> list[Step]:
    """Steps after which each wanted device is bound to vfio-pci, and each virtual function set up.

    ``current``: as state.read gives it, with ``ours`` (whether the NIC's virtual functions are this testbed's),
    ``guests`` (names of guests that may hold them) and ``busy`` (interfaces that must stay, and why).
    ``wanted``: interface, guests: [{name, mac, device or None}], settings: {spoof_check, trust, link_state},
    unsafe_interrupts. Refusal where a thing is somebody else's, BoardError where it cannot be.
    """
    guests = wanted["guests"]
    _named_once(guests)
    own = [guest for guest in guests if not guest.get("device")]
    steps = _vfio(current, wanted) if guests else []
    counting = _count(current, wanted["interface"], len(own))
    steps += counting
    # ours, and gone by then: the NIC itself may be given to a guest in their place
    leaving = [current["nic"]["address"]] if counting and not own else []
    for index, guest in enumerate(own):
        steps += _own(current, index, guest, wanted["settings"], anew=bool(counting))
    for guest in guests:
        if guest.get("device"):
            steps += _given(current, guest, wanted["settings"], leaving)
    return steps


def _named_once(guests: Sequence[Device]) -> None:
    seen: dict[str, str] = {}
    for guest in guests:
        address = guest.get("device")
        if address and address in seen:
            raise BoardError(
                f"{address} is the pci_device of {seen[address]} and of {guest['name']}: one guest can have it"
            )
        if address:
            seen[address] = guest["name"]


def _vfio(current: State, wanted: State) -> list[Step]:
    steps = []
    if not current["vfio"]:
        steps.append(Step("vfio.load", {}, undo=Step("vfio.unload", {})))
    if wanted["unsafe_interrupts"] and not current["unsafe_interrupts"]:
        undo = Step("vfio.unsafe_interrupts", {"allowed": False})
        steps.append(Step("vfio.unsafe_interrupts", {"allowed": True}, undo=undo))
    return steps


def _count(current: State, interface: str, count: int) -> list[Step]:
    """As many virtual functions as guests want. The kernel changes a number only by way of 0."""
    nic = current["nic"]
    there = len(nic["virtual"]) if nic else 0
    if count:
        _may_have_virtual(current, interface, count)
    if there == count or not (count or current["ours"]):
        return []
    place = {"device": nic["address"], "interface": interface}
    none = Step("sriov.count", {**place, "count": 0})
    steps = []
    if there:
        # a virtual function that a guest holds cannot go; the making of both is in the ledger
        steps += [Step("domain.remove", {"name": name}) for name in current["guests"]]
        steps.append(none)
    if count:
        making = [Step("sriov.count", {**place, "count": count}, undo=none)]
        # nobody but vfio-pci is to take them: their own driver would make interfaces that are gone a moment later
        if nic["autoprobe"]:
            on, off = (Step("sriov.autoprobe", {**place, "on": value}) for value in (True, False))
            making = [Step(off.op, off.args, undo=on), *making, on]
        steps += making
    return steps


def _may_have_virtual(current: State, interface: str, count: int) -> None:
    nic = current["nic"]
    if nic is None:
        raise BoardError(f"{interface} is not a PCI device: it has no virtual functions")
    if interface in current["busy"]:
        raise Refusal(f"{interface} is not free: {current['busy'][interface]}")
    if nic["total"] == 0:
        raise BoardError(f"{interface} ({nic['driver']}) has no SR-IOV capability")
    if nic["virtual"] and not current["ours"]:
        raise Refusal(foreign(interface, len(nic["virtual"])))
    if count > nic["total"]:
        raise BoardError(
            f"{interface} ({nic['driver']}) can have {nic['total']} virtual functions, and {count} guests want one each"
        )


def foreign(interface: str, count: int) -> str:
    return (
        f"{interface} has {count} virtual function{'s' if count > 1 else ''} that this testbed did not make, and"
        " somebody else's guests may use them. Remove them (write 0 to"
        f" /sys/class/net/{interface}/device/sriov_numvfs), or name those that are free as guest_list[].pci_device"
    )


def _own(current: State, index: int, guest: Device, settings: Mapping[str, Any], anew: bool) -> list[Step]:
    """One of the measured NIC's virtual functions that are ours. One that is made anew is not there yet."""
    nic = current["nic"]
    old = {} if anew else current["devices"][nic["virtual"][index]]
    steps = []
    if old.get("driver") != pci.VFIO:
        args = {"device": nic["address"], "interface": nic["interface"], "vf": index}
        steps.append(Step("sriov.bind", args))
    before = {**NEWBORN, **old.get("settings", {})}
    new = _differs(before, {"mac": guest["mac"], **settings})
    if new:
        steps.append(Step("sriov.set", {"interface": nic["interface"], "vf": index, "settings": new}))
    return steps


def _differs(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be set; a setting of None stays as it is."""
    return {key: value for key, value in wanted.items() if value is not None and value != before.get(key)}


def _given(current: State, guest: Device, settings: Mapping[str, Any], leaving: Sequence[str]) -> list[Step]:
    """A device that the inventory names: passed as it is, given back as it was."""
    address = guest["device"]
    old = current["devices"].get(address)
    if old is None:
        raise BoardError(f"{guest['name']}: this board has no PCI device {address} (pci_device)")
    _may_be_given(current, guest["name"], old, leaving)
    steps = []
    if old["driver"] != pci.VFIO:
        # what the device is called and which address it has, for whoever asks while it is away, and for the undo
        name = next(iter(old["interfaces"]), "")
        was = {"interface": name, **{key: old[key] for key in ("mac", "address_set", "up", "mtu")}}
        args = {"device": address, "driver": pci.VFIO, "override": pci.VFIO, "was": was}
        steps.append(Step("pci.bind", args, undo=_give_back(old, was)))
    if old["vf"] is not None and old["physical_interface"]:
        before = old["settings"]
        new = _differs(before, {"mac": guest["mac"], **settings})
        if new:
            place = {"interface": old["physical_interface"], "vf": old["vf"]}
            undo = Step(
                "sriov.set", {**place, "settings": {key: before[key] for key in new if key in before}}
            )
            steps.append(Step("sriov.set", {**place, "settings": new}, undo=undo))
    return steps


def _give_back(device: Device, was: dict[str, Any]) -> Step:
    place = {"device": device["address"], "override": device["override"]}
    if not device["driver"]:
        return Step("pci.release", place)
    return Step("pci.bind", {**place, "driver": device["driver"], "was": was})


def _may_be_given(current: State, guest: str, device: Device, leaving: Sequence[str]) -> None:
    address = device["address"]
    if not device["network"]:
        raise Refusal(f"{guest}: {address} (pci_device) is not a network controller: it stays with the board")
    for interface in device["interfaces"]:
        if interface in current["busy"]:
            raise Refusal(
                f"{guest}: {address} (pci_device) is {interface}, which is not free: {current['busy'][interface]}"
            )
        if addresses := current["addresses"].get(interface):
            raise Refusal(
                f"{guest}: {address} (pci_device) is {interface}, which has {', '.join(addresses)}: that would go"
                " with it, take it off first"
            )
    if current["ours"] and address in current["nic"]["virtual"]:
        raise Refusal(
            f"{guest}: {address} (pci_device) is a virtual function of this testbed's making: a guest without"
            " pci_device gets one"
        )
    if device["virtual"] and address not in leaving:
        raise Refusal(f"{guest}: {address} (pci_device) has virtual functions, which would go with it")
    if device["group"] is None:
        raise BoardError(
            f"{guest}: {address} (pci_device) is in no IOMMU group: this board has no IOMMU in use"
        )
    if intruders := pci.intruders(device["others"]):
        raise Refusal(not_alone(address, device["group"], intruders))


def not_alone(address: str, group: str | None, others: Sequence[Device]) -> str:
    return (
        f"{address} shares IOMMU group {group} with {pci.in_words(others)}: who has one of them can reach the"
        " others' memory. Another slot, or a kernel and firmware with ACS on the way to it, sets it apart"
    )
