# SPDX-License-Identifier: Apache-2.0
"""Inventories and plans that want something else: status 2, the place in words, little time and memory, no trace.

All are tried in one process of 500 MB, as a user would: `netlab deploy`, `netlab bench`. What is wrong with each
variable by itself is in tests/golden/inventory; what any YAML at all does, in netlab/inventory/test_limits.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
SECONDS, BYTES = 5.0, 500 << 20

RUN = """
import contextlib, io, json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
from netlab.cli.main import run
for line in sys.stdin:
    command, out = json.loads(line), io.StringIO()
    began = time.process_time()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            status = run(command)
    except BaseException as error:
        status = f"{type(error).__name__}: {error}"
    told = {"status": status, "seconds": time.process_time() - began, "said": out.getvalue()[:20000]}
    print(json.dumps(told), flush=True)
"""


class Netlab:
    """One process with little memory that is asked again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NETLAB_")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(BYTES)], cwd=folder, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**environment, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "PATH": f"{folder}/bin"},
        )  # fmt: skip

    def __call__(self, *command: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        return told


@pytest.fixture(scope="module")
def netlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Netlab]:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "bin").mkdir()  # no Ansible, no shell: whatever would start one fails
    asked = Netlab(folder)
    yield asked
    assert asked.process.stdin is not None
    asked.process.stdin.close()
    asked.process.wait(timeout=10)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def refused(netlab: Netlab, *command: str) -> str:
    before = files(netlab.folder)
    told = netlab(*command)
    assert told["status"] == 2, told
    assert told["seconds"] < SECONDS
    assert not set("\x1b\x07\u202e") & set(told["said"])
    assert files(netlab.folder) == before
    said: str = told["said"]
    return said


GOOD = """\
duts:
  hosts:
    board1:
      board_nic: eth1
      board_address: 192.0.2.2/24
      {variable}
peers:
  hosts:
    {peer}:
      board_nic: eth1
      board_address: 192.0.2.1/24
"""
SHELL = [
    "$(touch canary)",
    "`touch canary`",
    "; touch canary",
    "| touch canary",
    "a b",
    "a\\nb",
    "a/b",
    "..",
    "-o",
]
ODD = [
    *SHELL,
    *(
        "x" * 300,
        "x" * 100_000,
        "bоard",
        "ｇｕｅｓｔ",
        "\\u202eabc",
        "\\0",
        "\\x1b[31m",
        "{{ 7 * 7 }}",
        "{% raw %}",
        "<a>",
    ),
]


def quoted(text: str) -> str:
    return f'"{text}"'


KEYS = ("board_nic", "board_package_host", "guest_list[0].name", "guest_list[0].mac", "local_board_cables[0]")


@pytest.mark.parametrize("value", ODD, ids=lambda value: value[:12])
def test_a_value_of_an_inventory(netlab: Netlab, value: str) -> None:
    """The same one everywhere: each place is named, all in one answer."""
    odd = quoted(value)
    wrong = (
        f"board_package_host: {odd}\n      guest_list: [{{name: {odd}, mac: {odd}}}]\n"
        f"      local_board_cables: [{{board1: {odd}, board2: eth1}}]\n      board_nic: {odd}"
    )
    text = GOOD.format(variable=wrong, peer="board2").replace("      board_nic: eth1\n", "", 1)
    (netlab.folder / "lab.yml").write_text(text, encoding="utf-8")
    said = refused(netlab, "deploy", "-t", "tap", "-i", "lab.yml")
    assert "lab.yml:" in said
    if "not YAML" not in said:
        assert [key for key in KEYS if key not in said] == []


@pytest.mark.parametrize(
    "name", [name for name in ODD if name not in ("{% raw %}",)], ids=lambda name: name[:12]
)
def test_a_boards_name(netlab: Netlab, name: str) -> None:
    (netlab.folder / "lab.yml").write_text(GOOD.format(variable="", peer=quoted(name)), encoding="utf-8")
    assert "lab.yml:" in refused(netlab, "deploy", "-t", "tap", "-i", "lab.yml")


