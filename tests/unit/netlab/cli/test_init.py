# SPDX-License-Identifier: Apache-2.0
"""`netlab init`: each case of tests/golden/init, what it says and what it writes.

A case is a folder with the command line (`arguments`), what boards answer (`boards.yml`, over what BOARD has) and files
that are there before (`before/`). After a wanted change run this file with NETLAB_UPDATE_GOLDEN=1, then read the
difference aloud, as somebody who sees the text for the first time.
"""

from __future__ import annotations

import copy
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

from netlab.inventory import load

REPOSITORY = Path(__file__).resolve().parents[4]
GOLDEN = REPOSITORY / "tests/golden/init"
CASES = sorted(path.name for path in GOLDEN.iterdir())
UPDATE = bool(os.environ.get("NETLAB_UPDATE_GOLDEN"))  # the lab takes such variables away
ROLES = GOLDEN.parent / "inventory-roles"

NIC: dict[str, Any] = {
    "driver": "mvpp2", "mac": "00:51:82:11:22:00", "up": True, "carrier": True, "speed_mbit": 10000, "addresses": [],
    "carries": [], "is_virtual_function": False, "pci_address": None, "xdp_native": True, "sriov_total_vfs": 0,
}  # fmt: skip
MANAGED = {
    "speed_mbit": 1000, "addresses": ["203.0.113.11/24"],
    "carries": ["this connection comes in over it", "it carries the default route"],
}  # fmt: skip
BOARD = {
    "hostname": "mcbin", "os": {"id": "debian", "version": "12"}, "kernel": "6.1.0-18-arm64", "arch": "aarch64",
    "cpus": 4, "memory_mib": 3900, "kvm_device": True, "connection_nic": "eth2",
}  # fmt: skip


def answers(changes: dict[str, Any]) -> dict[str, Any]:
    """By board what it reports: eth0 on the cable, eth1 unplugged and down, eth2 for management; then the changes."""
    found = {}
    for number, name in enumerate(("dut1", "dut2", "peer1", "left", "right")):
        nics: dict[str, Any] = {
            "eth0": {},
            "eth1": {"up": False, "carrier": None, "speed_mbit": None},
            "eth2": MANAGED,
        }
        own = copy.deepcopy(changes.get("all") or {}) | (changes.get(name) or {})
        for nic, values in (own.pop("nics", None) or {}).items():
            nics[nic] = nics.get(nic, {}) | values if values is not None else None
        macs = {nic: f"00:51:82:11:{number:02x}:{index:02x}" for index, nic in enumerate(nics)}
        found[name] = {
            "board": BOARD | {"hostname": f"mcbin{number}"} | own.pop("board", {}),
            "nics": [
                NIC | {"mac": macs[nic], "name": nic} | values
                for nic, values in nics.items()
                if values is not None
            ],
            "networks": ["203.0.113.0/24"],
        } | own
    return found


def answering(lab, changes: dict[str, Any]) -> None:
    """The play by which boards are asked, on this machine instead of over SSH."""
    task = {"name": "Report", "netlab.testbed.report": {"data": "{{ answers[inventory_hostname] }}"}}
    play = {
        "name": "What boards are", "hosts": "duts:peers", "gather_facts": False, "connection": "local", "tasks": [task],
        "vars": {"ansible_become": False, "answers": answers(changes)},
    }  # fmt: skip
    lab.playbook("ask", yaml.safe_dump([play]))


def told(ended, folder: Path) -> str:
    text = f"{ended.out}---\n{ended.err}---\nexit status {ended.status}\n"
    text = re.sub(r"full log: .*", "full log: LOG", text)
    return re.sub(r"^ask .*\n", "", text.replace(str(folder), "HERE"), flags=re.MULTILINE)


@pytest.mark.parametrize("case", CASES)
def test_init(case: str, netlab, lab) -> None:
    folder = GOLDEN / case
    if (folder / "before").is_dir():
        shutil.copytree(folder / "before", lab.folder, dirs_exist_ok=True)
    if (folder / "boards.yml").exists():
        answering(lab, yaml.safe_load((folder / "boards.yml").read_text(encoding="utf-8")) or {})
    else:  # a real play, for those that nobody answers
        shutil.copy(REPOSITORY / "playbooks/ask.yml", lab.root / "playbooks/ask.yml")
    ended = netlab("init", *shlex.split((folder / "arguments").read_text(encoding="utf-8")))
    said = {"expected.txt": told(ended, lab.folder)}
    for path in sorted((lab.folder / "my-lab").rglob("*.yml")) if ended.status == 0 else []:
        said[f"written/{path.relative_to(lab.folder / 'my-lab')}"] = path.read_text(encoding="utf-8")
    for name, text in said.items():
        if UPDATE:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        assert text == (folder / name).read_text(encoding="utf-8")
    if ended.status == 0:
        load(lab.folder / "my-lab", roles_dir=ROLES)
    else:
        assert not (lab.folder / "my-lab/hosts.yml").exists() or (folder / "before/my-lab").exists()


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 20


def test_what_is_written_names_no_key_that_nothing_reads(netlab, lab) -> None:
    """A line break that a board answers with does not end a comment."""
    evil = "x\n      board_nic: eth9\n# "
    answering(lab, {"dut1": {"board": {"hostname": evil}}})
    assert netlab("init", "my-lab", "--dut", "root@h1", "--peer", "root@h2").status == 0
    written = yaml.safe_load((lab.folder / "my-lab/hosts.yml").read_text(encoding="utf-8"))
    assert written["all"]["children"]["duts"]["hosts"]["dut1"]["board_nic"] == "eth0"


def test_at_a_terminal_it_asks(lab) -> None:
    answering(lab, {"dut1": {"nics": {"eth1": {"up": True, "carrier": True}}}})
    program = pexpect.spawn(
        sys.executable, ["-m", "netlab", "init"], cwd=str(lab.folder), encoding="utf-8", timeout=60,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"},
    )  # fmt: skip
    try:
        program.expect_exact("Folder to write [my-lab]: ")
        program.sendline("")
        program.expect_exact("Boards that are to host guests")
        program.expect_exact("boards: ")
        program.sendline("root@h:0")
        program.expect_exact("'0' is no port")
        program.expect_exact("boards: ")
        program.sendline("root@h1")
        program.expect_exact("Boards at the other end")
        program.expect_exact("boards: ")
        program.sendline("root@h2")
        program.expect_exact("Which interface of dut1 is the measured one?")
        program.expect_exact("number or name: ")
        program.sendline("7")
        program.expect_exact("'7' is none of them")
        program.expect_exact("number or name: ")
        program.sendline("2")
        program.expect_exact("next: netlab check -i my-lab")
        program.expect(pexpect.EOF)
    finally:
        program.close()
    assert program.exitstatus == 0
    made = load(lab.folder / "my-lab", roles_dir=ROLES)
    assert {name: board.nic for name, board in made.boards.items()} == {"dut1": "eth1", "peer1": "eth0"}
