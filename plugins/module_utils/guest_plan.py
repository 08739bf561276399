# SPDX-License-Identifier: Apache-2.0
"""From the guests that are to the guests that should be. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.domain_xml import domain_xml
from ansible_collections.netlab.testbed.plugins.module_utils.steps import Refusal, Step

DISKS = Path("/var/lib/netlab-testbed/disks")


def plan(
    current: Mapping[str, Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]], limit: float
) -> list[Step]:
    """Steps that leave exactly the wanted guests, each answering and with its address.

    All guests are started before the first is waited for: they boot at the same time.
    ``current``: as domain_ops.read gives it. Domains without our mark are left alone; a wanted guest
    with such a domain's name is refused.
    """
    names = {guest["name"] for guest in wanted}
    steps = [_remove(name) for name, domain in current.items() if domain["ours"] and name not in names]
    configure: list[Step] = []
    for guest in wanted:
        name = guest["name"]
        domain = current.get(name)
        if domain is not None and not domain["ours"]:
            raise Refusal(
                f"a domain named {name} is there already and is not this testbed's: rename or remove it first"
            )
        disk = str(DISKS / f"{name}.qcow2") if guest.get("disk") else None
        xml, digest = domain_xml({**guest, "disk": disk, "base": guest.get("disk")})
        if domain is None or not domain["running"] or domain["digest"] != digest:
            if domain is not None:
                steps.append(_remove(name))
            if disk:
                args = {"path": disk, "base": guest["disk"]}
                steps.append(Step("disk.overlay", args, undo=Step("disk.remove", {"path": disk})))
            steps.append(_create(name, xml))
            domain = None
        if domain is None or not _configured(domain["interfaces"], guest):
            configure.append(
                Step("domain.configure", {
                    "name": name, "mac": guest["mac"], "address": guest["address"],
                    "gateway": guest.get("gateway") or "", "limit": limit,
                })
            )  # fmt: skip
    return steps + configure


def _create(name: str, xml: str) -> Step:
    return Step("domain.create", {"name": name, "xml": xml}, undo=_remove(name))


def _remove(name: str) -> Step:
    """Nothing to undo: its making is in the ledger, and that entry's undo ends in the same absence."""
    return Step("domain.remove", {"name": name})


def _configured(interfaces: Sequence[Mapping[str, Any]] | None, guest: Mapping[str, Any]) -> bool:
    return any(
        nic["mac"] == guest["mac"].lower() and guest["address"] in nic["addresses"]
        for nic in interfaces or []
    )
