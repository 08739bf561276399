# SPDX-License-Identifier: Apache-2.0
"""Operations on the testbed's own Open vSwitch. Each is idempotent, an undo also where nothing runs any more.

What ovs-vswitchd has made in the kernel outlives it (its taps are persistent, a kernel datapath is nobody's
process), so taking a bridge away looks there too when ovs-vswitchd does not answer.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils import link_ops
from ansible_collections.netlab.testbed.plugins.module_utils.link_plan import MARK
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import client as ovs_client
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import state as ovs_state
from ansible_collections.netlab.testbed.plugins.module_utils.ovs.client import ofctl, vsctl
from ansible_collections.netlab.testbed.plugins.module_utils.ovs.counters import parse_ports
from ansible_collections.netlab.testbed.plugins.module_utils.ovs.plan import USERSPACE_DEVICE
from ansible_collections.netlab.testbed.plugins.module_utils.steps import Refusal, operation

KERNEL_DATAPATH = "ovs-system"  # the one kernel datapath of a network namespace, and its own first port
# What the planner calls it, and the column of table Bridge (and its key) that it is in.
COLUMNS = {"datapath_type": "datapath_type", "fail_mode": "fail_mode", "mac": "other_config:hwaddr"}
OUR_MARK = f"external_ids:{MARK}=true"


@operation("ovs.database_create", "create the Open vSwitch database {path}")
def create_database(path: str) -> None:
    """The folders of sockets and database, and an empty database in one piece: ovsdb-tool(1)."""
    database = Path(path)
    for folder in (ovs_client.RUN, database.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if database.exists():
        return
    partial = database.with_name("partial.db")
    partial.unlink(missing_ok=True)
    ovs_client.run(["ovsdb-tool", "create", str(partial), str(ovs_client.SCHEMA)])
    os.replace(partial, database)


@operation("ovs.database_remove", "remove the Open vSwitch database {path}")
def remove_database(path: str) -> None:
    """With its locks, and sockets of programs that were killed."""
    if Path(path) != ovs_client.DATABASE:
        raise Refusal(f"{path} is not this testbed's Open vSwitch database")
    for folder in (ovs_client.DATA, ovs_client.RUN):
        if folder.exists():
            shutil.rmtree(folder)
    with contextlib.suppress(OSError):
        ovs_client.RUN.parent.rmdir()  # only when empty


@operation("ovs.bridge_add", "add Open vSwitch bridge {name}: {datapath_type}, {fail_mode}", volatile=True)
def add_bridge(name: str, datapath_type: str, fail_mode: str, mac: str | None = None) -> None:
    settings = {"datapath_type": datapath_type, "fail_mode": fail_mode, "mac": mac}
    columns = [f'{COLUMNS[key]}="{value}"' for key, value in settings.items() if value]
    vsctl("--may-exist", "add-br", name, "--", "set", "Bridge", name, OUR_MARK, *columns)
    ovs_state.check(name)
    mark_links(name)


@operation("ovs.mark_links", "mark the interfaces of Open vSwitch bridge {name} as ours", volatile=True)
def mark_links(name: str) -> None:
    """The bridge's own and, with the userspace datapath, that datapath's. ovs-vswitchd makes both."""
    with link_ops.IPRoute() as ip:
        for link in (name, USERSPACE_DEVICE):
            for index in ip.link_lookup(ifname=link):
                ip.link("set", index=index, ifalias=MARK)


@operation("ovs.bridge_set", "set Open vSwitch bridge {name} {settings}", volatile=True)
def set_bridge(name: str, settings: dict[str, str]) -> None:
    """``datapath_type``, ``fail_mode``, ``mac``; empty is none. A bridge that is gone has nothing to set."""
    if not ovs_client.switch_answers() or not _exists(name):
        return
    words: list[str] = []
    for key, value in settings.items():
        column, _, entry = COLUMNS[key].partition(":")
        if value:
            words += ["--", "set", "Bridge", name, f'{COLUMNS[key]}="{value}"']
        elif entry:
            words += ["--", "remove", "Bridge", name, column, entry]
        else:
            words += ["--", "clear", "Bridge", name, column]
    vsctl(*words[1:])
    ovs_state.check(name)
    mark_links(name)


def _exists(name: str) -> bool:
    return name in vsctl("--no-wait", "list-br").split()


@operation("ovs.bridge_delete", "delete Open vSwitch bridge {name}", volatile=True)
def delete_bridge(name: str) -> None:
    """Only one with our mark. Where OVS is not whole any more, also what it left in the kernel."""
    switch, database = ovs_client.switch_answers(), ovs_client.database_answers()
    if database and _exists(name):
        waiting = [] if switch else ["--no-wait"]
        if vsctl("--no-wait", "br-get-external-id", name, MARK).strip() != "true":
            raise Refusal(f"bridge {name} is not this testbed's: left as it is")
        vsctl(*waiting, "--if-exists", "del-br", name)
    if not (switch and database):
        _forget([name])
        link_ops.delete(name, kind="tap")
        if link_ops.read().get(USERSPACE_DEVICE, {}).get("alias") == MARK:
            link_ops.delete(USERSPACE_DEVICE, kind="tap")


@operation("ovs.ports_add", "add ports to Open vSwitch bridge {bridge}: {ports}", volatile=True)
def add_ports(bridge: str, ports: list[str]) -> None:
    """All in one transaction."""
    words: list[str] = []
    for port in ports:
        words += ["--", "--may-exist", "add-port", bridge, port, "--", "set", "Port", port, OUR_MARK]
    vsctl(*words[1:])
    ovs_state.check(bridge)


@operation("ovs.ports_delete", "take ports out of Open vSwitch bridge {bridge}: {ports}", volatile=True)
def delete_ports(bridge: str, ports: list[str]) -> None:
    switch, database = ovs_client.switch_answers(), ovs_client.database_answers()
    if database and _exists(bridge):
        words = [word for port in ports for word in ("--", "--if-exists", "del-port", bridge, port)]
        vsctl(*([] if switch else ["--no-wait"]), *words)
    if not (switch and database):
        _forget(ports)


def _has_kernel_datapath() -> bool:
    return Path(f"/sys/class/net/{KERNEL_DATAPATH}").exists()


def _forget(ports: list[str]) -> None:
    """Ports out of a kernel datapath whose ovs-vswitchd is gone; then it, if that was all: ovs-dpctl(8)."""
    if not _has_kernel_datapath():
        return
    there = set(parse_ports(ovs_client.run(["ovs-dpctl", "show", "-s", KERNEL_DATAPATH])))
    for port in there.intersection(ports):
        ovs_client.run(["ovs-dpctl", "del-if", KERNEL_DATAPATH, port])
    if there & set(ports) and there <= {KERNEL_DATAPATH, *ports}:
        ovs_client.run(["ovs-dpctl", "del-dp", KERNEL_DATAPATH])


@operation("ovs.count", "count what {uplink} brings to Open vSwitch bridge {bridge}", volatile=True)
def count(bridge: str, uplink: str) -> None:
    """A flow for the uplink's frames above the one for all: the same action, a byte count of its own.

    Every cached flow names its input port anyway, so the path of a frame is not made longer by it.
    """
    ofctl("del-flows", bridge, f"cookie=0x{ovs_state.COOKIE:x}/-1")
    ofctl("add-flow", bridge, f"cookie=0x{ovs_state.COOKIE:x},priority=1,in_port={uplink},actions=NORMAL")


@operation("ovs.reverse_path_filter", "set the reverse path filter (rp_filter) of {values}", volatile=True)
def set_reverse_path_filter(values: dict[str, int]) -> None:
    for name, value in values.items():
        with contextlib.suppress(FileNotFoundError):  # an interface that is gone
            ovs_state.rp_filter(name).write_text(f"{value}\n", encoding="ascii")
