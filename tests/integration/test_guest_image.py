# SPDX-License-Identifier: Apache-2.0
"""Guest images from real packages: built by anybody, the same by everybody, and booted."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.module_run import PYTHON, ROOT, run_module
from tests.integration.tcg_guest import tcg_guest

pytestmark = [pytest.mark.needs("apt-get", "dpkg-deb"), pytest.mark.timeout(300)]

PROGRAMS = {"irtt": ["usr/bin/irtt"], "sockperf": ["usr/bin/sockperf"]}  # as the instruments' roles have them
FILES = {path.name: path.read_text() for path in (ROOT / "roles/guest_image/files").iterdir()}
ARCHITECTURES = ["x86_64", "aarch64"]
NOBODY = 65534


def image(arch: str) -> dict[str, Any]:
    """This machine's image, built if it is not there."""
    if os.geteuid() != 0:
        pytest.skip("needs root: the machine's cache of images is root's")
    result = run_module("guest_image", {"arch": arch, "files": FILES, "programs": PROGRAMS}, seconds=280)
    if result.get("failed"):
        if "resolve" in result["msg"] or "Could not connect" in result["msg"]:
            pytest.skip(f"no mirror is reachable: {result['msg']}")
        pytest.fail(result["msg"])
    return result


@pytest.mark.slow
@pytest.mark.guest
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_guest_boots_and_does_what_a_measurement_needs(arch: str, tmp_path: Path) -> None:
    qemu = f"qemu-system-{arch}"
    if not any((Path(folder) / qemu).exists() for folder in os.get_exec_path()):
        pytest.skip(f"needs the program {qemu}")
    built = image(arch)
    with tcg_guest(built, tmp_path, name="named1") as guest:
        assert "netlab-testbed: init reached" in guest.console.read_text()
        status, out, _err = guest.run("uname", "-nm")
        assert (status, out.split()) == (0, ["named1", arch])
        status, out, _err = guest.run("ip", "-o", "link")
        assert status == 0
        assert ": eth0:" in out
        _status, out, _err = guest.run("cat", "/sys/class/net/lo/operstate", "/sys/class/net/lo/flags")
        assert int(out.split()[1], 16) & 1, "lo is up"
        # The very thing that guests are for, from the guest to itself. (netperf resolves even a numeric address
        # with AI_ADDRCONFIG: an interface other than lo must have one.)
        assert guest.run("ip", "address", "add", "192.0.2.1/24", "dev", "eth0")[0] == 0
        assert guest.run("ip", "link", "set", "eth0", "up")[0] == 0
        assert guest.run("netserver", "-4", "-L", "192.0.2.1")[0] == 0
        status, out, err = guest.run(
            "netperf", "-H", "192.0.2.1", "-t", "TCP_RR", "-l", "1", "-P", "0", "--",
            "-k", "MEAN_LATENCY,P99_LATENCY,TRANSACTION_RATE",
        )  # fmt: skip
        assert status == 0, out + err
        figures = dict(line.split("=") for line in out.split() if "=" in line)
        assert float(figures["TRANSACTION_RATE"]) > 10
        assert float(figures["P99_LATENCY"]) > 0
        for argv in (
            ("irtt", "version"),
            ("sockperf", "--version"),
            ("ethtool", "-i", "eth0"),
            ("ping", "-c", "1", "127.0.0.1"),
        ):
            status, out, err = guest.run(*argv)
            assert status == 0, f"{argv}: {err}"
        assert guest.run("lsmod")[1].count("Not tainted") == 1
        assert guest.power_off() == 0
    assert "reboot: Power down" in guest.console.read_text()


