# SPDX-License-Identifier: Apache-2.0
"""What is not this testbed's is refused in clear words, and nothing is changed: on a board over SSH, by real commands.

Open vSwitch and XDP have the same in test_ovs_switch.py and test_xdp_bridge.py; that these tests fail without the
guards is shown in tests/unit/plugins/test_guards_matter.py.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.domain_xml import NAMESPACE
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError
from tests.integration.ssh_board import ROOT, SshLab, ssh_lab

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.needs("unshare", "tini", "ssh", "ssh-keygen", "netserver", "ethtool"),
    pytest.mark.timeout(300),
]

# A mount that /proc/mounts tells as one of sshfs; nobody serves it. fuse(4): a root folder, for user 0.
MOUNTING = """
import ctypes, os
os.makedirs("/mnt/theirs", exist_ok=True)
if not os.path.exists("/dev/fuse"):
    os.mknod("/dev/fuse", 0o020600, os.makedev(10, 229))
handle = os.open("/dev/fuse", os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
options = f"fd={handle},rootmode=40000,user_id=0,group_id=0".encode()
if libc.mount(b"ada@192.168.20.1:/srv", b"/mnt/theirs", b"fuse.sshfs", 0, options):
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"""
DOMAIN = """
<domain type="qemu"><name>guest1</name><memory unit="MiB">32</memory><os><type>hvm</type></os></domain>
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[SshLab]:
    with ssh_lab("smb") as made:
        yield made


def look(lab: SshLab) -> list[Any]:
    """The board's links, addresses and routes, without what the kernel counts up by itself."""
    told = _without_timers(json.loads(lab.inside(lab.dut, "ip", "-json", "-details", "address")))
    for link in filter(None, told):
        # IPv6 gives itself addresses, and takes its time for it
        link["addr_info"] = [address["local"] for address in link["addr_info"] if address["family"] == "inet"]
    return [told, lab.inside(lab.dut, "ip", "route")]


def differences(before: Any, after: Any, place: str = "") -> list[str]:
    """What is other in one look than in the one before, each with its place."""
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = [(f"{place}.{key}", before.get(key), after.get(key)) for key in sorted({*before, *after})]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = [(f"{place}[{number}]", *pair) for number, pair in enumerate(zip(before, after, strict=True))]
    else:
        return [] if before == after else [f"{place}: {before!r}, now {after!r}"]
    return [line for where, then, now in pairs for line in differences(then, now, where)]


def _without_timers(told: Any) -> Any:
    """A bridge and its ports tell how far each of theirs has run."""
    if isinstance(told, dict):
        return {key: _without_timers(value) for key, value in told.items() if not key.endswith("_timer")}
    return [_without_timers(item) for item in told] if isinstance(told, list) else told


def nothing_of_ours(lab: SshLab) -> bool:
    found = "find /run/netlab-testbed /var/lib/netlab-testbed /var/lib/netlab-testbed-locks -mindepth 1"
    return not lab.inside(lab.dut, "sh", "-c", f"{found} 2>/dev/null || true")


@pytest.mark.parametrize(
    ("making", "unmaking", "words"),
    [
        (
            "ip address add 192.168.20.2/24 dev eth1; ip route add default via 192.168.20.1 dev eth1",
            "ip address flush dev eth1 scope global",
            "eth1 carries the default route",
        ),
        (
            "ip link add theirs type bridge; ip link set eth1 master theirs",
            "ip link delete theirs",
            "eth1 is a port of theirs, which is not this testbed's",
        ),
        (
            f"ip address add 192.168.20.2/24 dev eth1; python3 -c '{MOUNTING}'",
            "umount -l /mnt/theirs; ip address flush dev eth1 scope global",
            "a file system or disk that is mounted here comes over eth1",
        ),
    ],
)
def test_a_nic_that_carries_something_else(lab: SshLab, making: str, unmaking: str, words: str) -> None:
    if "fuse" in making and "\tfuse\n" not in Path("/proc/filesystems").read_text(encoding="ascii"):
        pytest.skip("this kernel has no FUSE to mount a network file system with")
    lab.inside(lab.dut, "sh", "-c", making)
    try:
        before = look(lab)
        said = lab.call("deploy", "-t", "host", status=3)
        assert words in said
        assert differences(before, look(lab)) == []
        assert nothing_of_ours(lab)
    finally:
        lab.inside(lab.dut, "sh", "-c", unmaking)


def test_the_nic_of_the_connection(lab: SshLab, tmp_path: Path) -> None:
    text = lab.inventory.read_text(encoding="utf-8")
    try:
        lab.inventory.write_text(text.replace("board_nic: eth1", "board_nic: mgmt0", 1), encoding="utf-8")
        before = look(lab)
        said = lab.call("deploy", "-t", "host", status=3)
        assert "this connection comes in over mgmt0: it is not free to be measured" in said
        assert differences(before, look(lab)) == []
        assert nothing_of_ours(lab)
    finally:
        lab.inventory.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("making", "link"),
    [
        ("ip link add nlbr0 type bridge", {"name": "nlbr0", "kind": "bridge"}),
        ("ip tuntap add nltap1 mode tap", {"name": "nltap1", "kind": "tap"}),
        (
            "ip link add nlmvt1 link eth1 type macvtap",
            {"name": "nlmvt1", "kind": "macvtap", "parent": "eth1"},
        ),
        # with another's mark, and of another kind
        ("ip link add nlbr0 type veth; ip link set nlbr0 alias theirs", {"name": "nlbr0", "kind": "bridge"}),
    ],
)
def test_a_link_by_the_name_of_ours(lab: SshLab, making: str, link: dict[str, str]) -> None:
    lab.inside(lab.dut, "sh", "-c", making)
    try:
        before = look(lab)
        result = lab.module(lab.dut, "link", links=[link], surplus="nl*")
        name = link["name"]
        assert f"interface {name} is there already and is not this testbed's" in result["msg"]
        # nor is it taken away as one too many
        assert lab.module(lab.dut, "link", links=[], surplus="nl*")["steps"] == []
        assert differences(before, look(lab)) == []
        assert nothing_of_ours(lab)
    finally:
        lab.inside(lab.dut, "ip", "link", "delete", link["name"])


