# SPDX-License-Identifier: Apache-2.0
"""Operations on PCI devices: the number of virtual functions, their settings, who drives a device.

Each is idempotent, and an undo has nothing to do where the device is gone. A reboot takes all of it back.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.sriov import pci, vf_links
from ansible_collections.netlab.testbed.plugins.module_utils.sriov.plan import not_alone
from ansible_collections.netlab.testbed.plugins.module_utils.sriov.state import UNSAFE
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Refusal, operation

MODULES = ("vfio-pci", "vfio_iommu_type1")
LIMIT = 20.0  # seconds for a driver to have taken a device, or an interface its name
POLL = 0.05  # seconds


def _modprobe(*words: str) -> str:
    """What modprobe(8) complained of; empty where it did not."""
    done = subprocess.run(["modprobe", *words], capture_output=True, text=True, timeout=60, check=False)
    return (done.stderr.strip() or f"modprobe ended with status {done.returncode}") if done.returncode else ""


@operation("vfio.load", "load the kernel module vfio-pci", volatile=True)
def load() -> None:
    for name in MODULES:
        if said := _modprobe("-a", name):
            raise BoardError(f"cannot load the kernel module {name}: {said}")


@operation("vfio.unload", "unload the kernel module vfio-pci, if nobody uses it", volatile=True)
def unload() -> None:
    _modprobe("-r", *MODULES)  # it refuses where somebody else's device is bound by now: then it stays


@operation(
    "vfio.unsafe_interrupts", "let guests have devices without interrupt remapping: {allowed}", volatile=True
)
def unsafe_interrupts(allowed: bool) -> None:
    path = pci.SYS / UNSAFE
    if path.exists():
        path.write_text("Y" if allowed else "N", encoding="ascii")


@operation("sriov.autoprobe", "let drivers take new virtual functions of {interface}: {on}", volatile=True)
def autoprobe(device: str, interface: str, on: bool) -> None:
    del interface  # says() wants it
    with contextlib.suppress(FileNotFoundError):
        (pci.device(device) / "sriov_drivers_autoprobe").write_text(str(int(on)), encoding="ascii")


@operation("sriov.count", "set the number of virtual functions of {interface} to {count}", volatile=True)
def count(device: str, interface: str, count: int) -> None:
    path = pci.device(device) / "sriov_numvfs"
    if not path.exists() or pci.number(path) == count:
        return
    try:
        path.write_text(str(count), encoding="ascii")
    except OSError as error:
        raise BoardError(f"{interface} does not take {count} virtual functions: {error.strerror}") from error


@operation("sriov.set", "set virtual function {vf} of {interface} {settings}", volatile=True)
def set_virtual(interface: str, vf: int, settings: dict[str, Any]) -> None:
    if vf in vf_links.read(interface):
        vf_links.write(interface, vf, settings)


@operation("sriov.bind", "bind virtual function {vf} of {interface} to vfio-pci", volatile=True)
def bind_virtual(device: str, interface: str, vf: int) -> None:
    """One that we made: it goes as a whole, with nothing to give back."""
    path = pci.device(device) / f"virtfn{vf}"
    if not path.exists():
        raise BoardError(f"virtual function {vf} of {interface} is gone")
    _give_away(path.resolve().name, pci.VFIO, pci.VFIO)


@operation("pci.bind", "bind {device} to {driver}", volatile=True)
def bind(device: str, driver: str, override: str, was: dict[str, Any]) -> None:
    """To the driver named, with ``driver_override`` as given: Documentation/ABI, sysfs-bus-pci.

    ``was``: interface of a whole NIC, its MAC address from its maker, and the one that it had; its MTU, and whether it
    was up. Where it gets its own driver back, the interface is waited for, since what is undone next is undone by name,
    and is as it was again.
    """
    if not pci.device(device).exists():
        if driver == pci.VFIO:
            raise BoardError(f"PCI device {device} is gone")
        return
    _give_away(device, driver, override)
    if driver != pci.VFIO and was.get("interface"):
        _await_interface(device, was["interface"])
        if was["address_set"] and vf_links.addresses(was["interface"])[0] != was["address_set"]:
            _ip_link(was["interface"], "address", was["address_set"])
        if was.get("mtu"):  # a ledger of an earlier version has it not
            _ip_link(was["interface"], "mtu", str(was["mtu"]))
        if was.get("up"):
            _ip_link(was["interface"], "up")


@operation("pci.release", "leave {device} without a driver", volatile=True)
def release(device: str, override: str) -> None:
    if pci.device(device).exists():
        _give_away(device, "", override)


def _give_away(address: str, driver: str, override: str) -> None:
    intruders = pci.intruders(pci.others_in_group(address))
    if driver == pci.VFIO and intruders:
        raise Refusal(not_alone(address, pci.group(address), intruders))
    _write(pci.device(address) / "driver_override", f"{override}\n")
    if driver and not (pci.SYS / "bus/pci/drivers" / driver).exists():
        _modprobe(driver)
    _hand_over(address, driver)


def _hand_over(address: str, driver: str) -> None:
    """Until the driver wanted has it: another may have been about to take it when we came."""
    deadline = time.monotonic() + LIMIT
    while (now := pci.driver(address)) != driver:
        if time.monotonic() > deadline:
            raise BoardError(
                f"{driver or 'no driver'} cannot have PCI device {address}: {now or 'none'} has it"
            )
        if now:
            with contextlib.suppress(OSError):
                _write(pci.device(address) / "driver/unbind", address)
        if driver:
            with contextlib.suppress(OSError):
                _write(pci.SYS / "bus/pci/drivers_probe", address)
        if pci.driver(address) != driver:
            time.sleep(POLL)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="ascii")


def _ip_link(interface: str, *words: str) -> None:
    argv = ["ip", "link", "set", "dev", interface, *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT, check=False)
    if done.returncode:
        raise BoardError(f"{' '.join(argv)}: {done.stderr.strip()}")


def _await_interface(address: str, name: str) -> None:
    """Under the name that it had: udev gives it, or we where nobody does."""
    deadline = time.monotonic() + LIMIT
    while name not in (found := pci.interfaces(address)):
        if time.monotonic() > deadline:
            if len(found) != 1:
                raise BoardError(f"interface {name} did not come back with the driver of {address}")
            _ip_link(found[0], "name", name)
        time.sleep(POLL)
