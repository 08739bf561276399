# SPDX-License-Identifier: Apache-2.0
"""What Open vSwitch's programs print (3.1.0, Debian 12), and what we read in it."""

from __future__ import annotations

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.ovs import client as ovs_client
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import counters as ovs_counters
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import state as ovs_state

DPIF_SHOW = """\
netdev@ovs-netdev: hit:439761 missed:12
  nlovs0:
    eth1 1/2: (system)
    nlovs0 65534/1: (tap)
  nlovs1:
    nlovs1 65534/3: (tap)
    patch0 1/none: (patch: peer=patch1)
system@ovs-system: hit:0 missed:0
  br0:
    br0 65534/1: (internal)
"""

DPCTL_SHOW = """\
netdev@ovs-netdev:
  lookups: hit:439761 missed:12 lost:0
  flows: 3
  port 0: ovs-netdev (tap)
    RX packets:0 errors:0 dropped:0 overruns:0 frame:0
    TX packets:0 errors:0 dropped:0 aborted:0 carrier:0
    collisions:0
    RX bytes:0  TX bytes:0
  port 1: nlovs0 (tap)
    RX packets:271234 errors:0 dropped:1010 overruns:0 frame:0
    TX packets:168539 errors:0 dropped:0 aborted:0 carrier:0
    collisions:0
    RX bytes:353125628 (336.8 MiB)  TX bytes:180045804 (171.7 MiB)
  port 2: eth1
    RX packets:201262 errors:0 dropped:0 overruns:0 frame:0
    TX packets:271245 errors:0 dropped:0 aborted:0 carrier:0
    collisions:0
    RX bytes:229576970 (218.9 MiB)  TX bytes:42
"""

DUMP_FLOWS = """\
NXST_FLOW reply (xid=0x4):
 cookie=0x6e6c7462, duration=8s, table=0, n_packets=36, n_bytes=290016, priority=1,in_port=eth1 actions=NORMAL
 cookie=0x0, duration=28.490s, table=0, n_packets=300, n_bytes=286180, idle_age=0, priority=0 actions=NORMAL
"""

FDB_SHOW = """\
 port  VLAN  MAC                Age
    1     0  2e:f2:a3:75:ca:93    7
LOCAL     0  82:c5:70:ec:d1:37    0
    9     5  82:c5:70:ec:d1:38  static
"""

LIST_PORT = (
    '{"data":[[["uuid","9d42"],"nlovs0",["uuid","aa35"],["map",[]]],'
    '[["uuid","ca44"],"eth1",["set",[["uuid","e5df"],["uuid","e5e0"]]],["map",[["netlab-testbed","true"]]]]],'
    '"headings":["_uuid","name","interfaces","external_ids"]}'
)


def test_bridges_in_force() -> None:
    bridges = ovs_client.in_force(DPIF_SHOW)
    assert {name: bridge["datapath_type"] for name, bridge in bridges.items()} == {
        "nlovs0": "netdev", "nlovs1": "netdev", "br0": "system",
    }  # fmt: skip
    assert bridges["nlovs0"]["ports"] == {
        1: {"name": "eth1", "type": "system"}, 65534: {"name": "nlovs0", "type": "tap"},
    }  # fmt: skip
    assert bridges["nlovs1"]["ports"][1] == {"name": "patch0", "type": "patch"}


def test_bytes_of_ports() -> None:
    assert ovs_counters.parse_ports(DPCTL_SHOW) == {
        "ovs-netdev": {"rx_bytes": 0, "tx_bytes": 0},
        "nlovs0": {"rx_bytes": 353125628, "tx_bytes": 180045804},
        "eth1": {"rx_bytes": 229576970, "tx_bytes": 42},
    }


def test_bytes_of_a_bridge_are_apart_by_where_they_came_from() -> None:
    assert ovs_counters.parse_flows(DUMP_FLOWS) == {"rx_bytes": 290016, "tx_bytes": 286180}


@pytest.mark.parametrize("shown", ["in_port=eth1 actions", 'in_port="eth1" actions', "in_port=eth1,ip act"])
def test_the_counting_flow_is_known_by_its_cookie(shown: str) -> None:
    assert ovs_state.counted(DUMP_FLOWS.replace("in_port=eth1 actions", shown)) == "eth1"
    assert ovs_state.counted(DUMP_FLOWS.replace("0x6e6c7462", "0x1")) is None


def test_stations_bear_the_names_of_their_ports() -> None:
    ports = ovs_client.in_force(DPIF_SHOW)["nlovs0"]["ports"]
    assert ovs_counters.parse_stations(FDB_SHOW, ports) == [
        {"port": "eth1", "vlan": 0, "mac": "2e:f2:a3:75:ca:93", "age": 7},
        {"port": "nlovs0", "vlan": 0, "mac": "82:c5:70:ec:d1:37", "age": 0},
        {"port": "9", "vlan": 5, "mac": "82:c5:70:ec:d1:38", "age": None},
    ]


def test_rows_of_the_database_are_plain() -> None:
    rows = ovs_client.rows(LIST_PORT)
    assert [row["name"] for row in rows] == ["nlovs0", "eth1"]
    assert ovs_client.several(rows[0]["interfaces"]) == ["aa35"]
    assert rows[1]["interfaces"] == ["e5df", "e5e0"]
    assert rows[1]["external_ids"] == {"netlab-testbed": "true"}


def test_a_program_that_is_not_there_is_said_with_its_package() -> None:
    with pytest.raises(ovs_client.BoardError, match="this board has no ovs-nosuch: package openvsw"):
        ovs_client.run(["ovs-nosuch"])


def test_a_program_that_fails_is_said_in_its_own_last_words() -> None:
    with pytest.raises(ovs_client.BoardError, match=r"^ls: .*nosuch"):
        ovs_client.run(["ls", "/nosuch"])
