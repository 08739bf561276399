# SPDX-License-Identifier: Apache-2.0
"""A damaged ledger and a guest that answers anything: words for the board's admin, never a crash or a guess."""

from __future__ import annotations

import base64
import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils import guest_agent, local_board, steps
from ansible_collections.netlab.testbed.plugins.module_utils import ledger as ledger_file
from ansible_collections.netlab.testbed.plugins.module_utils.domain_xml import digest_of, domain_xml
from ansible_collections.netlab.testbed.plugins.module_utils.guest_agent import GuestAgent
from ansible_collections.netlab.testbed.plugins.module_utils.ledger import Ledger
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Step

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["op", "args", "undo", "id", "boot_id", "entries", "deployment", "format", "scope", "return"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


# -- ledger -------------------------------------------------------------------------------------------------


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No operation does anything here; what would have run is listed."""
    done: list[str] = []

    def note(**args: Any) -> None:
        done.append(str(args))

    monkeypatch.setattr(steps, "OPERATIONS", {"link.set": steps.Operation(note, "set {name} to {settings}")})
    return done


def good() -> dict[str, Any]:
    undo = {"op": "link.set", "args": {"name": "eth1", "settings": {"up": True}}}
    entry = {
        "id": 1,
        "at": "2026-11-22T10:00:00Z",
        "boot_id": ledger_file.boot_id(),
        "step": undo,
        "undo": undo,
    }
    return {"format": 1, "scope": "topology", "deployment": {"topology": "tap"}, "entries": [entry]}


def read_and_replay(root: Path, content: bytes) -> str:
    """What was said of it; the file is as it was where it could not be read."""
    root.mkdir(exist_ok=True)
    path = root / "topology.json"
    path.write_bytes(content)
    ledger = Ledger("topology", root)
    try:
        undone, failed = ledger.rollback()
    except BoardError as error:
        assert path.read_bytes() == content, "what cannot be read is kept for the admin"
        return str(error)
    assert all(isinstance(line, str) for line in [*undone, *failed])
    return "replayed"


@FEW
@given(value=json_values)
def test_a_ledger_of_any_json(tmp_path_factory: pytest.TempPathFactory, ran: list[str], value: Any) -> None:
    said = read_and_replay(tmp_path_factory.mktemp("ledger"), json.dumps(value).encode())
    assert said == "replayed" or "topology.json" in said


@FEW
@given(value=json_values, data=st.data())
def test_a_ledger_with_one_thing_changed(
    tmp_path_factory: pytest.TempPathFactory, ran: list[str], value: Any, data: st.DataObject
) -> None:
    content = good()
    holder = data.draw(st.sampled_from([content, content["entries"][0], content["entries"][0]["undo"]]))
    holder[data.draw(st.sampled_from(sorted(holder)))] = value
    said = read_and_replay(tmp_path_factory.mktemp("ledger"), json.dumps(content).encode())
    assert said == "replayed" or "topology.json" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a ledger"),
        (b"{", "not a ledger"),
        (b"\xff", "not a ledger"),
        (b"[" * 200_000, "not a ledger"),
        (b'{"format": 1}', "deployment: no mapping"),
        (b'{"format": 2, "deployment": {}, "entries": []}', "has format 2"),
        (b'{"format": 1, "deployment": {}, "entries": {}}', "entries: no list"),
        (b'{"format": 1, "deployment": {}, "entries": [7]}', "entries[0]: no entry"),
        (b" " * (ledger_file.LARGEST + 1), "larger than"),
    ],
)
def test_a_damaged_ledger(tmp_path: Path, ran: list[str], content: bytes, said: str) -> None:
    assert said in read_and_replay(tmp_path / "ledger", content)
    assert ran == []


def test_an_undo_that_cannot_be_stays_for_the_admin(tmp_path: Path, ran: list[str]) -> None:
    content = good()
    content["entries"][0]["undo"] = {"op": "os.system", "args": {"command": "touch canary"}}
    root = tmp_path / "ledger"
    root.mkdir()
    (root / "topology.json").write_text(json.dumps(content))
    undone, (failed,) = Ledger("topology", root).rollback()
    assert undone == []
    assert "unknown operation 'os.system'" in failed
    assert ran == []


def test_a_step_with_other_arguments_has_words() -> None:
    assert "link.set" in Step("link.set", {"nothing": 1}).says()


# -- agent --------------------------------------------------------------------------------------------------


class Guest:
    def __init__(self, *replies: Any) -> None:
        self.replies = [reply if isinstance(reply, str) else json.dumps(reply) for reply in replies]

    def name(self) -> str:
        return "guest1"


@pytest.fixture(autouse=True)
def no_libvirt(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The guest's words are its replies, the last one again and again."""
    libvirt, qemu = types.ModuleType("libvirt"), types.ModuleType("libvirt_qemu")
    libvirt.libvirtError = type("libvirtError", (Exception,), {})  # type: ignore[attr-defined]

    def command(domain: Guest, _request: str, _limit: int, _flags: int) -> str:
        return domain.replies.pop(0) if len(domain.replies) > 1 else domain.replies[0]

    qemu.qemuAgentCommand = command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "libvirt", libvirt)
    monkeypatch.setitem(sys.modules, "libvirt_qemu", qemu)
    monkeypatch.setattr(guest_agent.time, "sleep", lambda _seconds: None)
    return


