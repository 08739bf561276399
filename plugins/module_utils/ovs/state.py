# SPDX-License-Identifier: Apache-2.0
"""The testbed's Open vSwitch as it is, for the planner and for the one who asks. Reads only."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils import link_ops
from ansible_collections.netlab.testbed.plugins.module_utils.link_plan import MARK
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import client as ovs_client
from ansible_collections.netlab.testbed.plugins.module_utils.process_ops import LOGS
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

BRIDGE_COLUMNS = "name,ports,external_ids,datapath_type,fail_mode,other_config"
PORT_COLUMNS = "_uuid,name,external_ids"
SETTLE_LIMIT = 10.0  # seconds; measured: 0.1
COOKIE = 0x6E6C7462  # "nltb": the flow is ours
_COUNTING_FLOW = re.compile(rf"cookie=0x{COOKIE:x},.*\bin_port=\"?([^\s,\"]+)")


def read() -> dict[str, dict[str, Any]]:
    """Every bridge of our database, as ovs_plan.plan takes it; none where Open vSwitch does not run."""
    if not (ovs_client.database_answers() and ovs_client.switch_answers()):
        return {}
    bridges, ports = (
        ovs_client.rows(line)
        for line in ovs_client.vsctl(
            "--format=json", "--columns=" + BRIDGE_COLUMNS, "list", "Bridge",
            "--", "--columns=" + PORT_COLUMNS, "list", "Port",
        ).splitlines()
    )  # fmt: skip
    running = settled({bridge["name"] for bridge in bridges})
    return {bridge["name"]: _bridge(bridge, ports, bridge["name"] in running) for bridge in bridges}


def settled(names: set[str]) -> dict[str, dict[str, Any]]:
    """What is in force, once ovs-vswitchd runs these bridges: just started, it has not read the database yet.

    Returns without those that it cannot set up when the limit is over.
    """
    deadline = time.monotonic() + SETTLE_LIMIT
    while names - (running := in_force()).keys() and time.monotonic() < deadline:
        time.sleep(0.02)
    return running


def _bridge(row: dict[str, Any], ports: list[dict[str, Any]], runs: bool) -> dict[str, Any]:
    name = row["name"]
    members = ovs_client.several(row["ports"])
    ports = [port for port in ports if port["_uuid"] in members and port["name"] != name]
    return {
        "ours": row["external_ids"].get(MARK) == "true",
        # no value stands for "system", ovs-vswitchd.conf.db(5)
        "datapath_type": row["datapath_type"] or "system",
        "fail_mode": row["fail_mode"] or "",
        "mac": row["other_config"].get("hwaddr", ""),
        "ports": {port["name"]: port["external_ids"].get(MARK) == "true" for port in ports},
        # for the one who compares; the planner asks for those of ports that are yet to be
        "rp_filter": {port["name"]: read_rp_filter(port["name"]) for port in ports},
        "counted": counted(ovs_client.ofctl("dump-flows", name)) if runs else None,
    }


def counted(flows: str) -> str | None:
    """The uplink of our counting flow in ``ovs-ofctl dump-flows``. Pure."""
    found = _COUNTING_FLOW.search(flows)
    return found[1] if found else None


def read_links(ports: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The board's links, the ports with their reverse path filter."""
    links = link_ops.read()
    for name in ports:
        if name in links:
            links[name]["rp_filter"] = read_rp_filter(name)
    return links


def read_rp_filter(name: str) -> int | None:
    try:
        return int(rp_filter(name).read_text(encoding="ascii"))
    except FileNotFoundError:
        return None


def rp_filter(name: str) -> Path:
    return Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter")


def in_force() -> dict[str, dict[str, Any]]:
    """What ovs-vswitchd really runs, which need not be what the database says."""
    return ovs_client.in_force(ovs_client.appctl("dpif/show"))


def faults() -> list[str]:
    """Interfaces that ovs-vswitchd could not set up, in its own words."""
    text = ovs_client.vsctl("--format=json", "--columns=name,error", "find", "Interface", "error!=[]")
    return [f"{row['name']}: {row['error']}" for row in ovs_client.rows(text)]


def check(bridge: str) -> None:
    """ovs-vsctl ends with status 0 where a bridge or an interface could not be set up: others tell."""
    if bridge not in in_force():
        raise BoardError(f"Open vSwitch cannot set up bridge {bridge}: see {LOGS / 'ovs-vswitchd.log'}")
    found = faults()
    if found:
        raise BoardError(f"Open vSwitch cannot set up {'; '.join(found)}")
