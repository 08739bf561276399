# SPDX-License-Identifier: Apache-2.0
"""The small pure parts: local boards, daemons, features, proofs, numbered."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from ansible_collections.netlab.testbed.plugins.filter.numbered import numbered
from ansible_collections.netlab.testbed.plugins.module_utils import board_facts, observe
from ansible_collections.netlab.testbed.plugins.module_utils.board_facts import features
from ansible_collections.netlab.testbed.plugins.module_utils.local_board import wanted_cables
from ansible_collections.netlab.testbed.plugins.module_utils.path_proof import unmoved
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError
from ansible_collections.netlab.testbed.plugins.modules import board_info, daemon, local_boards

CABLE = {"a_board": "a", "a_link": "eth1", "b_board": "b", "b_link": "eth1"}

BOOT_ID = "/proc/sys/kernel/random/boot_id"


class TestLocalBoards:
    def test_boards_are_started_before_they_are_wired(self) -> None:
        steps = local_boards.plan({}, ["a", "b"], [CABLE], "present")
        assert [step.op for step in steps] == ["local_board.start", "local_board.start", "local_board.wire"]

    def test_nothing_is_done_twice(self) -> None:
        assert (
            local_boards.plan({"a": {"lo", "eth1"}, "b": {"lo", "eth1"}}, ["a", "b"], [CABLE], "present")
            == []
        )

    def test_only_boards_that_are_up_are_stopped(self) -> None:
        steps = local_boards.plan({"b": set()}, ["a", "b"], [], "absent")
        assert [step.args for step in steps] == [{"name": "b"}]

    def test_an_interface_that_is_no_cable_is_not_taken_for_one(self) -> None:
        with pytest.raises(BoardError, match="a has an interface eth1 already"):
            local_boards.plan({"a": {"eth1"}, "b": set()}, ["a", "b"], [CABLE], "present")

    def test_a_cable_has_two_ends(self) -> None:
        assert wanted_cables([{"a": "eth1", "b": "eth1"}]) == [CABLE]
        with pytest.raises(BoardError, match="two ends"):
            wanted_cables([{"a": "eth1"}])


def daemon_wanted(**changes: Any) -> dict[str, Any]:
    return {
        "name": "d",
        "command": ["d", "-f"],
        "unit": None,
        "ready": "tcp:192.0.2.1:5",
        "limit": 1,
        **changes,
    }


def daemon_now(**changes: Any) -> dict[str, Any]:
    return {"unit": None, "active": False, "commands": [], "listens": False, **changes}


class TestDaemon:
    def test_started_where_nothing_listens(self) -> None:
        assert [step.op for step in daemon.plan(daemon_now(), daemon_wanted())] == ["process.start"]

    def test_left_alone_while_it_runs_as_wanted(self) -> None:
        now = daemon_now(commands=[["/usr/bin/d", "-f"]], listens=True)
        assert daemon.plan(now, daemon_wanted()) == []

    def test_started_anew_with_other_arguments_or_when_deaf(self) -> None:
        for now in (daemon_now(commands=[["d", "-x"]], listens=True), daemon_now(commands=[["d", "-f"]])):
            assert [step.op for step in daemon.plan(now, daemon_wanted())] == [
                "process.stop",
                "process.start",
            ]

    def test_a_port_that_somebody_else_has_is_an_error(self) -> None:
        with pytest.raises(BoardError, match=r"something else listens on 192\.0\.2\.1:5"):
            daemon.plan(daemon_now(listens=True), daemon_wanted())

    def test_the_boards_own_libvirtd_is_used_as_it_is(self) -> None:
        assert daemon.plan(daemon_now(listens=True), daemon_wanted(ready="libvirt:qemu:///system")) == []

    def test_where_systemd_runs_the_unit_is_started(self) -> None:
        (step,) = daemon.plan(daemon_now(unit="d.service"), daemon_wanted(unit="d.service"))
        assert (step.op, step.undo.op if step.undo else None) == ("service.start", "service.stop")
        assert daemon.plan(daemon_now(unit="d.service", active=True), daemon_wanted(unit="d.service")) == []


class TestFeatures:
    def test_built_in_module_and_absent(self) -> None:
        found = features(
            {"CONFIG_BRIDGE": "y", "CONFIG_MACVTAP": "m"}, "kernel/drivers/net/macvtap.ko.xz: x", set()
        )
        assert found["bridge"] == {"available": True, "how": "built-in", "option": "CONFIG_BRIDGE"}
        assert found["macvtap"] == {"available": True, "how": "module", "option": "CONFIG_MACVTAP"}
        assert found["openvswitch"] == {"available": False, "how": "absent", "option": "CONFIG_OPENVSWITCH"}

    def test_an_option_whose_module_is_not_installed_does_not_count(self) -> None:
        assert not features({"CONFIG_MACVTAP": "m"}, "", set())["macvtap"]["available"]

    def test_a_loaded_module_counts_without_configuration(self) -> None:
        assert features(None, "", {"vhost_net"})["vhost_net"]["available"]
        assert features(None, "", set())["bridge"]["how"] == "unknown"


class TestWhatKeepsTheBoardReachable:
    links: ClassVar[dict[str, Any]] = {"eth0": {"addresses": ["192.0.2.1/24"]}, "eth1": {"addresses": []}}
    inet6 = ("20010db8000000000000000000000005 03 40 00 80     eth1",)

    @pytest.mark.parametrize(
        ("connection", "nic"),
        [
            ("198.51.100.1 50000 192.0.2.1 22", "eth0"),
            ("2001:db8::9 50000 2001:db8::5 22", "eth1"),
            ("fe80::9%eth1 50000 fe80::5%eth1 22", "eth1"),
            ("198.51.100.1 50000 192.0.2.99 22", None),  # through a NAT
            ("", None),
        ],
    )
    def test_the_nic_of_the_connection(self, connection: str, nic: str | None) -> None:
        assert board_facts.connection_nic(self.links, connection, list(self.inet6)) == nic

    def test_sudo_does_not_hide_the_connection(self, tmp_path: Path) -> None:
        for pid, parent, environment in (
            (30, 20, b"SUDO_USER=a\0"),
            (20, 1, b"A=b\0SSH_CONNECTION=x 1 y 2\0"),
        ):
            (tmp_path / str(pid)).mkdir()
            (tmp_path / str(pid) / "environ").write_bytes(environment)
            (tmp_path / str(pid) / "stat").write_text(f"{pid} (a) b) S {parent} 0 0")
        assert board_facts.ssh_connection(30, tmp_path) == "x 1 y 2"
        (tmp_path / "20" / "environ").write_bytes(b"A=b\0")
        assert board_facts.ssh_connection(30, tmp_path) == ""

    def test_what_a_bridge_over_a_vlan_is_made_of(self, tmp_path: Path) -> None:
        for upper, lower in (("br0", "eth0.10"), ("eth0.10", "eth0")):
            (tmp_path / upper / f"lower_{lower}").mkdir(parents=True)
        assert board_facts.below("br0", tmp_path) == {"eth0.10", "eth0"}
        assert board_facts.below("eth0", tmp_path) == set()


class TestGuestStates:
    recorded: ClassVar[list[dict[str, Any]]] = [{"name": "guest1", "address": "192.0.2.101/24"}]

    def test_gone_is_not_said_where_nobody_can_be_asked(self) -> None:
        assert board_info.guest_states(self.recorded, None)[0]["state"] == "unknown"
        assert board_info.guest_states(self.recorded, {})[0]["state"] == "gone"


class TestObserve:
    @pytest.fixture(autouse=True)
    def _one_guest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def deaf(_entries: list[dict[str, Any]]) -> dict[str, Any]:
            raise BoardError("no libvirtd answers")

        entry = {"step": {"op": "domain.create", "args": {"name": "guest1"}}}
        monkeypatch.setattr(observe.Ledger, "entries", lambda _self: [entry])
        monkeypatch.setitem(observe.OBSERVERS, "domain", deaf)

    def test_what_cannot_be_read_has_drifted(self) -> None:
        now = observe.observe(whatever_is_there=True)
        assert observe.drift({"domain": {"guest1": {}}}, now) == [
            "domain: not to be read: no libvirtd answers"
        ]

    def test_a_reboot_is_said_by_its_name(self) -> None:
        then, now = ({"boot": boot, "link": {"tap": {"up": up}}} for boot, up in (("a", True), ("b", False)))
        assert observe.drift(then, now) == [observe.REBOOTED, "link tap up was True and is False"]
        assert observe.drift(then, {**then, "boot": "b"}) == [observe.REBOOTED]
        assert observe.drift(then, then) == []
        # recorded before boots were
        assert observe.drift({"link": then["link"]}, then) == []
        assert observe.observe(whatever_is_there=True)["boot"] == Path(BOOT_ID).read_text().strip()

    def test_what_cannot_be_read_is_not_recorded_as_whole(self) -> None:
        with pytest.raises(BoardError, match="no libvirtd answers"):
            observe.observe()


def test_every_counter_must_move_in_both_directions() -> None:
    before = {"tap": {"rx_bytes": 10, "tx_bytes": 10}, "nic": {"rx_bytes": 0, "tx_bytes": 0}}
    after = {"tap": {"rx_bytes": 110, "tx_bytes": 110}, "nic": {"rx_bytes": 100, "tx_bytes": 99}}
    assert unmoved(before, after, 100) == ["nic tx_bytes moved by 99 of 100 bytes"]


def test_numbered_fills_in_strings_only() -> None:
    guests = [{"name": "g1", "mac": "02::1"}, {"name": "g2", "mac": "02::2"}]
    assert numbered(guests, {"dev": "tap{number}", "mac": "{mac}", "guest": "{name}", "up": True}) == [
        {"dev": "tap1", "mac": "02::1", "guest": "g1", "up": True},
        {"dev": "tap2", "mac": "02::2", "guest": "g2", "up": True},
    ]
