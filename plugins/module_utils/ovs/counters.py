# SPDX-License-Identifier: Apache-2.0
"""What passed through the testbed's Open vSwitch, in bytes, and which stations it has learned.

The columns ``statistics`` of the database lag by five seconds; these are asked of ovs-vswitchd as they are.
A port's counters are those of its interface: they count a frame too that OVS never forwarded. A bridge's are
those of its flow table, and only what OVS has forwarded is in them.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.ovs import client as ovs_client
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import state as ovs_state
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

LOCAL_PORT = 65534  # OFPP_LOCAL, the bridge's own interface: OpenFlow 1.0, 5.2.1

# `dpctl/show -s`: "  port 2: eth1" or "  port 1: nlovs0 (tap)", and some lines below it
# "    RX bytes:42  TX bytes:1234 (1.2 KiB)"
_PORT = re.compile(r"^  port \d+: (\S+)")
_BYTES = re.compile(r"^    RX bytes:(\d+).*TX bytes:(\d+)")
_FLOW = re.compile(r"cookie=0x([0-9a-f]+),.*\bn_bytes=(\d+)")


def parse_ports(text: str) -> dict[str, dict[str, int]]:
    """Every port in ``dpctl/show -s`` (or ``ovs-dpctl show -s``) with its bytes. Pure."""
    ports: dict[str, dict[str, int]] = {}
    name = ""
    for line in text.splitlines():
        if found := _PORT.match(line):
            name = found[1]
            ports[name] = {"rx_bytes": 0, "tx_bytes": 0}
        elif found := _BYTES.match(line):
            ports[name] = {"rx_bytes": int(found[1]), "tx_bytes": int(found[2])}
    return ports


def parse_flows(text: str) -> dict[str, int]:
    """Bytes by the flows in ``dump-flows``: from the uplink (our counting flow) and from elsewhere. Pure."""
    counts = {"rx_bytes": 0, "tx_bytes": 0}
    for cookie, amount in _FLOW.findall(text):
        counts["rx_bytes" if int(cookie, 16) == ovs_state.COOKIE else "tx_bytes"] += int(amount)
    return counts


def read_port(name: str) -> dict[str, int]:
    """Bytes of a port, or of a bridge: rx is what its uplink brought, tx what came from its other ports.

    A bridge's take up to half a second: ovs-vswitchd gathers them from its cache of flows at that interval.
    BoardError where there is no such port.
    """
    bridges = ovs_state.in_force()
    if name in bridges:
        ovs_client.appctl("revalidator/wait")
        return parse_flows(ovs_client.ofctl("dump-flows", name))
    types = sorted({bridge["datapath_type"] for bridge in bridges.values()})
    datapaths = [f"{datapath_type}@ovs-{datapath_type}" for datapath_type in types]
    ports = parse_ports(ovs_client.appctl("dpctl/show", "-s", *datapaths)) if datapaths else {}
    if name not in ports:
        others = ", ".join(ports) or "none"
        raise BoardError(f"Open vSwitch has no port {name} on this board; it has: {others}")
    return ports[name]


def parse_stations(text: str, ports: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """The table of ``fdb/show``: port, VLAN, MAC address and age in seconds. Pure."""
    stations = []
    for line in text.splitlines()[1:]:
        port, vlan, mac, age = line.split()
        number = LOCAL_PORT if port == "LOCAL" else int(port)
        name = ports.get(number, {}).get("name", port)
        seconds = None if age == "static" else int(age)
        stations.append({"port": name, "vlan": int(vlan), "mac": mac, "age": seconds})
    return stations


def read_stations(bridge: str) -> list[dict[str, Any]]:
    """Who the bridge has learned, and behind which port."""
    bridges = ovs_state.in_force()
    if bridge not in bridges:
        others = ", ".join(bridges) or "none"
        raise BoardError(f"Open vSwitch has no bridge {bridge} on this board; it has: {others}")
    return parse_stations(ovs_client.appctl("fdb/show", bridge), bridges[bridge]["ports"])