def test_a_program_at_the_port_of_ours(lab: SshLab) -> None:
    lab.inside(lab.dut, "ip", "address", "add", "192.168.20.2/24", "dev", "eth1")
    lab.inside(lab.dut, "sh", "-c", "setsid netserver -D -N -4 -L 192.168.20.2 -p 12866 >/dev/null 2>&1 &")
    try:
        running = lab.inside(lab.dut, "pgrep", "netserver")
        daemon = {
            "name": "netserver",
            "command": ["netserver", "-D", "-N", "-4", "-L", "192.168.20.2", "-p", "12866"],
            "ready": "tcp:192.168.20.2:12866",
        }
        result = lab.module(lab.dut, "daemon", daemons=[daemon])
        assert "something else listens on 192.168.20.2:12866; choose another port" in result["msg"]
        assert lab.inside(lab.dut, "pgrep", "netserver") == running
        assert nothing_of_ours(lab)
    finally:
        lab.inside(lab.dut, "pkill", "netserver")  # of the board's own processes, which are all that it sees
        lab.inside(lab.dut, "ip", "address", "flush", "dev", "eth1", "scope", "global")


@pytest.fixture(scope="module")
def their_domain(lab: SshLab) -> str:
    """Somebody's own libvirtd and guest1; what libvirt says of that."""
    lab.inside(lab.dut, "sh", "-c", "libvirtd -d")
    define = f"cat >/root/theirs.xml <<'EOT'\n{DOMAIN.strip()}\nEOT\nvirsh -q define /root/theirs.xml"
    lab.inside(lab.dut, "sh", "-c", define)
    return lab.inside(lab.dut, "virsh", "dumpxml", "guest1")