def asked(guest: Guest) -> Iterator[Any]:
    agent = GuestAgent(guest)
    for question in (
        agent.interfaces,
        lambda: agent.start(["true"]),
        lambda: agent.collect(1),
    ):
        try:
            yield question()
        except BoardError as error:
            yield None if "guest1" in str(error) and len(str(error)) < 1000 else str(error)


@FEW
@given(reply=json_values)
def test_any_reply(reply: Any) -> None:
    for answer in asked(Guest({"return": reply})):
        assert answer is None or isinstance(answer, int | list | tuple)


@FEW
@given(reply=st.text() | st.just("[" * 100_000) | st.just("") | json_values.map(json.dumps))
def test_any_text(reply: str) -> None:
    for answer in asked(Guest(reply)):
        assert answer is None or isinstance(answer, int | list | tuple)


@pytest.mark.parametrize(
    "status",
    [
        {"exited": True},  # neither a status nor a signal: not a success
        {"exited": True, "exitcode": "0"},
        {"exited": True, "exitcode": True},
        {"exited": True, "exitcode": None},
        {"exited": "yes", "exitcode": 0, "out-data": 7},
        {"exited": True, "exitcode": 0, "out-data": "***"},
        {"exited": True, "exitcode": 0, "out-truncated": True},
        [],
        {},
    ],
)
def test_a_program_that_is_not_said_to_have_succeeded_has_not(status: Any) -> None:
    agent = GuestAgent(Guest({"return": status}))
    try:
        done = agent.collect(1)
    except BoardError:
        return
    assert done is None


def test_output_that_is_no_text_is_carried() -> None:
    data = base64.b64encode(b"\xff\x1b[31m\0").decode()
    agent = GuestAgent(Guest({"return": {"exited": True, "exitcode": 0, "out-data": data}}))
    assert agent.collect(1) == (0, "\ufffd\x1b[31m\0", "")


@pytest.mark.parametrize("name", ["a b", "../x", "$(id)", "x" * 16, "", "a\nb", "eth0;id", None, 7, ".."])
def test_an_interface_that_cannot_be_called_so(name: Any) -> None:
    entry = {"name": name, "hardware-address": "02:00:00:00:00:01"}
    with pytest.raises(BoardError, match="not an agent's reply"):
        GuestAgent(Guest({"return": [entry]})).interfaces()


def test_an_interface_as_there_are() -> None:
    addresses = [
        {"ip-address-type": "ipv4", "ip-address": "192.0.2.7", "prefix": 24},
        {"ip-address-type": "ipv6"},
    ]
    entry = {"name": "eth0", "hardware-address": "02:00:00:00:00:AB", "ip-addresses": addresses}
    assert GuestAgent(Guest({"return": [entry]})).interfaces() == [
        {"name": "eth0", "mac": "02:00:00:00:00:ab", "addresses": ["192.0.2.7/24"]}
    ]


# -- names --------------------------------------------------------------------------------------------------

BAD_NAMES = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "a b",
    "a\nb",
    "$(touch canary)",
    "a;id",
    "-x",
    "x" * 300,
    "bоard",
    "{{ 1 }}",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_local_board_is_never_called_so(name: str) -> None:
    with pytest.raises(BoardError, match="cannot name"):
        local_board.check_names([name])
    with pytest.raises(BoardError, match="cannot name"):
        local_board.wanted_cables([{"board1": name, "board2": "eth1"}])
    with pytest.raises(BoardError, match="cannot name"):
        local_board.twin_command("board1", [name])


@given(name=st.text(max_size=40))
def test_a_guests_name_is_one_text_in_its_xml(name: str) -> None:
    """Whatever it holds: a library writes the tags. (An inventory lets only names of letters and digits in.)"""
    guest = {
        "name": name, "arch": "x86_64", "accelerator": "tcg", "vcpus": 1, "memory_mib": 192, "mac": "02:00:00:00:00:01",
        "kernel": "/k", "initramfs": "/i", "kernel_command_line": "quiet",
        "interface": {"type": "ethernet", "dev": name},
    }  # fmt: skip
    import xml.etree.ElementTree as ET

    xml, digest = domain_xml(guest)
    try:
        root = ET.fromstring(xml)
    except ET.ParseError:
        return  # XML has no way to write a control character: libvirt refuses it in words
    assert digest_of(xml) == digest
    assert [child.tag for child in root].count("name") == 1
    assert len(root.findall("./devices/interface")) == 1
