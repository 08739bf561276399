# SPDX-License-Identifier: Apache-2.0
"""KVM or TCG: what needs no probe, what a probe says, what is remembered, and whose /dev/kvm it is."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils.accelerator import ops as accelerator_ops
from ansible_collections.netlab.testbed.plugins.module_utils.accelerator import probe as accelerator_probe
from ansible_collections.netlab.testbed.plugins.module_utils.accelerator.cache import (
    VerdictCache,
    cpu_model,
    probe_key,
)
from ansible_collections.netlab.testbed.plugins.module_utils.accelerator.probe import (
    Boot,
    boot,
    probe_command,
)
from ansible_collections.netlab.testbed.plugins.module_utils.accelerator.verdict import (
    Verdict,
    kvm_offered,
    without_probe,
)
from ansible_collections.netlab.testbed.plugins.module_utils.ledger import Ledger
from ansible_collections.netlab.testbed.plugins.modules import accelerator as module

READY = accelerator_probe.READY_MARK.decode()


def fake_qemu(program: str) -> list[str]:
    return [sys.executable, "-c", program]


@pytest.mark.parametrize(
    ("mode", "arch", "offered", "words"),
    [
        ("tcg", "x86_64", True, "the inventory asks for TCG"),
        ("auto", "aarch64", True, "guests are aarch64 and this board is x86_64"),
        ("kvm", "aarch64", True, "guests are aarch64 and this board is x86_64"),
        ("auto", "x86_64", False, "offers no KVM"),
    ],
)
def test_what_needs_no_probe(mode: str, arch: str, offered: bool, words: str) -> None:
    verdict = without_probe(mode, arch, "x86_64", offered)
    assert verdict is not None
    assert verdict.accelerator == "tcg"
    assert words in verdict.reason


@pytest.mark.parametrize("mode", ["auto", "kvm"])
def test_where_kvm_is_offered_only_a_probe_can_tell(mode: str) -> None:
    assert without_probe(mode, "x86_64", "x86_64", kvm_offered=True) is None


def test_kvm_is_offered_by_a_node_or_by_the_kernel(tmp_path: Path) -> None:
    assert not kvm_offered(tmp_path / "kvm", tmp_path / "dev")
    (tmp_path / "kvm").write_text("a file is no node")
    assert not kvm_offered(tmp_path / "kvm", tmp_path / "dev")
    (tmp_path / "dev").write_text("10:232\n")
    assert kvm_offered(tmp_path / "kvm", tmp_path / "dev")
    assert kvm_offered(Path("/dev/null"), tmp_path / "none")


def test_a_guest_that_reaches_its_init() -> None:
    result = boot(
        fake_qemu(f"import time; print('[0.1] boot'); print({READY!r}, flush=True); time.sleep(60)"), 30
    )
    assert result.reached
    assert result.seconds < 15, "it did not wait for QEMU to end"


def test_a_guest_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program = (
        "import os, subprocess, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "print('decompressing', flush=True); time.sleep(60)\n"
    )
    result = boot(fake_qemu(program), 1.5)
    assert not result.reached
    assert (
        result.failure
        == "the guest kernel did not reach its init within 2 s; its last line was: decompressing"
    )
    assert 1.5 <= result.seconds < 10
    deadline = time.monotonic() + 5
    for pid in map(int, pids.read_text().split()):
        while running(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not running(pid)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_qemu_that_fails_is_quoted_and_not_waited_for() -> None:
    program = "import sys; sys.exit('Could not access KVM kernel module: Permission denied')"
    result = boot(fake_qemu(program), 30)
    assert result.failure == "QEMU ends under it: Could not access KVM kernel module: Permission denied"
    assert result.seconds < 15


def test_a_guest_that_ends_early_is_told_by_its_last_line() -> None:
    result = boot(fake_qemu("print('Kernel panic - not syncing')"), 30)
    assert result.failure.endswith("its last line was: Kernel panic - not syncing")


def test_a_console_that_says_much_does_not_block() -> None:
    program = f"import sys; sys.stderr.write('w' * 300000); print('x' * 300000); print({READY!r})"
    assert boot(fake_qemu(program), 30).reached


def test_probe_runs_the_guest_kernel_under_kvm_and_nothing_else() -> None:
    command = probe_command("qemu-system-aarch64", "aarch64", Path("/k"), Path("/i"), "console=ttyAMA0")
    joined = " ".join(command)
    assert "-accel kvm -cpu host" in joined
    assert "-append console=ttyAMA0 netlab.poweroff" in joined
    assert "tcg" not in joined
    assert "-netdev" not in joined


# -- what is remembered -------------------------------------------------------------------------------------


def test_verdicts_are_kept_until_the_next_boot(tmp_path: Path) -> None:
    cache = VerdictCache(tmp_path / "accelerator.json")
    verdict = Verdict("kvm", "it booted", "2026-01-01T00:00:00Z", 0.5)
    cache.put("a", verdict)
    cache.put("b", Verdict("tcg", "it did not", None, 10.0))
    assert VerdictCache(cache.path).get("a") == verdict
    assert cache.get("other") is None
    content = json.loads(cache.path.read_text())
    cache.path.write_text(json.dumps({**content, "boot_id": "the boot before"}))
    assert cache.get("a") is None
    cache.put("c", verdict)
    assert set(json.loads(cache.path.read_text())["verdicts"]) == {"c"}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"boot_id": 1}'])
def test_a_damaged_record_is_no_verdict(tmp_path: Path, text: str) -> None:
    path = tmp_path / "accelerator.json"
    path.write_text(text)
    assert VerdictCache(path).get("a") is None


def test_a_verdict_holds_for_one_qemu_image_and_processor(tmp_path: Path) -> None:
    qemu = tmp_path / "qemu"
    qemu.write_text("1")
    key = probe_key(qemu, "/images/1/kernel", "/images/1/initramfs")
    assert probe_key(qemu, "/images/1/kernel", "/images/1/initramfs") == key
    assert probe_key(qemu, "/images/2/kernel", "/images/2/initramfs") != key
    qemu.write_text("another version")
    assert probe_key(qemu, "/images/1/kernel", "/images/1/initramfs") != key


def test_processor_of_x86_and_of_arm(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t: a b\n")
    assert cpu_model(info) == "Some CPU @ 2 GHz"
    info.write_text("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd07\n")
    assert cpu_model(info) == "0x41 0xd07"


# -- the module's own way through ---------------------------------------------------------------------------


class Board:
    """A board with a /dev of its own, and a KVM that works or does not."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.node = tmp_path / "kvm"
        self.works = False
        self.boots = 0
        self.commands: list[list[str]] = []
        self.cache = VerdictCache(tmp_path / "cache/accelerator.json")
        self.ledger_root = tmp_path / "ledger"
        self.qemu = tmp_path / "qemu-system-x86_64"
        self.qemu.write_text("")
        monkeypatch.setattr(accelerator_ops, "KVM_NODE", self.node)
        monkeypatch.setattr(accelerator_ops, "KVM_NUMBERS", self._numbers(tmp_path))
        monkeypatch.setattr(os, "mknod", self._mknod)
        monkeypatch.setattr(module, "KVM_NODE", self.node)
        monkeypatch.setattr(module, "KVM_NUMBERS", tmp_path / "numbers")
        monkeypatch.setattr(module, "kvm_offered", lambda: True)
        monkeypatch.setattr(module, "board_arch", lambda: "x86_64")
        monkeypatch.setattr(module, "qemu_program", lambda arch: str(self.qemu))
        monkeypatch.setattr(module, "boot", self._boot)
        monkeypatch.setattr(module, "Ledger", lambda scope: Ledger(scope, self.ledger_root))

    @staticmethod
    def _numbers(tmp_path: Path) -> Path:
        (tmp_path / "numbers").write_text("10:232\n")
        return tmp_path / "numbers"

    @staticmethod
    def _mknod(path: Path, mode: int, device: int) -> None:
        assert device == os.makedev(10, 232)
        Path(path).write_text("made")

    def _boot(self, command: list[str], limit: float) -> Boot:
        self.boots += 1
        self.commands.append(command)
        return (
            Boot(True, 0.5) if self.works else Boot(False, limit, "the guest kernel did not reach its init")
        )

    def ask(
        self, mode: str = "auto", check_mode: bool = False, **changed: Any
    ) -> tuple[Verdict, module.Chooser]:
        asked = {
            "mode": mode, "arch": "x86_64", "kernel": "/k", "initramfs": "/i", "kernel_command_line": "",
            "limit": 10.0, "ledger": "board", "make_node": True, "keep": True, **changed,
        }  # fmt: skip
        chooser = module.Chooser(asked, check_mode, self.cache)
        return chooser.verdict(), chooser


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    return Board(tmp_path, monkeypatch)


