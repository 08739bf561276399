# SPDX-License-Identifier: Apache-2.0
"""A board as programs see it that know nothing of this project: to be compared before the first deploy and after."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from typing import Any

# One shell for all of it: each entering of a board costs a process.
READERS = {
    "links": "ip -json -details link show",
    "addresses": "ip -json address show",
    "groups": "ip -oneline maddress show",
    "routes": "ip -4 route show table all",
    "routes of IPv6": "ip -6 route show table all",
    "rules": "ip -4 rule show; ip -6 rule show",
    "neighbours": "ip neighbour show nud permanent",
    "taps": "ip tuntap show",
    "namespaces": "ip netns list",
    "bridges": "bridge link show; bridge vlan show; bridge mdb show; bridge fdb show",
    "queues": "tc qdisc show",
    "filters": 'for nic in $NICS; do for end in ingress egress root; do tc filter show dev "$nic" $end; done; done',
    "offloads": 'for nic in $NICS; do ethtool -k "$nic" | sed "s/^/$nic /"; done',
    # coalescing, rings, channels and pauses, as far as a NIC has them
    "NIC settings": 'for nic in $NICS; do for of in c g l a; do ethtool -$of "$nic" 2>/dev/null '
    '| cat -n | sed "s/^/$nic $of/"; done; done',
    "kernel settings": "sysctl -a 2>/dev/null | grep -E '^net\\.'",
    "programs in the network": "bpftool net show",
    "pins": "find /sys/fs/bpf -mindepth 1",
    "mounts": "cat /proc/mounts",
    "programs": "ps -e -ww -o pid=,args=",
    "devices": "find /dev -mindepth 1",
    "files": "find /var/lib/netlab-testbed /run -mindepth 1; find /etc/libvirt /var/lib/libvirt -type f",
    "guests": "[ ! -S /run/libvirt/libvirt-sock ] || timeout 5 virsh -c qemu:///system list --all --name 2>/dev/null",
    "switches": "find /run /var/lib/netlab-testbed -name '*.sock' -path '*db*' "
    "-exec timeout 5 ovs-vsctl --timeout=3 --db=unix:{} show ';' 2>/dev/null",
}
NICS = "eth1 mgmt0"
# Not looked at, since a board here has none of its own: cgroups, IRQ affinities, governors, SR-IOV, drivers' bindings.
# What differs with nobody having done anything: counters, who asks.
PASSING = ("stats", "stats64", "ifi_index", "operstate", "ifindex", "link_index", "flags", "allmulti")
# /run/lock's own; what libvirtd leaves of itself in the board's /run, which its package makes on any machine.
EXPLAINED = re.compile(r"^/run/(libvirt|lock|mount|systemd|blkid|utmp)\b|^/run/libvirtd\.pid$")
# counters of the kernel that stand among its settings, and what is the whole machine's
COUNTERS = re.compile(
    r"^net\.(netfilter|ipv6\.route\.gc|ipv4\.(tcp_fastopen_key|route\.)|unix\.|.*\.stable_secret)"
)
# A NIC's own routes of IPv6 come by themselves a moment after the NIC does.
OF_ITSELF = re.compile(r"^(local fe80:|fe80::/64 |multicast ff00::/8 )")
# Of whoever made the machine's namespaces before the board was made: its own are among the namespaces and the files.
# The rest is a test's that ran on the machine when the board was made.
OTHERS_MOUNTS = re.compile(r"^nsfs /run/netns/|^\S+ /tmp/")
MARK = "@@@ "
PRINTED = r"\100\100\100 "  # in the shell's own arguments, which ps(1) lists, it is not to be found

# The shell of the question, what it asks with, and who watches the board meanwhile.
ASKING = (PRINTED, "ps -e -ww", "ip -json address show", "nsenter -t")


def of_board(pid: int) -> dict[str, set[str]]:
    """Each kind of thing as lines."""
    # of a NIC that has vanished nothing is told, and that is a difference
    script = f'NICS=; for nic in {NICS}; do [ ! -e /sys/class/net/$nic ] || NICS="$NICS $nic"; done; '
    script += "".join(f"printf '{PRINTED}%s\\n' '{kind}'; {command}; " for kind, command in READERS.items())
    script += "true"
    told = _inside(pid, ["sh", "-c", script])
    parts = (part.partition("\n") for part in told.split(MARK)[1:])
    found = {kind: text for kind, _, text in parts}
    return {kind: _lines(kind, found.get(kind, "")) for kind in READERS}


def _inside(pid: int, argv: Sequence[str]) -> str:
    return subprocess.run(
        ["nsenter", "-t", str(pid), "-a", "--", *argv], capture_output=True, text=True, timeout=30, check=True
    ).stdout


def _lines(kind: str, text: str) -> set[str]:
    if kind == "links":
        return {_link(link) for link in json.loads(text) if link}
    if kind == "addresses":
        return {
            f"{link['ifname']} {address['local']}/{address['prefixlen']}"
            for link in json.loads(text)
            if link
            for address in link["addr_info"]
            if not address["local"].startswith("fe80:")
        }
    lines = {line.rstrip() for line in text.splitlines() if line.strip()}
    if kind == "routes of IPv6":
        return {line for line in lines if not OF_ITSELF.match(line)}
    if kind == "mounts":
        return {line for line in lines if not OTHERS_MOUNTS.match(line)}
    if kind == "groups":
        return {line.partition(":")[2] for line in lines if "33:33:" not in line and "ff02::" not in line}
    if kind == "bridges":
        return {line for line in lines if not line.startswith("33:33:")}
    if kind == "programs":  # the shell of the question, and what it asks with
        told = {line.split(maxsplit=1)[1] for line in lines if not any(word in line for word in ASKING)}
        return told - {"[ip] <defunct>"}  # of whoever watches the board meanwhile
    if kind == "queues":
        return {line.partition(" refcnt")[0] for line in lines}
    if kind == "kernel settings":
        return {line for line in lines if not COUNTERS.match(line)}
    return {line for line in lines if not EXPLAINED.match(line)}


def _link(link: dict[str, Any]) -> str:
    kept = {key: value for key, value in link.items() if key not in PASSING}
    kept["up"] = "UP" in link["flags"]
    return json.dumps(kept, sort_keys=True)


def differences(before: dict[str, set[str]], after: dict[str, set[str]]) -> list[str]:
    """In words, sorted; empty where all is as it was."""
    return sorted(
        [f"{kind}: left: {line}" for kind in before for line in after[kind] - before[kind]]
        + [f"{kind}: lost: {line}" for kind in before for line in before[kind] - after[kind]]
    )
