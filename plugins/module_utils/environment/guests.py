# SPDX-License-Identifier: Apache-2.0
"""Guests as QEMU runs them: its command line, and the CPUs that each of its threads may run on.

From /proc alone: it is what QEMU was really started with, whoever asked for it, and no libvirtd is disturbed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import Files, Reading
from ansible_collections.netlab.testbed.plugins.module_utils.environment.threads import Thread, threads

# Properties of a device that say where it is or what it is called, not what it does.
_WHERE = {"addr", "bus", "driver", "id", "mac", "multifunction", "netdev", "romfile", "host"}


def options(argv: list[str]) -> Iterator[tuple[str, str]]:
    """``-name value`` pairs of a QEMU command line; a switch without a value has an empty one."""
    for word, following in zip(argv[1:], [*argv[2:], "-"], strict=False):
        if word.startswith("-") and len(word) > 1:
            yield word.lstrip("-"), "" if following.startswith("-") else following


def properties(text: str, first: str = "type") -> dict[str, Any]:
    """``{"type": "tap", …}`` or ``tap,fd=3,vhost=on``; the first word of the second form is called ``first``."""
    if text.startswith("{"):
        told = json.loads(text)
        return dict(told) if isinstance(told, dict) else {}
    found: dict[str, Any] = {}
    # a comma inside a value is written twice, qemu(1)
    for number, part in enumerate(text.replace(",,", "\0").split(",")):
        key, equals, value = part.replace("\0", ",").partition("=")
        if equals:
            found[key] = {"on": True, "off": False}.get(value, value)
        elif number == 0:
            found[first] = key
        else:
            found[key] = True
    return found


def describe(argv: list[str]) -> dict[str, Any] | None:
    """What a QEMU command line makes; None where it is not a named guest's. Pure."""
    told: dict[str, list[str]] = {}
    for option, value in options(argv):
        told.setdefault(option, []).append(value)

    def one(option: str, first: str = "type") -> dict[str, Any]:
        return properties((told.get(option) or [""])[-1], first)

    name = one("name", "guest").get("guest")
    if not name:
        return None
    machine = one("machine", "type")
    accelerator = one("accel", "accel").get("accel") or machine.get("accel")
    memory, processors = one("m", "size").get("size"), one("smp", "cpus").get("cpus", 1)
    commit = one("overcommit")
    return {
        "name": str(name),
        "accelerator": accelerator or ("kvm" if "enable-kvm" in told else "tcg"),
        "architecture": Path(argv[0]).name.removeprefix("qemu-system-"),
        "cpu_model": one("cpu", "model").get("model"),
        "cpu_halts_itself": bool(commit.get("cpu-pm")),
        "machine": machine.get("type"),
        "memory_mib": _mebibytes(memory),
        "vcpus": int(processors) if str(processors).isdecimal() else None,
        "kernel": _tail(told.get("kernel")),
        "initramfs": _tail(told.get("initrd")),
        "nics": _nics(told),
        "passed_through": sorted(
            str(device.get("host"))
            for device in map(_device, told.get("device", []))
            if str(device.get("driver", "")).startswith("vfio-")
        ),
    }


def _device(text: str) -> dict[str, Any]:
    return properties(text, "driver")


def _mebibytes(size: Any) -> int | None:
    """``192``, ``192M`` or ``196608k``, qemu(1)."""
    found = re.fullmatch(r"(\d+)([kMG]?)", str(size))
    if not found:
        return None
    return int(int(found[1]) * {"k": 1 / 1024, "": 1, "M": 1, "G": 1024}[found[2]])


def _tail(paths: list[str] | None) -> str | None:
    """An image is addressed by its content: the last folder is its hash, whatever machine it lies on."""
    return "/".join(Path(paths[-1]).parts[-2:]) if paths else None


def _nics(told: Mapping[str, list[str]]) -> dict[str, Any]:
    """By number, as QEMU was told them: what the guest sees, and what is behind it."""
    behind = {str(net.get("id")): net for net in map(properties, told.get("netdev", []))}
    found: dict[str, Any] = {}
    for device in map(_device, told.get("device", [])):
        net = behind.get(str(device.get("netdev")))
        if net is not None:
            found[str(len(found) + 1)] = {
                "mac": str(device.get("mac", "")).lower() or None,
                "device": device.get("driver"),
                "backend": net.get("type"),
                "vhost": bool(net.get("vhost")) or net.get("type") == "vhost-user",
                "queues": str(net.get("fds", "")).count(":") + 1 if net.get("fds") else net.get("queues", 1),
                "asked": {key: device[key] for key in sorted(device) if key not in _WHERE},
            }
    return found


def placement(all_threads: Iterable[Thread], emulator: int) -> dict[str, Any]:
    """CPUs and scheduling of QEMU's threads by what they do. Pure.

    vCPUs are named ``CPU 0/KVM`` (QEMU's debug-threads, which libvirt asks for); vhost workers ``vhost-PID``,
    QEMU's own threads since Linux 6.4 and kernel threads before; the emulator is the thread that started it all.
    """
    vcpus: dict[str, str] = {}
    vhost: dict[str, str] = {}
    own = None
    for thread in sorted(all_threads, key=lambda thread: thread.tid):
        if found := re.match(r"CPU (\d+)/", thread.name):
            vcpus[found[1]] = thread.says()
        elif thread.name.startswith("vhost-"):
            vhost[str(len(vhost))] = thread.says()
        elif thread.tid == emulator:
            own = thread.says()
    return {
        "vcpu_cpus": vcpus or None,
        "vhost_cpus": vhost or None,
        "emulator_cpus": own,
    }


def read(files: Files, reading: Reading) -> dict[str, int]:
    """Every guest of the board; their emulators' pids by name."""
    reading.put("guests", {}, "")
    pids = {}
    kernel_threads: dict[str, list[int]] = {}
    for name in files.names("/proc"):
        if not name.isdecimal():
            continue
        comm = files.text(f"/proc/{name}/comm") or ""
        if comm.startswith("vhost-"):
            kernel_threads.setdefault(comm.removeprefix("vhost-"), []).append(int(name))
        if not comm.startswith("qemu-"):
            continue
        argv = (files.text(f"/proc/{name}/cmdline") or "").split("\0")
        guest = describe(argv) if "qemu-system" in argv[0] else None
        if guest is not None:
            pids[guest.pop("name")] = int(name)
            _put(reading, list(pids)[-1], guest)
    for guest_name, pid in pids.items():
        where = placement(threads(files, [pid, *kernel_threads.get(str(pid), [])]), pid)
        why = "no such thread is to be seen: not there, or not from inside this board"
        for key, value in where.items():
            reading.put(f"guests/{guest_name}/{key}", value, why)
    return pids


def _put(reading: Reading, name: str, guest: Mapping[str, Any]) -> None:
    for key, value in guest.items():
        reading.put(f"guests/{name}/{key}", value, "not on QEMU's command line")
