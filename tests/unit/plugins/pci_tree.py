# SPDX-License-Identifier: Apache-2.0
"""A sysfs of a few PCI devices, as files and links in a folder."""

from __future__ import annotations

from pathlib import Path

NIC, ROOT_PORT = "0000:01:00.0", "0000:00:01.0"


class Tree:
    """Devices lie below one another as they do in the kernel; ``sys`` is what stands for /sys."""

    def __init__(self, sys: Path) -> None:
        self.sys = sys
        for folder in ("bus/pci/devices", "bus/pci/drivers", "class/net", "kernel/iommu_groups", "module"):
            (sys / folder).mkdir(parents=True)

    def device(
        self,
        address: str,
        *,
        below: str = "",
        driver: str = "",
        group: int | None = None,
        base_class: str = "02",
        interface: str = "",
        **files: object,
    ) -> Path:
        parent = self.at(below).resolve() if below else self.sys / "devices/pci0000:00"
        path = parent / address
        path.mkdir(parents=True)
        self.link(self.sys / "bus/pci/devices" / address, path)
        self.link(path / "subsystem", self.sys / "bus/pci")
        for name, content in {
            "vendor": "0x8086",
            "class": f"0x{base_class}0000",
            "driver_override": "(null)",
            **files,
        }.items():
            (path / name).write_text(f"{content}\n", encoding="ascii")
        if driver:
            self.drive(address, driver)
        if group is not None:
            members = self.sys / f"kernel/iommu_groups/{group}/devices"
            members.mkdir(parents=True, exist_ok=True)
            self.link(members / address, path)
            self.link(path / "iommu_group", members.parent)
        if interface:
            (path / "net" / interface).mkdir(parents=True)
            self.link(path / "net" / interface / "device", path)
            self.link(self.sys / "class/net" / interface, path / "net" / interface)
        return path

    def nic(self, count: int = 0, total: int = 7, **more: object) -> None:
        """An SR-IOV capable NIC behind a root port, with its virtual functions in groups of their own."""
        self.device(ROOT_PORT, driver="pcieport", group=0, base_class="06")
        self.device(
            NIC, below=ROOT_PORT, driver="igb", group=1, interface="enp1s0", sriov_totalvfs=total, sriov_numvfs=count,
            sriov_offset=128, sriov_stride=2, sriov_drivers_autoprobe=1, **more,  # type: ignore[arg-type]
        )  # fmt: skip
        for index in range(count):
            self.virtual(index)

    def virtual(self, index: int, group: int | None = None) -> str:
        address = f"0000:01:10.{2 * index}"
        path = self.device(address, below=ROOT_PORT, group=10 + index if group is None else group)
        self.link(path / "physfn", self.at(NIC).resolve())
        self.link(self.at(NIC) / f"virtfn{index}", path)
        return address

    def drive(self, address: str, driver: str) -> None:
        target = self.sys / "bus/pci/drivers" / driver
        target.mkdir(exist_ok=True)
        (self.at(address) / "driver").unlink(missing_ok=True)
        self.link(self.at(address) / "driver", target)

    def at(self, address: str) -> Path:
        return self.sys / "bus/pci/devices" / address

    @staticmethod
    def link(path: Path, target: Path) -> None:
        path.symlink_to(target)
