# SPDX-License-Identifier: Apache-2.0
"""The device node of KVM, on boards whose /dev nobody else fills."""

from __future__ import annotations

import os
import stat

from ansible_collections.netlab.testbed.plugins.module_utils.accelerator.verdict import KVM_NODE, KVM_NUMBERS
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Step, operation


@operation("accelerator.make_node", "make /dev/kvm", volatile=True)
def make_node() -> None:
    if KVM_NODE.exists():
        return
    try:
        major, minor = KVM_NUMBERS.read_text(encoding="ascii").strip().split(":")
    except OSError as error:
        raise BoardError(f"this board's kernel offers no KVM: {error.strerror}: {KVM_NUMBERS}") from error
    os.mknod(KVM_NODE, mode=stat.S_IFCHR | 0o600, device=os.makedev(int(major), int(minor)))


@operation("accelerator.remove_node", "remove /dev/kvm", volatile=True)
def remove_node() -> None:
    KVM_NODE.unlink(missing_ok=True)


def node_steps() -> list[Step]:
    """What makes the node where it is missing. Only a node made by this step is ever removed: its undo is in
    the ledger because the step was."""
    if KVM_NODE.exists():
        return []
    return [Step("accelerator.make_node", undo=Step("accelerator.remove_node"))]
