# SPDX-License-Identifier: Apache-2.0
"""An emulated board of the tests' own: the shipped inventory under other names, and what its kernel says of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.apt import sources as apt_sources
from ansible_collections.netlab.testbed.plugins.module_utils.apt.world import debian_sources
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board import build, ops, recipe, sandbox
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.image import BoardImage
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.tools import CACHE, ToolStore
from ansible_collections.netlab.testbed.plugins.modules.emulated_board import lack_of_memory

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "inventory/emulated-arm64"
BIN = Path(sys.executable).parent
MEMORY_MIB = 2048
MIRROR_SECONDS = 60
COMMAND_SECONDS = 900
# What a board is like where a topology touches it; the same before the first deploy and after the last undo.
STATE = r"""
ip -json -details link show | python3 -c '
import json, sys
for link in sorted(filter(None, json.load(sys.stdin)), key=lambda link: link["ifname"]):
    keys = ("ifname", "address", "mtu", "master", "promiscuity", "ifalias", "xdp")
    print({key: link.get(key) for key in keys}, sorted(set(link["flags"]) - {"LOWER_UP", "NO-CARRIER"}))
'
ip -oneline -4 address show | awk '{ print $2, $4 }'
ip -4 route show
cat /sys/bus/pci/devices/*/sriov_numvfs
for device in /sys/bus/pci/devices/*; do
    echo "${device##*/} $(basename "$(readlink "$device/driver")") $(cat "$device/driver_override")"
done
pgrep -a 'qemu-system|ovs|netserver' || true
ls /sys/fs/bpf
"""


def lack() -> str | None:
    """Why this machine can have no emulated board, in words; None where it can."""
    if reason := lack_of_memory(MEMORY_MIB, Path("/proc/meminfo").read_text(encoding="ascii")):
        return reason
    if BoardImage(CACHE).current() is not None and ToolStore(CACHE).current() is not None:
        return None
    if reason := sandbox.lack():
        return reason
    free = shutil.disk_usage("/var").free >> 30
    if free < build.FREE_GIB:
        return f"/var has {free} GiB free; building a board's image takes {build.FREE_GIB} GiB"
    return lack_of_mirror()


def lack_of_mirror() -> str | None:
    """As APT itself gets it, with its proxies and its ways: only the release file of the image's distribution."""
    sources = apt_sources.of_release(debian_sources(("main",)), recipe.RELEASE)
    uri = f"{sources[0].uri.rstrip('/')}/dists/{sources[0].suite}/InRelease"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["/usr/lib/apt/apt-helper", "download-file", uri, f"{folder}/InRelease"],
            capture_output=True, text=True, timeout=MIRROR_SECONDS, check=False,
        )  # fmt: skip
    if done.returncode:
        return f"the board's image is not built yet, and {uri} cannot be had: {done.stderr.strip()[-200:]}"
    return None


class EmulatedLab:
    """Commands on a copy of the shipped inventory."""

    def __init__(self, folder: Path, board: str, peer: str, port: int, **variables: Any) -> None:
        self.folder, self.board, self.port = folder, board, port
        shutil.copytree(SHIPPED, folder)
        for path in folder.rglob("*.yml"):
            text = path.read_text(encoding="utf-8").replace("armpeer1", peer).replace("arm1", board)
            path.write_text(text.replace("22901", str(port)), encoding="utf-8")
        with (folder / "group_vars/emulated_boards.yml").open("a", encoding="utf-8") as file:
            file.writelines(f"{name}: {json.dumps(value)}\n" for name, value in variables.items())

    def netlab(self, *words: str, seconds: float = COMMAND_SECONDS) -> str:
        """It must succeed. What it says: with --json, as a program reads it."""
        done = subprocess.run(
            [sys.executable, "-m", "netlab", *words, "-i", str(self.folder)],
            cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout if "--json" in words else done.stdout + done.stderr

    def status(self) -> dict[str, Any]:
        """What `netlab status` says of the board."""
        return dict(json.loads(self.netlab("status", "--json"))["boards"][self.board])

    def ansible(self, program: str, *words: str, seconds: float = COMMAND_SECONDS) -> None:
        # a connection of its own: netlab would go on with one that is left, and with what that one was told
        alone = {**os.environ, "ANSIBLE_SSH_ARGS": "-o ControlMaster=no -o ControlPath=none"}
        done = subprocess.run(
            [BIN / program, "-i", self.folder, *words],
            cwd=ROOT, env=alone, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def switch_on(self, seconds: float = COMMAND_SECONDS) -> dict[str, Any]:
        """Nothing but the board: how it was started."""
        self.ansible("ansible-playbook", "netlab.testbed.boards", seconds=seconds)
        return ops.start_of(self.board)

    def roll_back(self) -> None:
        """All that deploys have changed on the board is undone, and it stays on."""
        self.ansible("ansible", self.board, "-m", "netlab.testbed.ledger", "-a", "state=absent")

    def run(self, command: str, seconds: float = 120) -> str:
        """On the board, by the keys that are made for it, and no others."""
        done = self.ssh(command, seconds)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ssh(self, command: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        keys = ops.RECORDS / self.board
        return subprocess.run(
            [
                "ssh", "-i", keys / "key", "-p", str(self.port), "-o", f"UserKnownHostsFile={keys / 'known_hosts'}",
                "-o", "GlobalKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes",
                "-o", "ConnectTimeout=20", "root@127.0.0.1", command,
            ],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip

    def state(self) -> str:
        return self.run(STATE)

    def reboot(self, seconds: float = 300) -> None:
        """As its admin does; returns when it answers again, in another boot."""
        boot = self.boot_id()
        self.ssh("systemctl reboot")
        deadline = time.monotonic() + seconds
        while True:
            told = self.ssh("cat /proc/sys/kernel/random/boot_id")
            if told.returncode == 0 and told.stdout.strip() != boot:
                return
            assert time.monotonic() < deadline, told.stderr
            time.sleep(0.5)

    def boot_id(self) -> str:
        return self.run("cat /proc/sys/kernel/random/boot_id").strip()
