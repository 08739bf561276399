# SPDX-License-Identifier: Apache-2.0
"""KVM or TCG on this very machine: whatever it says, it has tried, and left nothing."""

from __future__ import annotations

import json
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.module_run import PYTHON, ROOT, run_module
from tests.integration.test_guest_image import image

ARCH = platform.machine()

pytestmark = [
    pytest.mark.root,
    pytest.mark.guest,
    pytest.mark.needs(f"qemu-system-{ARCH}", "apt-get", "dpkg-deb"),
    pytest.mark.timeout(240),
    pytest.mark.skipif(ARCH not in ("x86_64", "aarch64"), reason=f"no guests of {ARCH}"),
]

# A probe by itself, under the accelerator that is asked for.
PROBE = f"""
import json, pathlib, sys
sys.path.insert(0, {str(ROOT / ".collections")!r})
from dataclasses import asdict
from ansible_collections.netlab.testbed.plugins.module_utils.accelerator import probe
arch, kernel, initramfs, command_line, accelerator, limit = sys.argv[1:]
files = pathlib.Path(kernel), pathlib.Path(initramfs)
command = probe.probe_command(probe.qemu_program(arch), arch, *files, command_line)
command = [word if word != "kvm" else accelerator for word in command]
command = [word if word != "host" or accelerator == "kvm" else "max" for word in command]
print(json.dumps(asdict(probe.boot(command, float(limit)))))
"""


def qemu_processes() -> set[str]:
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text().startswith("qemu-system"):
                found.add(process.name)
        except OSError:
            continue
    return found


def probe(built: dict[str, Any], accelerator: str, limit: float, kernel: str | None = None) -> dict[str, Any]:
    before = qemu_processes()
    files = [kernel or built["kernel"], built["initramfs"]]
    arguments = [ARCH, *files, built["kernel_command_line"], accelerator, str(limit)]
    done = subprocess.run(
        [PYTHON, "-c", PROBE, *arguments], capture_output=True, text=True, timeout=120, check=True
    )
    ours = [pid for pid in qemu_processes() - before if built["initramfs"] in command_line(pid)]
    assert ours == [], "a probe left its QEMU"
    return dict(json.loads(done.stdout))


def command_line(pid: str) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
    return words if "netlab.poweroff" in words else ""


def test_the_guest_kernel_reaches_its_init_and_the_probe_sees_it() -> None:
    """Under TCG, which works everywhere: so a probe that fails under KVM has failed because of KVM."""
    result = probe(image(ARCH), "tcg", 60)
    assert result["reached"], result["failure"]
    assert 0 < result["seconds"] < 60


def test_a_kernel_that_hangs_is_given_up_within_the_limit(tmp_path: Path) -> None:
    """A kernel that is started and does nothing: where it should begin there is only "jump to myself"."""
    built = image(ARCH)
    if ARCH != "x86_64":
        pytest.skip("the kernel that hangs is written for x86_64")
    kernel = tmp_path / "kernel"
    content = bytearray(Path(built["kernel"]).read_bytes())
    note = content.index(b"\x04\0\0\0\x08\0\0\0\x12\0\0\0Xen\0") + 16
    entry = int.from_bytes(content[note : note + 8], "little")
    # Its code is in the first loadable segments; find the file offset of the physical address.
    table, count = int.from_bytes(content[32:40], "little"), int.from_bytes(content[56:58], "little")
    for index in range(count):
        at = table + 56 * index
        offset, physical, size = (int.from_bytes(content[at + n : at + n + 8], "little") for n in (8, 24, 32))
        if physical <= entry < physical + size:
            start = offset + entry - physical
            content[start : start + 2] = b"\xeb\xfe"
    kernel.write_bytes(content)
    started = time.monotonic()
    result = probe(built, "tcg", 2, kernel=str(kernel))
    assert result["failure"] == "the guest kernel did not reach its init within 2 s"
    assert time.monotonic() - started < 30


def test_this_machine_says_what_its_guests_run_under() -> None:
    built = image(ARCH)
    node = Path("/dev/kvm")
    before, there = qemu_processes(), node.exists()
    asked = {"arch": ARCH, **{key: built[key] for key in ("kernel", "initramfs", "kernel_command_line")}}
    first = run_module("accelerator", {**asked, "make_node": False})
    assert first["accelerator"] in ("kvm", "tcg")
    assert first["reason"]
    assert node.exists() == there
    again = run_module("accelerator", {**asked, "make_node": False})
    kept = ("accelerator", "reason", "probed_at", "probe_seconds")
    assert [again[key] for key in kept] == [first[key] for key in kept]
    assert again["cached"] == (first["probed_at"] is not None)
    if first["accelerator"] == "tcg":
        forced = run_module("accelerator", {**asked, "mode": "kvm", "make_node": False})
        assert forced["msg"].startswith("guest_accelerator is kvm, but it cannot be used: ")
        assert first["reason"] in forced["msg"] or first["probed_at"]
    assert not {pid for pid in qemu_processes() - before if command_line(pid)}


def test_guests_of_another_architecture_run_under_tcg() -> None:
    other = "aarch64" if ARCH == "x86_64" else "x86_64"
    result = run_module("accelerator", {"arch": other})
    assert (result["accelerator"], result["probed_at"]) == ("tcg", None)
    assert f"guests are {other} and this board is {ARCH}" in result["reason"]


def test_kvm_is_tried_with_a_node_that_the_board_never_sees() -> None:
    """With the numbers of /dev/null for KVM's, and a shell for QEMU."""
    script = f"""
import json, sys
from dataclasses import asdict
sys.path.insert(0, {str(ROOT / ".collections")!r})
from ansible_collections.netlab.testbed.plugins.module_utils.accelerator import probe
mark = probe.READY_MARK.decode()
shell = ["sh", "-c", "test -c /dev/kvm && echo seen >/dev/kvm && ls /dev && echo " + mark]
print(json.dumps(asdict(probe.boot(probe.with_kvm_node(shell, "1:3"), 20))))
"""
    before = Path("/proc/self/mounts").read_text(), sorted(path.name for path in Path("/dev").iterdir())
    done = subprocess.run([PYTHON, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["reached"], done.stdout
    after = Path("/proc/self/mounts").read_text(), sorted(path.name for path in Path("/dev").iterdir())
    assert after == before
