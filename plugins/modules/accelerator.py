#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What runs the guests' code, and why."""

from __future__ import annotations

DOCUMENTATION = r"""
module: accelerator
short_description: What runs the guests' code, and why
description:
  - Says whether guests run under KVM or TCG. KVM only where the guest kernel has booted under it within
    O(limit); that C(/dev/kvm) is there proves nothing.
  - A verdict is kept in C(/var/cache/netlab-testbed/accelerator.json) until the board boots again, or has
    another QEMU, image or processor.
  - Where the kernel offers KVM and nobody made C(/dev/kvm), KVM is tried in a mount namespace that has it,
    and the node is made only if KVM works. Beside a node that does not work libvirt forgets what it knows of
    QEMU at every start, which costs it 40 s and more.
options:
  mode:
    description:
      - V(auto) chooses KVM where it works. V(tcg) is not probed. V(kvm) fails where KVM does not work; it
        then tries again each time.
    type: str
    choices: [auto, kvm, tcg]
    default: auto
  arch:
    description: The guests' architecture.
    type: str
    choices: [x86_64, aarch64]
    required: true
  kernel:
    description: Path of a guest kernel to try KVM with. Without one nothing is probed.
    type: path
  initramfs:
    description: Path of its initramfs, whose init tells on the console that it was reached.
    type: path
  kernel_command_line:
    description: The kernel's arguments.
    type: str
    default: ""
  limit:
    description: Seconds until the guest kernel must have reached its init.
    type: float
    default: 10
  make_node:
    description: Whether C(/dev/kvm) is made where KVM works. V(false) only asks.
    type: bool
    default: true
  keep:
    description:
      - Whether the verdict is kept. V(false) leaves nothing on the board, and where there is no guest kernel to try,
        it says whether KVM runs any code at all.
    type: bool
    default: true
  ledger:
    description: The ledger scope that records a node that was made.
    type: str
    choices: [board, topology]
    default: board
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Probes nothing; a verdict that is not known yet is told as TCG.}
  diff_mode: {support: full, description: Lists the steps.}
"""

EXAMPLES = r"""
- name: What guests run under
  netlab.testbed.accelerator:
    arch: x86_64
    kernel: "{{ guest_image_result.probe.kernel }}"
    initramfs: "{{ guest_image_result.probe.initramfs }}"
    kernel_command_line: "{{ guest_image_result.probe.kernel_command_line }}"
  register: guest_image_accelerator
"""

