# SPDX-License-Identifier: Apache-2.0
"""The measured NIC and the links that carry frames to guests, with what each does to a frame."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.environment import ethtool
from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import (
    Files,
    Reading,
    mask_list,
)
from ansible_collections.netlab.testbed.plugins.module_utils.link_plan import MARK
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError
from ansible_collections.netlab.testbed.plugins.module_utils.xdp.links import MODES

LIMIT = 10  # seconds; measured: 0.003
# Of `ip -details`: what was chosen, not what the protocol works out (timers, states, identities).
SETTINGS = (
    "ageing_time", "forward_delay", "mcast_querier", "mcast_snooping", "mode", "multi_queue", "nf_call_ip6tables",
    "nf_call_iptables", "numqueues", "pi", "stp_state", "type", "vlan_filtering", "vnet_hdr",
)  # fmt: skip
PORT_SETTINGS = (
    "bcast_flood", "flood", "hairpin", "isolated", "learning", "mcast_flood", "neigh_suppress", "proxy_arp",
)  # fmt: skip
# A qdisc's identity changes whenever it is made anew; these two are what it is made of.
_NOT_SAID = ("priomap", "multiqueue")


def run(*argv: str) -> list[dict[str, Any]]:
    """What iproute2 prints as JSON. BoardError where it does not."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BoardError(f"{argv[0]} (package iproute2) does not run: {error}") from error
    if done.returncode:
        raise BoardError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return [entry for entry in json.loads(done.stdout or "[]") if entry]


def chosen(links: Iterable[Mapping[str, Any]], nic: str | None) -> list[Mapping[str, Any]]:
    """The measured NIC and the links with our mark, by name. Pure."""
    found = [link for link in links if link["ifname"] == nic or link.get("ifalias") == MARK]
    return sorted(found, key=lambda link: link["ifname"])


def link(told: Mapping[str, Any]) -> dict[str, Any]:
    """What ``ip -json -details link show`` says of one. Pure."""
    info = told.get("linkinfo", {})
    kind = info.get("info_kind")
    own, port = info.get("info_data") or {}, info.get("info_slave_data") or {}
    return {
        "gro_most_bytes": told.get("gro_max_size"),
        "gso_most_bytes": told.get("gso_max_size"),
        "kind": "tap" if kind in ("tun", "tuntap") else kind or "hardware",
        "master": told.get("master"),
        "mtu": told["mtu"],
        "ours": told.get("ifalias") == MARK,
        "parent": told.get("link") if kind in ("macvlan", "macvtap", "vlan", "ipvlan") else None,
        "port_settings": {key: port[key] for key in PORT_SETTINGS if key in port},
        "promiscuous": bool(told.get("promiscuity") or "PROMISC" in told["flags"]),
        "queues": {"rx": told.get("num_rx_queues"), "tx": told.get("num_tx_queues")},
        "settings": {key: own[key] for key in SETTINGS if key in own},
        "transmit_queue_packets": told.get("txqlen"),
        "up": "UP" in told["flags"],
        "xdp": xdp(told.get("xdp") or {}),
    }


def xdp(told: Mapping[str, Any]) -> dict[str, Any]:
    """Mode, name and tag of the attached program; the tag is the hash of its instructions, the same every time."""
    program = told.get("prog") or {}
    return {"mode": MODES.get(told.get("mode", 0)), "name": program.get("name"), "tag": program.get("tag")}


def qdiscs(told: Iterable[Mapping[str, Any]], name: str) -> dict[str, str]:
    """``tc -json qdisc show``: where each hangs, and what it is, as ``fq_codel limit 10240 …``. Pure."""
    found: dict[str, str] = {}
    for entry in told:
        if entry.get("dev") == name:
            options = {
                key: value for key, value in (entry.get("options") or {}).items() if key not in _NOT_SAID
            }
            words = [f"{key} {_words(value)}" for key, value in sorted(options.items())]
            # a class is named by its qdisc's number, which is given out anew each time
            place = "root" if entry.get("root") else re.sub(r"^[0-9a-f]+:", ":", str(entry.get("parent", "")))
            found[place or "root"] = " ".join([str(entry["kind"]), *words])
    return dict(sorted(found.items()))


def _words(value: Any) -> str:
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list | bool) else str(value)


def _queues(files: Files, name: str, kind: str, file: str) -> dict[str, str]:
    """CPU lists of the queues where the mask is not empty: Documentation/networking/scaling."""
    folder = f"/sys/class/net/{name}/queues"
    lists = {
        queue: mask_list(files.text(f"{folder}/{queue}/{file}"))
        for queue in files.names(folder)
        if queue.startswith(kind)
    }
    return {queue: cpus for queue, cpus in lists.items() if cpus}


def _steering(files: Files, name: str) -> dict[str, Any]:
    folder = f"/sys/class/net/{name}"
    return {
        "defer_hard_irqs": files.number(f"{folder}/napi_defer_hard_irqs"),
        "gro_flush_timeout_ns": files.number(f"{folder}/gro_flush_timeout"),
        "receive_cpus": _queues(files, name, "rx", "rps_cpus"),
        "rp_filter": files.number(f"/proc/sys/net/ipv4/conf/{name}/rp_filter"),
        "threaded": files.switch(f"{folder}/threaded"),
        "transmit_cpus": _queues(files, name, "tx", "xps_cpus"),
    }


def _hardware(files: Files, device: ethtool.Device, name: str) -> dict[str, tuple[Any, str]]:
    """Values, and the reason for each that is None."""
    none = "its driver has none"
    folder = f"/sys/class/net/{name}"
    about = device.driver() or {}
    speed = files.number(f"{folder}/speed")
    interrupts = ethtool.interrupts(name, files.root)
    return {
        "driver": (about.get("driver") or None, "its driver does not say"),
        "driver_version": (about.get("driver_version") or None, "its driver does not say"),
        "firmware": (about.get("firmware") or None, "its driver names no firmware"),
        "bus": (about.get("bus") or None, "on no bus: no hardware"),
        "speed_mbit": (
            speed if speed and speed > 0 else None,
            "the link is down, or has no speed of its own",
        ),
        "offloads": (device.features(), none),
        "coalescing": (device.coalescing(), none),
        "rings": (device.rings(), none),
        "channels": (device.channels(), none),
        "pause": (device.pause(), none),
        "energy_efficient": (device.energy_efficient(), none),
        "virtual_functions": (files.number(f"{folder}/device/sriov_numvfs"), "no SR-IOV"),
        "interrupts": (interrupts or None, "no message-signalled interrupts of its own"),
    }


def read(files: Files, reading: Reading, nic: str | None) -> None:
    """Two programs whatever the number of links: ip(8) and tc(8)."""
    told = run("ip", "-json", "-details", "link", "show")
    queues = run("tc", "-json", "qdisc", "show")
    reading.put("links", {}, "")
    reading.put("nic", nic, "no measured NIC was named")
    if nic and nic not in {entry["ifname"] for entry in told}:
        reading.absent[f"links/{nic}"] = f"this board has no interface {nic}"
    with ethtool.control() as control:
        for entry in chosen(told, nic):
            name = entry["ifname"]
            place = f"links/{name}"
            for key, value in {**link(entry), **_steering(files, name)}.items():
                reading.put(f"{place}/{key}", value, "none, or this kernel does not say")
            reading.put(f"{place}/qdiscs", qdiscs(queues, name), "")
            for key, (value, why) in _hardware(files, ethtool.Device(control, name), name).items():
                reading.put(f"{place}/{key}", value, why)