def test_node_is_made_where_kvm_works(board: Board) -> None:
    board.works = True
    verdict, chooser = board.ask()
    assert verdict.accelerator == "kvm"
    assert verdict.probe_seconds == 0.5
    assert board.node.exists()
    assert [step.says() for step in chooser.steps] == ["make /dev/kvm"]
    again, second = board.ask()
    assert (again, second.cached, second.steps, board.boots) == (verdict, True, [], 1)
    Ledger("board", board.ledger_root).rollback()
    assert not board.node.exists()


def test_no_node_is_made_where_kvm_does_not_work(board: Board) -> None:
    verdict, chooser = board.ask()
    assert verdict.accelerator == "tcg"
    assert "the guest kernel did not reach its init" in verdict.reason
    assert (board.node.exists(), chooser.steps) == (False, [])
    assert Ledger("board", board.ledger_root).entries() == []
    again, second = board.ask()
    assert (again, second.cached, board.boots) == (verdict, True, 1)


def test_kvm_is_tried_in_a_namespace_only_where_the_board_has_no_node(board: Board) -> None:
    board.ask("kvm")
    board.node.write_text("the machine's own")
    board.ask("kvm")
    assert [command[0] for command in board.commands] == ["unshare", str(board.qemu)]
    assert board.node.read_text() == "the machine's own"
    # what is run in the namespace is the same
    assert board.commands[0][-len(board.commands[1]) :] == board.commands[1]