def test_images_name_every_package_and_are_their_content(tmp_path: Path) -> None:
    built = image("x86_64")
    digests = [hashlib.sha256(Path(built[name]).read_bytes()).digest() for name in ("kernel", "initramfs")]
    assert hashlib.sha256(b"".join(digests)).hexdigest().startswith(built["hash"])
    assert Path(built["kernel"]).parent.name == built["hash"]
    packages = built["recipe"]["packages"]
    assert {"busybox-static", "ethtool", "irtt", "libc6", "netperf", "qemu-guest-agent", "sockperf"} <= set(
        packages
    )
    assert sum(name.startswith("linux-image-") for name in packages) == 1


@pytest.mark.root
def test_an_image_that_is_there_needs_no_program_at_all() -> None:
    """Not even a PATH to find apt-get by: an image that has to be built fails here."""
    built = image("x86_64")
    script = f"""
import json, os, pathlib, sys
os.environ["PATH"] = "/nowhere"
sys.path.insert(0, {str(ROOT / ".collections")!r})
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.image import GuestImage, recipe_for
found = GuestImage(recipe_for("x86_64", *json.load(sys.stdin))).current()
print(found["hash"])
"""
    done = subprocess.run(
        [PYTHON, "-c", script],
        input=json.dumps([FILES, PROGRAMS]),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == built["hash"]
    again = run_module("guest_image", {"arch": "x86_64", "files": FILES, "programs": PROGRAMS})
    assert not again["changed"]


BUILD = """
import json, pathlib, sys
sys.path.insert(0, sys.argv.pop(1))
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.image import GuestImage, recipe_for
cache, arch = sys.argv[1:]
changed, image = GuestImage(recipe_for(arch, *json.load(sys.stdin)), pathlib.Path(cache)).build()
assert changed
print(json.dumps(image))
"""


@pytest.fixture
def folder_of_nobody() -> Iterator[Path]:
    """A folder that a user without any right can use; pytest's own are root's."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="netlab-testbed-test-") as name:
        path = Path(name)
        # The checkout itself may be where only root can read.
        shutil.copytree(ROOT / "plugins", path / "ansible_collections/netlab/testbed/plugins")
        if os.geteuid() == 0:
            for entry in (path, *path.rglob("*")):
                os.chown(entry, NOBODY, NOBODY)
        yield path


@pytest.mark.slow
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_anybody_builds_the_same_image(arch: str, folder_of_nobody: Path) -> None:
    """Without root, in another place, at another time: the bytes of this machine's own image."""
    built = image(arch)
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run(
        [PYTHON, "-B", "-c", BUILD, str(folder_of_nobody), str(folder_of_nobody / "cache"), arch],
        input=json.dumps([FILES, PROGRAMS]), capture_output=True, text=True, timeout=280, check=False,
        cwd="/", umask=0o077, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TZ": "Asia/Tokyo"},
        **user,  # type: ignore[call-overload]
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    other = json.loads(done.stdout)
    if other["recipe"]["packages"] != built["recipe"]["packages"]:
        pytest.skip("the mirror has newer packages than this machine's image was built from")
    assert Path(other["initramfs"]).read_bytes() == Path(built["initramfs"]).read_bytes()
    assert other["hash"] == built["hash"]


@pytest.mark.root
def test_check_mode_builds_nothing_and_a_disk_of_ones_own_is_used(tmp_path: Path) -> None:
    other = {**FILES, "init": f"{FILES['init']}# another recipe\n"}
    result = run_module("guest_image", {"arch": "x86_64", "files": other}, check=True)
    assert result["changed"]
    assert "kernel" not in result
    disk = tmp_path / "own.qcow2"
    missing = run_module("guest_image", {"arch": "x86_64", "files": FILES, "disk": str(disk)})
    assert f"guest_disk {disk} cannot be read" in missing["msg"]
    disk.write_bytes(b"QFI\xfb" + b"\0" * 100)
    used = run_module(
        "guest_image", {"arch": "x86_64", "files": other, "disk": str(disk), "accelerator": "tcg"}
    )
    assert (used["disk"], used["changed"], used["probe"]) == (str(disk), False, {})
    assert "kernel" not in used
