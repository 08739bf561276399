# SPDX-License-Identifier: Apache-2.0
"""What ethtool(8) shows, read as it reads it (ioctl(2), linux/ethtool.h), and by the names that it prints.

In this process: five programs an interface would take longer than all the rest of the manifest.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

SIOCETHTOOL = 0x8946  # linux/sockios.h
GDRVINFO, GCOALESCE, GRINGPARAM, GPAUSEPARAM = 0x03, 0x0E, 0x10, 0x12
GSTRINGS, GSSET_INFO, GFEATURES, GCHANNELS, GEEE = 0x1B, 0x37, 0x3A, 0x3C, 0x44
SS_FEATURES = 4  # enum ethtool_stringset
STRING = 32  # ETH_GSTRING_LEN
MOST_FEATURES = 1024  # Linux 6.18 has 63

# struct ethtool_coalesce after its command, by the names of `ethtool -c`.
COALESCING = (
    "rx-usecs", "rx-frames", "rx-usecs-irq", "rx-frames-irq", "tx-usecs", "tx-frames", "tx-usecs-irq",
    "tx-frames-irq", "stats-block-usecs", "adaptive-rx", "adaptive-tx", "pkt-rate-low", "rx-usecs-low",
    "rx-frames-low", "tx-usecs-low", "tx-frames-low", "pkt-rate-high", "rx-usecs-high", "rx-frames-high",
    "tx-usecs-high", "tx-frames-high", "sample-interval",
)  # fmt: skip
# Names of the kernel's that ethtool shows by other ones: off_flag_def in its ethtool.c.
_KNOWN_AS = {
    "rx-checksum": "rx-checksumming",
    "tx-generic-segmentation": "generic-segmentation-offload",
    "rx-gro": "generic-receive-offload",
    "rx-lro": "large-receive-offload",
    "rx-vlan-hw-parse": "rx-vlan-offload",
    "tx-vlan-hw-insert": "tx-vlan-offload",
    "rx-ntuple-filter": "ntuple-filters",
    "rx-hashing": "receive-hashing",
}


def driver(raw: bytes) -> dict[str, str]:
    """struct ethtool_drvinfo."""
    names = ("driver", "driver_version", "firmware", "bus")
    texts = struct.unpack_from("4x32s32s32s32s", raw)
    found = {
        name: text.partition(b"\0")[0].decode(errors="replace")
        for name, text in zip(names, texts, strict=True)
    }
    return {name: "" if text == "N/A" else text for name, text in found.items()}


def coalescing(raw: bytes) -> dict[str, int | bool]:
    """struct ethtool_coalesce."""
    values = struct.unpack_from(f"4x{len(COALESCING)}I", raw)
    return {
        name: bool(value) if name.startswith("adaptive") else value
        for name, value in zip(COALESCING, values, strict=True)
    }


def rings(raw: bytes) -> dict[str, int]:
    """struct ethtool_ringparam: as they are, and the most that they can be."""
    rx_most, _mini, _jumbo, tx_most, rx, _mini_now, _jumbo_now, tx = struct.unpack_from("4x8I", raw)
    return {"rx": rx, "rx_most": rx_most, "tx": tx, "tx_most": tx_most}


def channels(raw: bytes) -> dict[str, int]:
    """struct ethtool_channels, those in use."""
    return dict(zip(("rx", "tx", "other", "combined"), struct.unpack_from("20x4I", raw), strict=True))


def pause(raw: bytes) -> dict[str, bool]:
    """struct ethtool_pauseparam."""
    return dict(zip(("autonegotiate", "rx", "tx"), map(bool, struct.unpack_from("4x3I", raw)), strict=True))


def energy_efficient(raw: bytes) -> bool:
    """struct ethtool_eee: whether the PHY may sleep between packets (IEEE 802.3az)."""
    return bool(struct.unpack_from("20xI", raw)[0])


def features(names: list[str], raw: bytes) -> dict[str, bool]:
    """struct ethtool_gfeatures: those that are on or can be; one that the driver lacks is not named."""
    found = {}
    for number, name in enumerate(names):
        block, bit = divmod(number, 32)
        available, _requested, active, never_changed = struct.unpack_from("4I", raw, 8 + block * 16)
        fixed = not available >> bit & 1 or never_changed >> bit & 1
        on = bool(active >> bit & 1)
        if name and (on or not fixed):
            found[_KNOWN_AS.get(name, name)] = on
    return dict(sorted(found.items()))


class Device:
    """One interface. Each answer is None where its driver has none: EOPNOTSUPP, or a device without a driver."""

    def __init__(self, control: socket.socket, name: str) -> None:
        self._control = control
        self._name = name.encode()

    def _ask(self, command: int, size: int, rest: bytes = b"") -> bytes | None:
        data = array.array("B", struct.pack("I", command) + rest.ljust(size - 4, b"\0"))
        address, _length = data.buffer_info()
        try:
            fcntl.ioctl(self._control, SIOCETHTOOL, struct.pack("16sP16x", self._name, address))
        except OSError:
            return None
        return data.tobytes()

    def _feature_names(self) -> list[str]:
        counted = self._ask(GSSET_INFO, 20, struct.pack("=IQ", 0, 1 << SS_FEATURES))
        count = struct.unpack_from("I", counted, 16)[0] if counted else 0
        # The kernel writes as many names as it has, whatever was asked for: there must be room.
        if not 0 < count <= MOST_FEATURES:
            return []
        raw = self._ask(GSTRINGS, 12 + MOST_FEATURES * STRING, struct.pack("II", SS_FEATURES, count))
        if raw is None:
            return []
        texts = [raw[12 + number * STRING :][:STRING] for number in range(count)]
        return [text.partition(b"\0")[0].decode(errors="replace") for text in texts]

    def driver(self) -> dict[str, str] | None:
        raw = self._ask(GDRVINFO, 196)
        return driver(raw) if raw else None

    def features(self) -> dict[str, bool] | None:
        names = self._feature_names()
        blocks = -(-len(names) // 32)
        raw = self._ask(GFEATURES, 8 + blocks * 16, struct.pack("I", blocks)) if names else None
        return features(names, raw) if raw else None

    def coalescing(self) -> dict[str, int | bool] | None:
        raw = self._ask(GCOALESCE, 92)
        return coalescing(raw) if raw else None

    def rings(self) -> dict[str, int] | None:
        raw = self._ask(GRINGPARAM, 36)
        return rings(raw) if raw else None

    def channels(self) -> dict[str, int] | None:
        raw = self._ask(GCHANNELS, 36)
        return channels(raw) if raw else None

    def pause(self) -> dict[str, bool] | None:
        raw = self._ask(GPAUSEPARAM, 16)
        return pause(raw) if raw else None

    def energy_efficient(self) -> bool | None:
        raw = self._ask(GEEE, 40)
        return energy_efficient(raw) if raw else None


@contextlib.contextmanager
def control() -> Iterator[socket.socket]:
    """The socket that the questions are put to; it stands for this network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        yield opened


def interrupts(name: str, root: Path) -> dict[str, str]:
    """CPUs of each interrupt of the interface's device, by the handler's name (/proc/irq/N/HANDLER).

    Those of the PCI device itself, or of the one that a virtio device hangs on.
    """
    device = root / f"sys/class/net/{name}/device"
    found = {}
    for folder in (device / "msi_irqs", device.resolve().parent / "msi_irqs" if device.exists() else None):
        if folder is not None and folder.is_dir():
            for irq in folder.iterdir():
                own = root / f"proc/irq/{irq.name}"
                with contextlib.suppress(OSError):
                    handlers = sorted(entry.name for entry in own.iterdir() if entry.is_dir())
                    cpus = (own / "smp_affinity_list").read_text(encoding="ascii").strip()
                    found[re.sub("/", "_", handlers[0]) if handlers else f"irq {irq.name}"] = cpus
            break
    return dict(sorted(found.items()))
