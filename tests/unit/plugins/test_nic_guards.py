# SPDX-License-Identifier: Apache-2.0
"""A measured NIC that carries anything else is refused: the role's own conditions, each by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

VARIABLES = Path(__file__).resolve().parents[3] / "roles/board/vars/main.yml"
FREE: dict[str, Any] = {
    "nic": {"foreign_master": None}, "interfaces": ["eth0", "eth1"], "default_route_nics": ["eth0"],
    "default_route_below": [], "connection_nic": "eth0", "connection_below": [], "mount_nics": ["eth0"],
    "mount_below": [],
}  # fmt: skip


def conditions() -> list[dict[str, str]]:
    return list(yaml.safe_load(VARIABLES.read_text(encoding="utf-8"))["board__requirements"])


def refused(conditions: list[dict[str, str]], **facts: Any) -> list[str]:
    """What these conditions of the role say of a board with these facts, whose measured NIC is eth1."""
    known = {"board_nic": "eth1", "board_info": {"board": {**FREE, **facts}}}
    environment = NativeEnvironment()
    return [
        str(environment.from_string(condition["message"]).render(known))
        for condition in conditions
        if not environment.from_string(condition["that"]).render(known)
    ]


def test_a_free_nic_is_taken() -> None:
    assert refused(conditions()) == []


CARRIES = pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"nic": None}, "there is no interface eth1"),
        ({"default_route_nics": ["eth1"]}, "carries the default route"),
        ({"default_route_nics": ["br0"], "default_route_below": ["eth1"]}, "carries the default route"),
        ({"connection_nic": "eth1"}, "this connection comes in over eth1"),
        ({"connection_nic": "br0", "connection_below": ["eth1"]}, "this connection comes in over eth1"),
        ({"mount_nics": ["eth1"]}, "that is mounted here comes over eth1"),
        ({"mount_nics": ["bond0"], "mount_below": ["eth1"]}, "that is mounted here comes over eth1"),
        ({"nic": {"foreign_master": "br0"}}, "is a port of br0"),
    ],
)


@CARRIES
def test_one_that_carries_something_is_refused(facts: dict[str, Any], words: str) -> None:
    (said,) = refused(conditions(), **facts)
    assert words in said


@CARRIES
def test_each_condition_stands_alone(facts: dict[str, Any], words: str) -> None:
    """With just that one gone, nothing else keeps the board from being taken."""
    (guard,) = [condition for condition in conditions() if refused([condition], **facts)]
    rest = [condition for condition in conditions() if condition != guard]
    assert refused(rest, **facts) == []
