# SPDX-License-Identifier: Apache-2.0
"""What a guest itself says of its kernel and its NIC, asked of its agent: one small script, all guests at once.

Never while something is measured: each question wakes the guest.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import Reading
from ansible_collections.netlab.testbed.plugins.module_utils.guest_agent import GuestAgent
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

LIMIT_S = 2.0  # for all guests together; measured: 0.03 each
ANSWER_S = 1  # libvirt counts whole seconds
PAUSE_S = 0.01  # between two looks at whether the script has ended

SCRIPT = r"""
say() { [ -r "$2" ] && { read -r line < "$2"; echo "$1=$line"; }; }
say kernel /proc/sys/kernel/osrelease
say clock_source /sys/devices/system/clocksource/clocksource0/current_clocksource
say congestion_control /proc/sys/net/ipv4/tcp_congestion_control
for nic in /sys/class/net/*; do
  [ -e "$nic/device" ] || continue
  read -r mac < "$nic/address"
  say "$mac/mtu" "$nic/mtu"
  say "$mac/transmit_queue_packets" "$nic/tx_queue_len"
  say "$mac/negotiated" "$nic/device/features"
done
true
"""
# Virtual I/O Device (VIRTIO) 1.2, 5.1.3 and 6: feature bits of a network device.
FEATURES = {
    0: "csum", 1: "guest_csum", 2: "ctrl_guest_offloads", 3: "mtu", 5: "mac", 7: "guest_tso4", 8: "guest_tso6",
    9: "guest_ecn", 10: "guest_ufo", 11: "host_tso4", 12: "host_tso6", 13: "host_ecn", 14: "host_ufo",
    15: "mrg_rxbuf", 16: "status", 17: "ctrl_vq", 18: "ctrl_rx", 19: "ctrl_vlan", 21: "guest_announce", 22: "mq",
    23: "ctrl_mac_addr", 28: "ring_indirect_desc", 29: "ring_event_idx", 32: "version_1", 33: "access_platform",
    34: "ring_packed", 35: "in_order", 36: "order_platform", 37: "sr_iov", 38: "notification_data",
    40: "ring_reset", 53: "notf_coal", 54: "guest_uso4", 55: "guest_uso6", 56: "host_uso", 57: "hash_report",
    59: "guest_hdrlen", 60: "rss", 61: "rsc_ext", 62: "standby", 63: "speed_duplex",
}  # fmt: skip


def features(bits: str) -> list[str]:
    """sysfs's string of ones and zeros, the lowest bit first, as names in alphabetical order."""
    return sorted(FEATURES.get(number, f"bit_{number}") for number, bit in enumerate(bits) if bit == "1")


def parse(text: str) -> dict[str, Any]:
    """SCRIPT's output: {kernel, clock_source, congestion_control, nics: {mac: {mtu, …}}}."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        place, equals, value = line.partition("=")
        mac, slash, key = place.rpartition("/")
        if not equals:
            continue
        if slash:
            nic = found.setdefault("nics", {}).setdefault(mac.lower(), {})
            nic[key] = features(value) if key == "negotiated" else int(value)
        else:
            found[place] = value
    return found


def numbered(heard: Mapping[str, Any], nics: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Its NICs by the numbers that QEMU's have; one that QEMU does not make (passed through) comes after them. Pure."""
    if not heard:
        return {}
    known = {nic["mac"]: number for number, nic in nics.items()}
    inside = heard.get("nics", {})
    others = enumerate(sorted(set(inside) - set(known)), len(nics) + 1)
    numbers = known | {mac: str(number) for number, mac in others}
    return {**heard, "nics": {numbers[mac]: nic for mac, nic in inside.items()}}


def read(reading: Reading, guests: Iterable[str]) -> None:
    """All are asked first and heard afterwards, so that slow ones answer side by side."""
    from ansible_collections.netlab.testbed.plugins.module_utils import domain_ops

    names = list(guests)
    if not names:
        return
    try:
        with domain_ops.connection() as libvirtd:
            asked = {}
            for name in names:
                domain = domain_ops.domain_named(libvirtd, name)
                if domain is None:
                    reading.put(f"guests/{name}/inside", None, "libvirt does not know this guest")
                else:
                    asked[name] = _Question(reading, name, GuestAgent(domain))
            deadline = time.monotonic() + LIMIT_S
            while waiting := [question for question in asked.values() if not question.over(deadline)]:
                time.sleep(PAUSE_S * len(waiting))
    except BoardError as error:
        for name in names:
            reading.put(f"guests/{name}/inside", None, str(error))


class _Question:
    """SCRIPT in one guest: begun at once; its answer, or why there is none, goes into the reading."""

    def __init__(self, reading: Reading, name: str, agent: GuestAgent) -> None:
        self._reading, self._name, self._agent = reading, name, agent
        self._over = False
        try:
            argv = {"path": "/bin/sh", "arg": ["-c", SCRIPT], "capture-output": True}
            self._pid = int(agent.call("guest-exec", argv, ANSWER_S)["pid"])
        except BoardError as error:
            self._end(None, str(error))

    def _end(self, value: Any, why: str) -> None:
        self._reading.put(f"guests/{self._name}/inside", value, why)
        self._over = True

    def over(self, deadline: float) -> bool:
        """Listen once; True when there is nothing more to wait for."""
        if self._over:
            return True
        try:
            done = self._agent.collect(self._pid)
        except BoardError as error:
            self._end(None, str(error))
            return True
        if done is not None:
            nics = self._reading.values["guests"][self._name]["nics"]
            self._end(numbered(parse(done[1]), nics) or None, f"its shell says: {done[2].strip()}")
        elif time.monotonic() > deadline:
            self._end(None, f"no answer within {LIMIT_S:.0f} s")
        return self._over
