# SPDX-License-Identifier: Apache-2.0
"""Kernel counters around a trial, read from the text of a board or a guest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.counters import (
    FILES,
    read_counters,
    usable_cpus,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.on_board import OnBoard
from tests.unit.plugins.desk import COUNTERS


def test_counters_are_read_and_summed() -> None:
    counters = read_counters(COUNTERS)
    link = {"rx_bytes": 343662, "rx_packets": 5207, "rx_errors": 1, "rx_dropped": 2, "rx_fifo_errors": 5}
    link |= {"tx_bytes": 365000, "tx_packets": 5211, "tx_errors": 3, "tx_dropped": 4, "tx_fifo_errors": 6}
    assert counters == {
        "tcp_retransmitted_segments": 7,
        "tcp_input_errors": 0,
        "tcp_timeouts": 3,
        "tcp_spurious_timeouts": 0,
        "udp_input_errors": 2,
        "udp_without_listener": 0,
        "udp_receive_buffer_errors": 1,
        "softnet_processed": 0x145A + 10,
        "softnet_dropped": 1,
        "softnet_squeezed": 7,
        "interfaces": {"eth0": link},
    }


def test_only_the_interfaces_named_are_counted() -> None:
    assert set(read_counters(COUNTERS, ["lo"])["interfaces"]) == {"lo"}
    assert read_counters(COUNTERS, ["eth9"])["interfaces"] == {}


def test_a_name_of_six_letters_and_more_has_no_space_before_it() -> None:
    line = "nlmvt1000000001:" + "       1" * 16 + "\n"
    assert set(read_counters(line)["interfaces"]) == {"nlmvt1000000001"}
    assert read_counters("IcmpMsg:" + " InType3" * 16 + "\nIcmpMsg:" + " 5" * 16 + "\n")["interfaces"] == {}


def test_of_nothing_there_are_no_counters() -> None:
    assert read_counters("")["interfaces"] == {}
    assert usable_cpus("") is None


def test_cpus() -> None:
    assert usable_cpus(COUNTERS) == {0, 1, 4}


def test_this_machine_has_them_all() -> None:
    text = OnBoard().read(FILES)
    counters = read_counters(text, ["lo"])
    assert {"tcp_retransmitted_segments", "tcp_timeouts", "udp_input_errors"} <= set(counters)
    assert set(counters["interfaces"]) == {"lo"}
    assert usable_cpus(text)


def test_the_module_gives_them_out(tmp_path: Path) -> None:
    arguments = tmp_path / "arguments.json"
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"interfaces": ["lo"]}}), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "ansible_collections.netlab.testbed.plugins.modules.counters", str(arguments)],
        cwd=Path(__file__).resolve().parents[3] / ".collections",
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=True,
    )
    said = json.loads(done.stdout)
    assert said["changed"] is False
    assert set(said["counters"]["interfaces"]) == {"lo"}
    assert said["counters"]["tcp_retransmitted_segments"] >= 0
