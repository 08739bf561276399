# SPDX-License-Identifier: Apache-2.0
"""A guest as a libvirt domain: https://libvirt.org/formatdomain.html. Built by a library, never by joining strings."""

from __future__ import annotations

import hashlib
import re
import uuid
import xml.etree.ElementTree as ET
from typing import Any

NAMESPACE = "https://netlab-testbed.example/domain/1"
ET.register_namespace("netlab", NAMESPACE)
# Guests of one name keep one identity on a board, so that logs of two deployments can be compared.
UUID_NAMESPACE = uuid.UUID("6f2f6d0e-52f4-4e0c-9d1a-7e1c2c1a9b10")
MACHINES = {"x86_64": "q35", "aarch64": "virt"}
UEFI = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"  # package qemu-efi-aarch64
AGENT = "org.qemu.guest_agent.0"


def identity(name: str) -> str:
    """The UUID of the guest of this name: nobody else's domain has it."""
    return str(uuid.uuid5(UUID_NAMESPACE, name))


def domain_xml(guest: dict[str, Any]) -> tuple[str, str]:
    """(XML, digest of what it says) of one guest.

    ``guest``: name, arch, accelerator (kvm or tcg), vcpus, memory_mib, mac, and either kernel, initramfs,
    kernel_command_line or disk; interface: {type: ethernet, dev} or {type: user, address, prefix}, with
    offloads: {host: {name: bool}, guest: {name: bool}} for what virtio-net offers on either side; or
    {type: hostdev, device}, a PCI device that is bound to vfio-pci already, by its address (0000:01:10.0).

    The mark also holds what the domain's own XML does not say and another guest would come of: ``base``, what the
    disk is laid over, and the interface's ``index``: QEMU holds the interface or device that it opened, so one that
    was made anew under the same name needs a new guest.
    """
    kvm = guest["accelerator"] == "kvm"
    root = ET.Element("domain", type="kvm" if kvm else "qemu")
    _text(root, "name", guest["name"])
    _text(root, "uuid", identity(guest["name"]))
    metadata = ET.SubElement(root, "metadata")
    mark = ET.SubElement(metadata, f"{{{NAMESPACE}}}guest")
    marked = {"base": guest.get("base"), "interface-index": guest["interface"].get("index")}
    if guest["interface"]["type"] == "hostdev":
        marked["mac"] = guest["mac"]  # the device has it, and its driver asks when it starts
    for key, value in marked.items():
        if value is not None:
            mark.set(key, str(value))
    _text(root, "memory", str(guest["memory_mib"]), unit="MiB")
    _text(root, "vcpu", str(guest["vcpus"]))
    system = ET.SubElement(root, "os")
    _text(system, "type", "hvm", arch=guest["arch"], machine=MACHINES[guest["arch"]])
    if guest.get("kernel"):
        _text(system, "kernel", guest["kernel"])
        _text(system, "initrd", guest["initramfs"])
        _text(system, "cmdline", f"{guest['kernel_command_line']} netlab.hostname={guest['name']}")
    if guest["arch"] == "aarch64" and guest.get("disk"):
        # nothing else boots a disk there; as a ROM it keeps no variables, so that nothing of the guest is left
        _text(system, "loader", UEFI, readonly="yes", type="rom")
    features = ET.SubElement(root, "features")
    if guest["arch"] == "x86_64":
        # the guest's way to hear a shutdown; on ARM64 libvirt asks for UEFI in flash for it: there is a device tree
        ET.SubElement(features, "acpi")
    else:
        ET.SubElement(features, "gic", version="host" if kvm else "2")
    if kvm:
        ET.SubElement(root, "cpu", mode="host-passthrough")
    elif guest["arch"] == "aarch64":
        _text(ET.SubElement(root, "cpu", mode="custom", match="exact"), "model", "cortex-a57")
    _text(root, "on_poweroff", "destroy")
    _text(root, "on_reboot", "restart")
    _text(root, "on_crash", "destroy")
    devices = ET.SubElement(root, "devices")
    if guest.get("disk"):
        _disk(devices, guest["disk"])
    if guest["interface"]["type"] == "hostdev":
        _hostdev(devices, guest["interface"]["device"])
    else:
        _interface(devices, guest)
    _channel_and_console(devices)
    ET.SubElement(devices, "memballoon", model="none")
    rng = ET.SubElement(devices, "rng", model="virtio")
    _text(rng, "backend", "/dev/urandom", model="random")
    ET.SubElement(devices, "controller", type="usb", model="none")
    digest = hashlib.sha256(ET.tostring(root)).hexdigest()
    mark.set("digest", digest)
    return ET.tostring(root, encoding="unicode"), digest


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _disk(devices: ET.Element, path: str) -> None:
    disk = ET.SubElement(devices, "disk", type="file", device="disk")
    ET.SubElement(disk, "driver", name="qemu", type="qcow2", discard="unmap")
    ET.SubElement(disk, "source", file=path)
    ET.SubElement(disk, "target", dev="vda", bus="virtio")


def _interface(devices: ET.Element, guest: dict[str, Any]) -> None:
    wanted = guest["interface"]
    interface = ET.SubElement(devices, "interface", type=wanted["type"])
    ET.SubElement(interface, "mac", address=guest["mac"])
    ET.SubElement(interface, "model", type="virtio")
    if wanted["type"] == "ethernet":
        # the role made it, before the guest: libvirt only opens it
        ET.SubElement(interface, "target", dev=wanted["dev"], managed="no")
    else:
        ET.SubElement(interface, "ip", family="ipv4", address=wanted["address"], prefix=str(wanted["prefix"]))
    driver = ET.SubElement(interface, "driver")
    offloads = wanted.get("offloads") or {}
    for side in ("host", "guest"):
        switched = {key: "on" if on else "off" for key, on in offloads.get(side, {}).items()}
        if switched:
            ET.SubElement(driver, side, switched)
    if not len(driver):
        interface.remove(driver)
    # no option ROM: nothing boots from this NIC, and its ROM is a package of its own
    ET.SubElement(interface, "rom", enabled="no")


def _hostdev(devices: ET.Element, device: str) -> None:
    """A PCI device as it is. Bound to vfio-pci by us, and given back by us: libvirt neither binds nor unbinds it."""
    hostdev = ET.SubElement(devices, "hostdev", mode="subsystem", type="pci", managed="no")
    ET.SubElement(hostdev, "driver", name="vfio")
    source = ET.SubElement(hostdev, "source")
    domain, bus, slot, function = re.split("[:.]", device)
    ET.SubElement(
        source, "address", domain=f"0x{domain}", bus=f"0x{bus}", slot=f"0x{slot}", function=f"0x{function}"
    )
    ET.SubElement(hostdev, "rom", bar="off")


def _channel_and_console(devices: ET.Element) -> None:
    channel = ET.SubElement(devices, "channel", type="unix")
    ET.SubElement(channel, "source", mode="bind")
    ET.SubElement(channel, "target", type="virtio", name=AGENT)
    serial = ET.SubElement(devices, "serial", type="pty")
    ET.SubElement(serial, "target", port="0")


def digest_of(xml: str) -> str | None:
    """The digest that a running domain was made with; None where the domain is not ours."""
    domain = ET.fromstring(xml)  # noqa: S314  libvirtd wrote it
    mark = domain.find(f"./metadata/{{{NAMESPACE}}}guest")
    return None if mark is None else mark.get("digest", "")
