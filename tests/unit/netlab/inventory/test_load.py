# SPDX-License-Identifier: Apache-2.0
"""What a valid inventory turns into."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from netlab.errors import InvalidInput
from netlab.inventory import check_variables, load

Write = Callable[..., Path]
LOCAL = Path(__file__).resolve().parents[4] / "inventory" / "local"
ROLES = Path(__file__).resolve().parents[3] / "golden" / "inventory-roles"


def test_the_local_inventory_loads_cleanly() -> None:
    inventory = load(LOCAL)
    assert ([dut.name for dut in inventory.duts], [peer.name for peer in inventory.peers]) == (
        ["board1"],
        ["board2"],
    )
    assert all(board.is_local and board.nic for board in inventory.boards.values())
    assert [guest.name for guest in inventory.guests["board1"]] == ["guest1"]
    assert not inventory.warnings


def test_it_takes_no_noticeable_time() -> None:
    load(LOCAL)
    began = time.process_time()
    load(LOCAL)
    assert time.process_time() - began < 0.15


def test_a_board_knows_what_was_said_of_it(write: Write, good: str) -> None:
    lab = write(
        {"hosts.yml": good, "group_vars/all.yml": "guest_vcpus: 2\nansible_connection: ssh\nrack: 7\n"}
    )
    board = load(lab).boards["board1"]
    assert (board.nic, board.address, board.is_dut, board.is_local) == ("eth1", "192.0.2.1/24", True, False)
    assert board.connection == "ssh"
    assert board.variables == {"guest_vcpus": 2, "board_nic": "eth1", "board_address": "192.0.2.1/24"}
    assert (Path(board.place.file).name, board.place.line) == ("hosts.yml", 3)


def test_guests_have_what_the_inventory_says_and_the_rest_is_made(write: Write, good: str) -> None:
    lab = write(
        {
            "hosts.yml": good,
            "host_vars/board1.yml": "guest_count: 3\nguest_list:\n  - {name: web, vcpus: 2}\n",
        }
    )
    guests = load(lab).guests["board1"]
    assert [(guest.name, guest.vcpus, guest.address) for guest in guests] == [
        ("web", 2, "192.0.2.101/24"),
        ("guest2", 1, "192.0.2.102/24"),
        ("guest3", 1, "192.0.2.103/24"),
    ]
    assert len(load(lab, guest_count=5).guests["board1"]) == 5
    assert len(load(lab, guest_count=1).guests["board1"]) == 1


def test_duts_count_their_guests_in_the_order_of_their_names(write: Write, good: str) -> None:
    """Ansible's own order of a group's hosts is not always the same; names are."""
    other = "    a-board:\n      board_nic: eth1\n      board_address: 192.0.2.3/24\npeers:"
    guests = load(write(good.replace("peers:", other))).guests
    assert guests["a-board"][0].address == "192.0.2.101/24"
    assert guests["board1"][0].address == "192.0.2.102/24"


def test_the_address_of_any_other_host_is_no_guests(write: Write, good: str) -> None:
    other = "recorders:\n  hosts:\n    tap1: {board_address: 192.0.2.101/24}\n    plain:\n"
    assert load(write(good + other)).guests["board1"][0].address == "192.0.2.102/24"


@pytest.mark.parametrize("name", ["lab.ini", "lab"])
def test_ini_says_the_same_as_yaml(tmp_path: Path, write: Write, good: str, name: str) -> None:
    ini = tmp_path / name / "hosts" if name == "lab" else tmp_path / name
    ini.parent.mkdir(exist_ok=True)
    ini.write_text(
        "# two boards\n[duts]\nboard1 board_nic=eth1 board_address=192.0.2.1/24 # the dut\n\n"
        "[peers]\nboard[2:2] board_nic='eth1'\n\n[peers:vars]\nboard_address = 192.0.2.2/24\n"
        "[measured:children]\nduts\npeers\n[measured:vars]\nguest_count=2\n"
    )
    from_ini = load(ini.parent if name == "lab" else ini).rendered()
    yaml = good + "measured:\n  children: {duts: , peers: }\n  vars: {guest_count: 2}\n"
    path = tmp_path / "other.yml"
    path.write_text(yaml)
    assert from_ini == load(path).rendered()


def test_what_is_rendered_is_json_and_holds_no_secret(write: Write, good: str) -> None:
    lab = write(
        {
            "hosts.yml": good,
            "group_vars/all.yml": "ansible_password: !vault |\n  $ANSIBLE_VAULT\nkey: s3cret\n",
        }
    )
    text = json.dumps(load(lab).rendered())
    assert "board1" in text
    assert "s3cret" not in text
    assert "VAULT" not in text


def test_keys_of_others_are_left_alone(write: Write, good: str) -> None:
    mine = "ansible_user: lab\nmy_note: '{{ x }}'\nboards: 3\nguests: [!unsafe '{{', {a: 1}]\n"
    assert load(write({"hosts.yml": good, "group_vars/all.yml": mine})).warnings == []


def test_files_that_nobody_reads_are_named(write: Write, good: str) -> None:
    lab = write(
        {
            "hosts.yml": good,
            "group_vars/dut.yml": "guest_count: 2\n",
            "group_vars/duts/a.yml": "guest_count: 2\n",
            "group_vars/duts.yml": "guest_count: 3\n",
            "host_vars/board2.yml": "$ANSIBLE_VAULT;1.1;AES256\n6162\n",
            "group_vars/peers.yml": "guest_count: 4\n",
        }
    )
    inventory = load(lab)
    assert len(inventory.guests["board1"]) == 2
    assert [str(warning).removeprefix(f"{lab}/") for warning in inventory.warnings] == [
        "group_vars/dut.yml: not read: no group is called dut (there is duts)",
        "group_vars/duts.yml: not read: duts has variables in another file here, which Ansible takes first",
        "group_vars/peers.yml:1: guest_count: no effect: only duts host guests, and there is none in peers",
        "host_vars/board2.yml: encrypted: what it sets is not checked",
    ]


def test_options_of_roles_are_known_and_checked(write: Write, good: str) -> None:
    options = (
        "instrument_demo_seconds: 5\n"
        "instrument_demo_bursts: [{size: 3, pause: 0.5}]\n"
        "datapath_demo_qos: {a: 1}\n"
    )
    lab = write({"hosts.yml": good, "group_vars/all.yml": options})
    inventory = load(lab, roles_dir=ROLES)
    assert check_variables(inventory, ROLES) == []
    with pytest.raises(InvalidInput, match="instrument_demo_seconds: nothing reads this key"):
        load(lab, roles_dir=ROLES / "instrument_demo")  # a folder without roles
    (problem, *_others) = check_variables(inventory, ROLES / "instrument_demo")
    assert (Path(problem.file or "").name, problem.line) == ("all.yml", 1)


def test_a_broken_role_is_said_to_be_broken(write: Write, tmp_path: Path) -> None:
    specs = tmp_path / "roles" / "demo" / "meta" / "argument_specs.yml"
    specs.parent.mkdir(parents=True)
    specs.write_text("argument_specs: [\n")
    with pytest.raises(InvalidInput, match=r"argument_specs.yml: the role's options cannot be read"):
        load(write(), roles_dir=tmp_path / "roles")


def test_a_group_that_is_only_overruled_is_not_checked_against_the_rest(write: Write, good: str) -> None:
    """The value that wins counts: an address of the group that each board replaces is no second address."""
    lab = write({"hosts.yml": good, "group_vars/duts.yml": "board_address: 192.0.2.2/24\n"})
    assert load(lab).boards["board1"].address == "192.0.2.1/24"


def test_the_command_to_try_next_is_about_this_inventory(write: Write, good: str) -> None:
    lab = write({"hosts.yml": good, "group_vars/all.yml": "guest_cout: 2\n"})
    with pytest.raises(InvalidInput) as caught:
        load(lab)
    assert (caught.value.hint or "").startswith(f"netlab check -i {lab} ")