@pytest.mark.parametrize(
    "name", [*SHELL, "x" * 300, "tаp", "tap\\u200b", "TAP", ""], ids=lambda name: name[:12]
)
def test_a_topologys_name(netlab: Netlab, name: str) -> None:
    (netlab.folder / "lab.yml").write_text(GOOD.format(variable="", peer="board2"), encoding="utf-8")
    refused(netlab, "deploy", f"--topology={name}", "-i", "lab.yml")


def test_mac_addresses_that_collide(netlab: Netlab) -> None:
    guests = "guest_list: [{mac: '02:00:00:00:00:01'}, {mac: '02:00:00:00:00:01'}]"
    (netlab.folder / "lab.yml").write_text(GOOD.format(variable=guests, peer="board2"), encoding="utf-8")
    assert "is the MAC address of another guest" in refused(netlab, "deploy", "-t", "tap", "-i", "lab.yml")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(12)
)
DOCUMENTS = {
    "bomb": f"{BOMB}duts: *m\npeers: *m\ntopologies: *m\n",
    "deep": "[" * 60_000,
    "deep mapping": "{a: " * 15_000,
    "dashes": "- " * 30_000,
    "object": "!!python/object/apply:os.system [touch canary]",
    "object inside": "topologies: [!!python/object/new:os.popen [touch]]\nduts: !!python/name:os.system",
    "many keys": "".join(f"key{n}: 1\n" for n in range(5000)),
    "many entries": "topologies: [" + "[]," * 20_000 + "]\n",
    "large number": "topologies: [host]\nblocks: 0x" + "f" * 5000,
    "digits and colons": "topologies: [host]\nseed: " + "1:" * 5000 + "1",
    "not a number": "topologies: [host]\nblocks: .nan\nwarm_up_s: .inf\n",
    "control": "topologies: [\x07]\n",
    "two": "a: 1\n---\nb: 2\n",
    "empty": "",
    "nothing": "~\n",
    "text": "topologies",
    "wrong types": "topologies: {a: 1}\nblocks: [1]\nname: 7\nduts: 3\npeers: [a]\n",
    "large": "#" * (1 << 22),
    "names": "name: ../../x\ntopologies: ['a;b', '$(id)', host]\nscenarios: ['../latency']\ninstruments: ['{{ 1 }}']\n",
    "template": "topologies: [host]\ninstruments:\n"
    "  - {name: netperf, parameters: {test: \"{{ lookup('pipe', 'touch canary') }}\"}}\n",
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("kind", ["inventory", "plan"])
def test_a_document(netlab: Netlab, kind: str, name: str) -> None:
    (netlab.folder / "odd.yml").write_text(DOCUMENTS[name], encoding="utf-8")
    command = (
        ["bench", "odd.yml", "--dry-run"] if kind == "plan" else ["deploy", "-t", "tap", "-i", "odd.yml"]
    )
    assert "odd.yml" in refused(netlab, *command)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x00" * 5000, b"PK\x03\x04", b"\x1f\x8b\x08"])
def test_what_is_no_text(netlab: Netlab, content: bytes) -> None:
    (netlab.folder / "odd.yml").write_bytes(content)
    assert "odd.yml" in refused(netlab, "bench", "odd.yml", "--dry-run")
    assert "odd.yml" in refused(netlab, "deploy", "-t", "tap", "-i", "odd.yml")


@pytest.mark.parametrize(
    "path", ["/dev/zero", "pipe.yml", "folder.yml", "a\0b.yml", "x" * 5000 + ".yml", "gone.yml"]
)
def test_what_is_no_file(netlab: Netlab, path: str) -> None:
    if path == "pipe.yml" and not (netlab.folder / path).exists():
        os.mkfifo(netlab.folder / path)
    if path == "folder.yml":
        (netlab.folder / path).mkdir(exist_ok=True)
    refused(netlab, "deploy", "-t", "tap", "-i", path)
    refused(netlab, "bench", f"./{path}" if path[0] != "/" else path, "--dry-run")