def test_another_board_of_the_machine_gets_its_node_without_a_probe(board: Board) -> None:
    board.works = True
    board.ask()
    board.node.unlink()  # the other board's /dev
    verdict, chooser = board.ask()
    assert (verdict.accelerator, chooser.cached, board.boots) == ("kvm", True, 1)
    assert board.node.exists()


def test_who_forces_kvm_has_it_tried_again(board: Board) -> None:
    board.ask()
    verdict, chooser = board.ask("kvm")
    assert (verdict.accelerator, chooser.cached, board.boots) == ("tcg", False, 2)
    board.works = True
    assert board.ask("kvm")[0].accelerator == "kvm"
    assert board.ask("kvm")[1].cached
    assert board.boots == 3


def test_check_mode_probes_nothing_and_makes_nothing(board: Board) -> None:
    board.works = True
    verdict, chooser = board.ask(check_mode=True)
    assert (verdict.accelerator, verdict.reason, board.boots) == ("tcg", module.NOT_PROBED, 0)
    assert not board.node.exists()
    board.ask()
    board.node.unlink()
    verdict, chooser = board.ask(check_mode=True)
    assert (verdict.accelerator, [step.says() for step in chooser.steps]) == ("kvm", ["make /dev/kvm"])
    assert not board.node.exists()


def test_without_a_kernel_nothing_is_probed(board: Board) -> None:
    verdict, _chooser = board.ask(kernel=None, initramfs=None)
    assert (verdict.reason, board.boots) == (module.NOT_PROBED, 0)


def test_who_only_asks_leaves_no_node(board: Board) -> None:
    board.works = True
    verdict, chooser = board.ask(make_node=False)
    assert (verdict.accelerator, board.node.exists(), chooser.steps) == ("kvm", False, [])
    assert board.ask(make_node=False)[0] == verdict
    assert not board.node.exists()


def test_who_keeps_nothing_probes_each_time(board: Board) -> None:
    verdict, _chooser = board.ask(make_node=False, keep=False)
    assert board.ask(make_node=False, keep=False)[0].accelerator == verdict.accelerator == "tcg"
    assert board.boots == 2
    assert list(board.cache.path.parent.glob("accelerator*")) == []


def test_without_a_kernel_who_keeps_nothing_is_told_whether_kvm_runs_code(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {"make_node": False, "keep": False, "kernel": None, "initramfs": None}
    board.node.write_text("a node")
    monkeypatch.setattr(module, "KVM_NODE", board.node)
    monkeypatch.setattr(module.first_code, "failure", lambda: None)
    assert board.ask(**asked)[0].accelerator == "untried"
    monkeypatch.setattr(module.first_code, "failure", lambda: "it does not")
    assert board.ask(**asked)[0] == Verdict("tcg", "KVM is offered, but it does not")
    board.node.unlink()
    assert "nobody has made /dev/kvm" in board.ask(**asked)[0].reason
    assert board.boots == 0