RETURN = r"""
accelerator:
  description:
    - V(kvm) or V(tcg).
    - Without O(keep) also V(untried), where KVM may work and there is no guest kernel to try.
  type: str
  returned: success
reason:
  description: Why, in one sentence.
  type: str
  returned: success
cached:
  description: Whether the verdict is that of an earlier probe.
  type: bool
  returned: success
probed_at:
  description: When the probe was (ISO 8601, UTC); null where none was needed.
  type: str
  returned: success
probe_seconds:
  description: How long the probe took, in seconds; null where none was needed.
  type: float
  returned: success
steps:
  description: What was done, or would be, in words.
  type: list
  elements: str
  returned: success
"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils.accelerator import first_code
from ansible_collections.netlab.testbed.plugins.module_utils.accelerator import ops as accelerator_ops
from ansible_collections.netlab.testbed.plugins.module_utils.accelerator.cache import (
    VerdictCache,
    probe_key,
)
from ansible_collections.netlab.testbed.plugins.module_utils.accelerator.probe import (
    boot,
    probe_command,
    qemu_program,
    with_kvm_node,
)
from ansible_collections.netlab.testbed.plugins.module_utils.accelerator.verdict import (
    KVM_NODE,
    KVM_NUMBERS,
    Verdict,
    board_arch,
    kvm_offered,
    without_probe,
)
from ansible_collections.netlab.testbed.plugins.module_utils.ledger import Ledger
from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import LEDGER_OPTION, fail
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Step, run_steps

UNTRIED = "KVM is offered and runs code; whether a guest kernel boots under it is tried by the first deploy"
NOT_PROBED = "not probed yet on this boot: TCG until a guest kernel has booted under KVM"


class Chooser:
    """One call: what was asked, what it did on the board."""

    def __init__(self, asked: dict[str, Any], check_mode: bool, cache: VerdictCache) -> None:
        self.asked = asked
        self.check_mode = check_mode
        self.cache = cache
        self.steps: list[Step] = []
        self.cached = False

    def verdict(self) -> Verdict:
        known = without_probe(self.asked["mode"], self.asked["arch"], board_arch(), kvm_offered())
        if known is not None:
            return known
        if not self.asked["keep"] and not (self.asked["kernel"] and qemu_is_here(self.asked["arch"])):
            return without_kernel()
        if not self.asked["kernel"]:
            return Verdict("tcg", NOT_PROBED)
        key = probe_key(Path(qemu_program(self.asked["arch"])), self.asked["kernel"], self.asked["initramfs"])
        verdict = self._cached(key)
        if verdict is None and self.check_mode:
            return Verdict("tcg", NOT_PROBED)
        if verdict is None and not self.asked["keep"]:
            return self._probed(key)
        if verdict is None:
            with self.cache.locked():
                verdict = self._cached(key) or self._probed(key)
        if verdict.accelerator == "kvm" and self.asked["make_node"]:
            # It may be another board of this machine that has probed: this one has a /dev of its own.
            self._do(accelerator_ops.node_steps())
        return verdict

    def _cached(self, key: str) -> Verdict | None:
        verdict = self.cache.get(key)
        # Who forces KVM is mending it: that it did not work a minute ago is no answer.
        if verdict is not None and verdict.accelerator == "tcg" and self.asked["mode"] == "kvm":
            return None
        self.cached = verdict is not None
        return verdict

    def _do(self, steps: list[Step]) -> None:
        self.steps += steps
        if not self.check_mode:
            run_steps(steps, Ledger(self.asked["ledger"]))

    def _probed(self, key: str) -> Verdict:
        qemu = qemu_program(self.asked["arch"])
        command = probe_command(
            qemu,
            self.asked["arch"],
            Path(self.asked["kernel"]),
            Path(self.asked["initramfs"]),
            self.asked["kernel_command_line"],
        )
        if not KVM_NODE.exists():
            command = with_kvm_node(command, KVM_NUMBERS.read_text(encoding="ascii"))
        probed_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        result = boot(command, self.asked["limit"])
        seconds = round(result.seconds, 2)
        if result.reached:
            verdict = Verdict("kvm", f"a guest kernel booted under KVM in {seconds} s", probed_at, seconds)
        else:
            verdict = Verdict("tcg", f"KVM is offered, but {result.failure}", probed_at, seconds)
        if self.asked["keep"]:
            self.cache.put(key, verdict)
        return verdict


def qemu_is_here(arch: str) -> bool:
    """A board that nothing was deployed on has none yet."""
    try:
        return bool(qemu_program(arch))
    except BoardError:
        return False


def without_kernel() -> Verdict:
    """What can be said of KVM where there is no guest kernel to boot."""
    if not KVM_NODE.exists():
        return Verdict(
            "untried", "KVM is offered, and nobody has made /dev/kvm yet: the first deploy tries it"
        )
    try:
        failure = first_code.failure()
    except OSError as error:
        return Verdict("untried", f"KVM is offered, but {KVM_NODE} cannot be opened: {error.strerror}")
    return Verdict("tcg", f"KVM is offered, but {failure}") if failure else Verdict("untried", UNTRIED)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "mode": {"type": "str", "choices": ["auto", "kvm", "tcg"], "default": "auto"},
            "arch": {"type": "str", "choices": ["x86_64", "aarch64"], "required": True},
            "kernel": {"type": "path"},
            "initramfs": {"type": "path"},
            "kernel_command_line": {"type": "str", "default": ""},
            "limit": {"type": "float", "default": 10},
            "make_node": {"type": "bool", "default": True},
            "keep": {"type": "bool", "default": True},
            "ledger": {**LEDGER_OPTION["ledger"], "default": "board"},
        },
        required_together=[("kernel", "initramfs")],
        supports_check_mode=True,
    )
    chooser = Chooser(module.params, module.check_mode, VerdictCache())
    try:
        verdict = chooser.verdict()
        forced = module.params["mode"] == "kvm" and module.params["keep"] and not module.check_mode
        if forced and verdict.accelerator != "kvm":
            raise BoardError(f"guest_accelerator is kvm, but it cannot be used: {verdict.reason}")
    except BoardError as error:
        fail(module, error)
    says = [step.says() for step in chooser.steps]
    module.exit_json(
        changed=bool(says),
        cached=chooser.cached,
        steps=says,
        diff={"before": "", "after": "".join(f"{line}\n" for line in says)},
        **asdict(verdict),
    )


if __name__ == "__main__":
    main()
