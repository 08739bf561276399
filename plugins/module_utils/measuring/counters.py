# SPDX-License-Identifier: Apache-2.0
"""Kernel counters around a trial: what TCP retransmitted, what the softirqs and the interfaces dropped. Pure.

The text is that of FILES, one after the other, as ``cat`` prints them on a board or in a guest: each line
tells by itself which file it is from (proc(5), Documentation/networking/{snmp_counter,proc_net_dev}).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

FILES = (
    "/proc/net/snmp",
    "/proc/net/netstat",
    "/proc/net/softnet_stat",
    "/proc/net/dev",
    "/proc/self/status",
)

# Of this network namespace, since it is there. TCPTimeouts counts expiries of the retransmission timer.
_PROTOCOLS = {
    "ip_input_discards": ("Ip", "InDiscards"),
    "ip_output_discards": ("Ip", "OutDiscards"),
    "ip_reassembly_failures": ("Ip", "ReasmFails"),
    "tcp_retransmitted_segments": ("Tcp", "RetransSegs"),
    "tcp_input_errors": ("Tcp", "InErrs"),
    "tcp_failed_connections": ("Tcp", "AttemptFails"),
    "tcp_timeouts": ("TcpExt", "TCPTimeouts"),
    "tcp_spurious_timeouts": ("TcpExt", "TCPSpuriousRTOs"),
    "tcp_lost_retransmissions": ("TcpExt", "TCPLostRetransmit"),
    "tcp_fast_retransmissions": ("TcpExt", "TCPFastRetrans"),
    "tcp_syn_retransmissions": ("TcpExt", "TCPSynRetrans"),
    "tcp_backlog_drops": ("TcpExt", "TCPBacklogDrop"),
    "tcp_listen_drops": ("TcpExt", "ListenDrops"),
    "udp_input_errors": ("Udp", "InErrors"),
    "udp_checksum_errors": ("Udp", "InCsumErrors"),
    "udp_without_listener": ("Udp", "NoPorts"),
    "udp_receive_buffer_errors": ("Udp", "RcvbufErrors"),
    "udp_send_buffer_errors": ("Udp", "SndbufErrors"),
}
# Each is two lines in snmp and netstat, of names and of values.
_TABLES = {"Ip", "Icmp", "IcmpMsg", "Tcp", "Udp", "UdpLite", "TcpExt", "IpExt", "MPTcpExt"}
# Of the whole machine, summed over its CPUs.
_SOFTNET = ("softnet_processed", "softnet_dropped", "softnet_squeezed")
# Columns of /proc/net/dev: eight received, eight sent.
_LINK = {
    "rx_bytes": 0,
    "rx_packets": 1,
    "rx_errors": 2,
    "rx_dropped": 3,
    "rx_fifo_errors": 4,
    "tx_bytes": 8,
    "tx_packets": 9,
    "tx_errors": 10,
    "tx_dropped": 11,
    "tx_fifo_errors": 12,
}


def read_counters(text: str, interfaces: Collection[str] = ()) -> dict[str, Any]:
    """Counters by name, and ``interfaces``: those named, or all but lo. What is not there is left out."""
    tables: dict[str, dict[str, str]] = {}
    names: dict[str, list[str]] = {}
    softnet = [0, 0, 0]
    links: dict[str, dict[str, int]] = {}
    for line in text.splitlines():
        head, colon, rest = line.partition(":")
        words = rest.split()
        if not colon:
            if re.fullmatch(r"[0-9a-f]{8}( [0-9a-f]{8}){8,}\s*", line):
                softnet = [total + int(word, 16) for total, word in zip(softnet, line.split(), strict=False)]
        elif len(words) == 16 and head not in _TABLES and all(word.isdecimal() for word in words):
            links[head.strip()] = {name: int(words[column]) for name, column in _LINK.items()}
        elif head in names:  # the second line of a pair holds the values
            tables[head] = dict(zip(names.pop(head), words, strict=False))
        elif head in _TABLES:
            names[head] = words
    counters: dict[str, Any] = {
        name: int(tables[table][column])
        for name, (table, column) in _PROTOCOLS.items()
        if tables.get(table, {}).get(column, "").isdecimal()
    }
    counters |= dict(zip(_SOFTNET, softnet, strict=True))
    wanted = [name for name in links if (name in interfaces if interfaces else name != "lo")]
    return counters | {"interfaces": {name: links[name] for name in wanted}}


def usable_cpus(text: str) -> set[int] | None:
    """CPUs that a program started there may run on; None where the text does not say."""
    found = re.search(r"^Cpus_allowed_list:\s*([\d,-]+)$", text, re.MULTILINE)
    if not found:
        return None
    cpus: set[int] = set()
    for span in found[1].split(","):
        first, _, last = span.partition("-")
        cpus |= set(range(int(first), int(last or first) + 1))
    return cpus
