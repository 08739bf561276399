# SPDX-License-Identifier: Apache-2.0
"""The link module's planner and operations on a real kernel, in network namespaces that end with each test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.root, pytest.mark.needs("unshare", "ip", "ethtool")]

PRELUDE = """
import json, subprocess, sys
from pathlib import Path
from ansible_collections.netlab.testbed.plugins.module_utils import link_ops, link_plan
from ansible_collections.netlab.testbed.plugins.module_utils.ledger import Ledger
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, run_steps

def ip(*words): subprocess.run(["ip", *words], check=True)
def dump():
    words = [["ip", "-json", "-details", "address"], ["ip", "-json", "route"], ["ethtool", "--json", "-k", "eth1"]]
    told = [json.loads(subprocess.run(argv, check=True, capture_output=True).stdout) for argv in words]
    for link in told[0]:  # what the kernel counts up by itself
        for key in ("ifindex", "link_index", "operstate", "flags", "addr_info", "qdisc"):
            if key == "flags":
                link[key] = [flag for flag in link[key] if flag in ("UP", "PROMISC")]
            elif key == "addr_info":
                link[key] = sorted(entry["local"] for entry in link[key] if entry["family"] == "inet")
            else:
                link.pop(key, None)
    return told
def change(wanted):
    steps = link_plan.plan(link_ops.read([link["name"] for link in wanted if link.get("features")]), wanted)
    run_steps(steps, ledger)
    return [step.op for step in steps]

ip("link", "add", "eth1", "type", "veth", "peer", "name", "far1")
ip("link", "set", "eth1", "up")
ip("link", "set", "far1", "up")
ip("address", "add", "192.0.2.1/24", "dev", "eth1")
ip("route", "add", "203.0.113.0/24", "via", "192.0.2.254")
ledger = Ledger("topology", Path(sys.argv[1]))
"""


def inside(tmp_path: Path, script: str) -> Any:
    """Run a script where there is only lo, eth1 and its far end; what it prints as JSON."""
    path = os.pathsep.join([str(ROOT / ".collections"), str(ROOT)])
    enter = ["unshare", "--net", "--mount", "sh", "-c", 'mount -t sysfs sysfs /sys && exec "$@"', "sh"]
    done = subprocess.run(
        [*enter, sys.executable, "-c", PRELUDE + textwrap.dedent(script), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


WANTED = """
wanted = [
    {"name": "eth1", "addresses": [], "features": {"tx-checksumming": False}, "mtu": 1400},
    {"name": "nlbr0", "kind": "bridge", "mac": "02:00:00:00:00:0b", "up": True, "addresses": ["192.0.2.1/24"]},
    {"name": "eth1", "master": "nlbr0", "up": True, "promiscuous": True},
    {"name": "nltap1", "kind": "tap", "master": "nlbr0", "up": True},
    {"name": "nlmvt1", "kind": "macvtap", "parent": "far1", "mac": "02:00:00:00:00:0c", "up": True},
]
"""


def test_made_made_again_and_undone(tmp_path: Path) -> None:
    told = inside(
        tmp_path,
        WANTED
        + """
before = dump()
first, second = change(wanted), change(wanted)
links = link_ops.read()
node = [path.name for path in Path("/dev").glob("tap*")]
undone, failed = ledger.rollback()
print(json.dumps({"before": before, "after": dump(), "first": first, "second": second, "links": links,
                  "failed": failed, "nodes": [node, [path.name for path in Path("/dev").glob("tap*")]]}))
""",
    )
    assert told["second"] == []
    assert told["failed"] == []
    assert told["after"] == told["before"]
    links = told["links"]
    assert links["nlbr0"]["addresses"] == ["192.0.2.1/24"]
    assert links["eth1"]["master"] == links["nltap1"]["master"] == "nlbr0"
    assert {links[name]["alias"] for name in ("nlbr0", "nltap1", "nlmvt1")} == {"netlab-testbed"}
    assert links["eth1"]["alias"] == ""
    made, left = told["nodes"]
    assert len(made) == len(left) + 1


def test_cut_off_after_each_step_it_is_undone(tmp_path: Path) -> None:
    told = inside(
        tmp_path,
        WANTED
        + """
before, differ = dump(), []
count = len(link_plan.plan(link_ops.read(["eth1"]), wanted))
for cut in range(count):
    for number, step in enumerate(link_plan.plan(link_ops.read(["eth1"]), wanted)[: cut + 1]):
        ledger.intend(step)  # the last one is only intended
        if number < cut:
            step.run()
    undone, failed = ledger.rollback()
    if failed or dump() != before:
        differ.append([cut, failed])
print(json.dumps([count, differ]))
""",
    )
    count, differ = told
    assert count > 8
    assert differ == []


def test_a_link_that_became_somebody_elses_is_left(tmp_path: Path) -> None:
    told = inside(
        tmp_path,
        """
