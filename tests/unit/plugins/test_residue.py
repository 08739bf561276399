# SPDX-License-Identifier: Apache-2.0
"""What is left on a board: ours without an excuse, somebody else's explained."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import residue

LINK = {
    "alias": "", "mac": "02:00:00:00:00:01", "mtu": 1500, "master": "", "up": True, "promiscuous": False, "xdp": False,
    "addresses": [],
}  # fmt: skip
BEFORE: dict[str, Any] = {
    "links": {"eth1": LINK}, "mounts": ["/", "/run"], "pins": [], "namespaces": [], "programs": [], "files": [],
    "devices": {},
}  # fmt: skip


def changed(**kinds: Any) -> dict[str, Any]:
    return {**copy.deepcopy(BEFORE), **kinds}


def test_nothing_is_left_of_nothing() -> None:
    assert residue.compare(BEFORE, copy.deepcopy(BEFORE)) == []


@pytest.mark.parametrize(
    ("now", "what"),
    [
        (changed(links={"eth1": {**LINK, "mtu": 9000}}), "mtu of link eth1 was 1500 and is 9000"),
        (
            changed(links={"eth1": {**LINK, "addresses": ["192.0.2.1/24"]}}),
            "addresses of link eth1 was none and is 192.0.2.1/24",
        ),
        (
            changed(links={"eth1": LINK, "nlbr0": {**LINK, "alias": "netlab-testbed"}}),
            "link nlbr0 is new",
        ),
        (changed(programs=["netserver"]), "program netserver is new"),
        (changed(files=["/run/netlab-testbed/log/x"]), "file /run/netlab-testbed/log/x is new"),
        (changed(pins=["/sys/fs/bpf/netlab-testbed/x"]), "pin /sys/fs/bpf/netlab-testbed/x is new"),
    ],
)
def test_what_is_ours_has_no_excuse(now: dict[str, Any], what: str) -> None:
    assert residue.compare(BEFORE, now) == [{"what": what, "why": ""}]


@pytest.mark.parametrize(
    ("now", "what"),
    [
        (changed(links={"eth1": LINK, "docker0": LINK}), "link docker0 is new"),
        (changed(links={}), "link eth1 is gone"),
        (changed(mounts=["/", "/run", "/mnt"]), "mount /mnt is new"),
        (changed(pins=["/sys/fs/bpf/cilium"]), "pin /sys/fs/bpf/cilium is new"),
    ],
)
def test_what_others_did_is_told_and_explained(now: dict[str, Any], what: str) -> None:
    (left,) = residue.compare(BEFORE, now)
    assert left["what"] == what
    assert left["why"]


def test_a_look_is_the_same_twice() -> None:
    assert set(residue.look()) == set(BEFORE)
