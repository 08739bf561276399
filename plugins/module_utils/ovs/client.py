# SPDX-License-Identifier: Apache-2.0
"""The testbed's own Open vSwitch on a board: where it lives, and how its programs are asked.

It has a database and sockets of its own, and every program is told their paths, so an Open vSwitch that is
somebody else's (the distribution's service) is neither asked nor changed: ovs-vswitchd(8), ovsdb-server(1).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.process_ops import answers
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

RUN = Path("/run/netlab-testbed/ovs")
DATA = Path("/var/lib/netlab-testbed/ovs")
DATABASE = DATA / "conf.db"
DATABASE_SOCKET = RUN / "db.sock"
SERVER_CONTROL = RUN / "ovsdb-server.ctl"
SWITCH_CONTROL = RUN / "ovs-vswitchd.ctl"
SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")

# ovs-vswitchd puts each bridge's management socket below OVS_RUNDIR; nothing but the variable says where.
ENVIRONMENT = {"OVS_RUNDIR": str(RUN), "OVS_DBDIR": str(DATA)}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LIMIT = 15  # seconds for one program; ovs-vsctl itself gives up before
VSCTL_LIMIT = 10  # seconds that ovs-vsctl waits until ovs-vswitchd has done what the database says


def daemons() -> list[dict[str, Any]]:
    """The two programs, as module daemon takes them: the database's server, then the switch that reads it."""
    return [
        {
            "name": "ovsdb-server",
            "command": [
                "ovsdb-server", f"--remote=punix:{DATABASE_SOCKET}", f"--unixctl={SERVER_CONTROL}",
                "-vsyslog:off", str(DATABASE),
            ],
            "ready": f"unix:{DATABASE_SOCKET}",
            "environment": ENVIRONMENT,
        },
        {
            "name": "ovs-vswitchd",
            "command": [
                "ovs-vswitchd", f"--unixctl={SWITCH_CONTROL}", "-vsyslog:off", f"unix:{DATABASE_SOCKET}",
            ],
            "ready": f"unix:{SWITCH_CONTROL}",
            "environment": ENVIRONMENT,
        },
    ]  # fmt: skip


def run(argv: list[str]) -> str:
    """A program's stdout; BoardError with its own last words where it fails."""
    environment = {**os.environ, **ENVIRONMENT, "PATH": PATH, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            argv, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False, cwd="/"
        )
    except FileNotFoundError as error:
        raise BoardError(f"this board has no {argv[0]}: package openvswitch-switch") from error
    except subprocess.TimeoutExpired as error:
        raise BoardError(f"{argv[0]} has not ended within {LIMIT} s") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()[-1]
        raise BoardError(f"{argv[0]}: {said}")
    return done.stdout


def vsctl(*words: str) -> str:
    """ovs-vsctl(8) on our database. Waits until ovs-vswitchd has done it, unless told ``--no-wait``."""
    database = f"--db=unix:{DATABASE_SOCKET}"
    return run(["ovs-vsctl", database, f"--timeout={VSCTL_LIMIT}", "--no-syslog", *words])


def appctl(*words: str) -> str:
    """ovs-appctl(8) to our ovs-vswitchd."""
    return run(["ovs-appctl", f"--timeout={VSCTL_LIMIT}", "-t", str(SWITCH_CONTROL), *words])


def ofctl(command: str, bridge: str, *words: str) -> str:
    """ovs-ofctl(8) to a bridge of ours, ports by name."""
    socket = f"unix:{RUN / bridge}.mgmt"
    return run(["ovs-ofctl", f"--timeout={VSCTL_LIMIT}", "--names", command, socket, *words])


def database_answers() -> bool:
    return answers(f"unix:{DATABASE_SOCKET}")


def switch_answers() -> bool:
    return answers(f"unix:{SWITCH_CONTROL}")


def rows(text: str) -> list[dict[str, Any]]:
    """Rows of one table as ``ovs-vsctl --format=json`` prints it: RFC 7047, 5.1, as plain lists and dicts."""
    table = json.loads(text)
    return [dict(zip(table["headings"], map(_plain, row), strict=True)) for row in table["data"]]


def _plain(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    kind, content = value
    if kind == "set":
        return [_plain(item) for item in content]
    if kind == "map":
        return dict(content)
    return content  # ["uuid", "…"]


def several(value: Any) -> list[Any]:
    """OVSDB writes a set of one element as the element."""
    return value if isinstance(value, list) else [value]


# One bridge in `dpif/show`:   "  nlovs0:" and below it "    eth1 1/2: (system)", OpenFlow/datapath port.
_DATAPATH = re.compile(r"^(\w+)@\S+:")
_BRIDGE = re.compile(r"^  (\S+):$")
_PORT = re.compile(r"^    (\S+) (\d+)/(\d+|none): \((\w+)")


def in_force(text: str) -> dict[str, dict[str, Any]]:
    """What ``dpif/show`` says: each bridge's datapath type, and its ports by OpenFlow number. Pure."""
    bridges: dict[str, dict[str, Any]] = {}
    datapath_type = bridge = ""
    for line in text.splitlines():
        if found := _DATAPATH.match(line):
            datapath_type = found[1]
        elif found := _BRIDGE.match(line):
            bridge = found[1]
            bridges[bridge] = {"datapath_type": datapath_type, "ports": {}}
        elif found := _PORT.match(line):
            bridges[bridge]["ports"][int(found[2])] = {"name": found[1], "type": found[4]}
    return bridges