@pytest.mark.guest
@pytest.mark.needs("libvirtd", "qemu-img", "virsh")
def test_a_domain_by_the_name_of_ours(lab: SshLab, their_domain: str) -> None:
    before = look(lab)
    said = lab.call("deploy", "-t", "tap", status=3)
    assert (
        "a domain named guest1 is there already and is not this testbed's: rename or remove it first" in said
    )
    assert "rolled back" in said
    assert lab.inside(lab.dut, "virsh", "dumpxml", "guest1") == their_domain
    assert differences(before, look(lab)) == []


UNDOES: dict[str, tuple[dict[str, str], str]] = {
    "domain.remove": ({"name": "guest1"}, "domain guest1 is not this testbed's: left as it is"),
    "pin.set": (
        {"thing": "vcpu/guest1/0", "cpus": "0"},
        "domain guest1 is not this testbed's: left as it is",
    ),
    "disk.remove": ({"path": "/root/theirs.xml"}, "/root/theirs.xml is not one of this testbed's disks"),
    "ovs.database_remove": (
        {"path": "/etc/openvswitch/conf.db"},
        "/etc/openvswitch/conf.db is not this testbed's Open vSwitch database",
    ),
    "link.delete": ({"name": "mgmt0", "kind": "bridge"}, "interface mgmt0 is not this testbed's"),
}


@pytest.mark.guest
@pytest.mark.needs("libvirtd", "qemu-img", "virsh")
@pytest.mark.parametrize("op", UNDOES)
def test_an_undo_of_what_is_somebody_elses_is_refused(lab: SshLab, their_domain: str, op: str) -> None:
    """A change is written down before it is made: where it was refused then, the undo must be, too."""
    folder = "/var/lib/netlab-testbed/ledger"
    boot = lab.inside(lab.dut, "cat", "/proc/sys/kernel/random/boot_id").strip()
    args, words = UNDOES[op]
    step = {"op": op, "args": args}
    entry = {"id": 1, "at": "", "boot_id": boot, "step": step, "undo": step}
    told = json.dumps({"format": 1, "scope": "topology", "deployment": {}, "entries": [entry]})
    lab.inside(lab.dut, "sh", "-c", f"mkdir -p -m 0700 {folder}; echo '{told}' >{folder}/topology.json")
    try:
        before = look(lab)
        result = lab.module(lab.dut, "ledger", state="absent")
        assert words in " ".join(result["stuck"]), result
        assert lab.inside(lab.dut, "virsh", "dumpxml", "guest1") == their_domain
        assert lab.inside(lab.dut, "find", "/root/theirs.xml")
        assert differences(before, look(lab)) == []
    finally:
        lab.inside(lab.dut, "rm", "-r", folder)


@pytest.mark.guest
@pytest.mark.needs("libvirtd", "qemu-img", "virsh")
def test_a_domain_that_runs_by_the_name_of_ours(lab: SshLab, their_domain: str) -> None:
    """Started between the plan and the change, so that only the change itself can see it."""
    # a board over SSH has a /root and a /home of its own, which may be where this checkout is
    shutil.copytree(ROOT / "plugins", lab.folder / "ansible_collections/netlab/testbed/plugins")
    lab.inside(lab.dut, "virsh", "-q", "start", "guest1")
    try:
        running = lab.inside(lab.dut, "virsh", "domid", "guest1")
        ours = DOMAIN.strip().replace(
            "<os>", f'<metadata><m:guest xmlns:m="{NAMESPACE}" digest="1"/></metadata><os>'
        )
        create = (
            "from ansible_collections.netlab.testbed.plugins.module_utils.domain_ops import create; "
            f"create('guest1', {ours!r})"
        )
        with pytest.raises(BoardError, match="a domain named guest1 runs already and is not this testbed's"):
            lab.inside(lab.dut, "env", f"PYTHONPATH={lab.folder}", "/usr/bin/python3", "-c", create)
        assert lab.inside(lab.dut, "virsh", "domid", "guest1") == running
    finally:
        lab.inside(lab.dut, "virsh", "-q", "destroy", "guest1")