change([{"name": "nltap1", "kind": "tap"}])
ip("link", "set", "nltap1", "alias", "mine now")
undone, failed = ledger.rollback()
print(json.dumps([failed, "nltap1" in link_ops.read()]))
""",
    )
    failed, there = told
    assert there
    assert failed == ["interface nltap1 is not this testbed's (its alias is 'mine now'): left as it is"]


def test_undo_after_the_links_are_gone(tmp_path: Path) -> None:
    told = inside(
        tmp_path,
        WANTED
        + """
change(wanted)
for name in ("nltap1", "nlmvt1", "nlbr0", "eth1"):
    ip("link", "del", name)
print(json.dumps(ledger.rollback()))
""",
    )
    assert told[1] == []


ROUTES = """
def routes():
    argv = ["ip", "-4", "-details", "route", "show", "table", "all"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout
ip("rule", "add", "from", "192.0.2.1", "table", "101")
for words in (
    "default via 198.18.0.1 dev eth1 onlink table 101",
    "203.0.113.0/24 dev eth1 table 1010",
    "203.0.114.0/24 via 192.0.2.254 mtu lock 1400 advmss 1300 metric 7",
    "203.0.114.0/24 via 192.0.2.253 tos 0x10",
    "203.0.115.0/24 via inet6 fe80::1 dev eth1",
    "203.0.116.0/24 dev eth1 src 192.0.2.1 realm 3 proto static",
    "local 203.0.117.0/24 dev eth1 table 9",
):
    ip("route", "add", *words.split())
"""


def test_routes_of_all_tables_come_back_as_they_were(tmp_path: Path) -> None:
    told = inside(
        tmp_path,
        ROUTES
        + """
from ansible_collections.netlab.testbed.plugins.module_utils import residue
before, look = routes(), residue.look()
done = change([{"name": "eth1", "addresses": []}])
during, left = routes(), residue.compare(look, residue.look())
undone, failed = ledger.rollback()
print(json.dumps({"before": before, "during": during, "after": routes(), "done": done, "failed": failed,
                  "left": left, "residue": residue.compare(look, residue.look())}))
""",
    )
    assert told["done"] == ["link.address_delete"]
    assert "onlink" in told["before"]
    assert "mtu lock 1400" in told["before"]
    assert "eth1" not in told["during"]
    assert told["failed"] == []
    assert told["after"] == told["before"]
    gone = [entry for entry in told["left"] if entry["what"].startswith("route ")]
    assert len(gone) == 8
    assert {(entry["what"].rpartition(" ")[2], entry["why"]) for entry in gone} == {("gone", "")}
    assert told["residue"] == []


def test_what_an_earlier_versions_ledger_says_of_routes_is_undone(tmp_path: Path) -> None:
    told = inside(
        tmp_path,
        """
from ansible_collections.netlab.testbed.plugins.module_utils.steps import Step
before = dump()
route = {"dst": "203.0.113.0/24", "gateway": "192.0.2.254", "proto": 3, "scope": 0}
restore = Step("link.address_add", {"name": "eth1", "address": "192.0.2.1/24", "routes": [route]})
run_steps([Step("link.address_delete", {"name": "eth1", "address": "192.0.2.1/24"}, undo=restore)], ledger)
undone, failed = ledger.rollback()
print(json.dumps({"shape": link_ops.read()["eth1"]["routes"] == [route], "failed": failed, "same": dump() == before}))
""",
    )
    assert told == {"shape": True, "failed": [], "same": True}


def test_a_nic_that_is_one_of_several_ways_keeps_its_address(tmp_path: Path) -> None:
    told = inside(
        tmp_path,
        """
def state(): return [dump(), subprocess.run(["ip", "-4", "route", "show", "table", "all"], capture_output=True,
                                            text=True, check=True).stdout]
ip("link", "add", "eth2", "type", "veth", "peer", "name", "far2")
ip("link", "set", "eth2", "up")
ip("address", "add", "198.51.100.1/24", "dev", "eth2")
ip("route", "add", "10.0.0.0/8", "table", "101", "nexthop", "via", "192.0.2.254", "dev", "eth1",
   "nexthop", "via", "198.51.100.2", "dev", "eth2")
before = state()
try:
    change([{"name": "eth1", "addresses": []}])
    refused = ""
except BoardError as error:
    refused = str(error)
print(json.dumps({"refused": refused, "same": state() == before, "undone": ledger.rollback()}))
""",
    )
    assert told["refused"].startswith(
        "interface eth1 is one of several ways of the route 10.0.0.0/8 (table 101), which would be torn or lost"
    )
    assert told["same"]
    assert told["undone"] == [[], []]
