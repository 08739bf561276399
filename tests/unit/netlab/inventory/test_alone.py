# SPDX-License-Identifier: Apache-2.0
"""Boards that are named on the command line, without an inventory."""

from __future__ import annotations

import json

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from netlab.errors import InvalidInput
from netlab.inventory.alone import hosts, inventory_of


def test_a_name_alone_is_a_local_board() -> None:
    made = hosts(["board1"])["all"]["children"]
    assert set(made["local_boards"]["hosts"]) == {"board1"}
    assert made["duts"]["hosts"]["board1"]["board_package_host"] == "localhost"


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("root@lab1", {"ansible_host": "lab1", "ansible_user": "root", "ansible_become": False}),
        (
            "ada@192.0.2.1:2222",
            {
                "ansible_host": "192.0.2.1",
                "ansible_user": "ada",
                "ansible_become": True,
                "ansible_port": 2222,
            },
        ),
        (
            "root@[2001:db8::1]",
            {"ansible_host": "2001:db8::1", "ansible_user": "root", "ansible_become": False},
        ),
    ],
)
def test_a_user_at_a_host_is_reached_over_ssh(name: str, variables: dict[str, object]) -> None:
    made = hosts([name])["all"]["children"]
    assert list(made["duts"]["hosts"].values()) == [variables]
    assert made["local_boards"]["hosts"] == {}


@pytest.mark.parametrize(
    "name", ["board1", "root@lab1", "ada@192.0.2.1:2222", "root@[2001:db8::1]", "root@[2001:db8::1]:2222"]
)
def test_ansible_takes_the_name_for_one_board(name: str) -> None:
    with inventory_of([name]) as inventory:
        read = InventoryManager(DataLoader(), [str(inventory.path)])
        (host,) = read.get_hosts("duts:peers")
        wanted = hosts([name])["all"]["children"]["duts"]["hosts"]
        assert {key: value for key, value in host.vars.items() if not key.startswith("inventory_")} == (
            wanted[host.name]
        )


@pytest.mark.parametrize(
    "name", ["", "../x", "-oProxyCommand=x@y", "a b", "root@-oProxyCommand=x", "{{ x }}", "x" * 300, "a@b\n"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="--board"):
        hosts([name])


def test_the_inventory_is_there_while_it_is_used() -> None:
    with inventory_of(["board1"]) as inventory:
        assert json.loads(inventory.path.read_text(encoding="utf-8")) == hosts(["board1"])
        assert inventory.path.parent.stat().st_mode & 0o777 == 0o700
    assert not inventory.path.exists()
