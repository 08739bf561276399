# SPDX-License-Identifier: Apache-2.0
"""Whether KVM runs any code at all: one instruction of a guest without a kernel, QEMU or file (KVM API, api.rst).

For a board that has no guest kernel to try yet. It takes a millisecond, and proves less than a kernel that boots:
that decides, once there is one. The guest runs in a child process, which is killed when its time is over.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import platform
import select
import signal
import struct
import time
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.accelerator.verdict import KVM_NODE

LIMIT = 5.0  # seconds
PAGE = 4096
PLACE = 0x10000  # where the code is in the guest's memory

# ioctl numbers of linux/kvm.h; structures' sizes are in them.
KVM_CREATE_VM, KVM_GET_VCPU_MMAP_SIZE, KVM_CREATE_VCPU, KVM_RUN = 0xAE01, 0xAE04, 0xAE41, 0xAE80
KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE = 0xAE03, 165
KVM_SET_USER_MEMORY_REGION = 0x4020AE46
KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_SREGS = 0x4090AE82, 0x8138AE83, 0x4138AE84
KVM_ARM_PREFERRED_TARGET, KVM_ARM_VCPU_INIT, KVM_SET_ONE_REG = 0x8020AEAF, 0x4020AEAE, 0x4010AEAC
KVM_EXIT_HLT, KVM_EXIT_MMIO = 5, 6
EXIT_REASON = struct.Struct("8xI")  # in struct kvm_run
ARM64_PC, ARM64_X1 = 0x6030000000100040, 0x6030000000100002

# The instruction, and how KVM tells that it came to it.
CODE = {
    "x86_64": (b"\xf4", KVM_EXIT_HLT),  # hlt
    "aarch64": (struct.pack("<I", 0xB9000020), KVM_EXIT_MMIO),  # str w0, [x1], where no memory is
}


def failure(node: Path = KVM_NODE, limit: float = LIMIT) -> str | None:
    """Why KVM runs no code here; None where it does. OSError where it cannot be tried."""
    os.close(os.open(node, os.O_RDWR | os.O_CLOEXEC))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = _run(node)
        except OSError as error:
            said = f"{error.strerror}"
        except BaseException as error:  # noqa: BLE001 - a child that was forked must not return
            said = repr(error)
        os.write(writer, said.encode()[:PAGE] or b"\0")
        os._exit(0)
    os.close(writer)
    try:
        ready, _, _ = select.select([reader], [], [], limit)
        told = os.read(reader, PAGE) if ready else None
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        _reap(child)
    if told is None:
        return f"its first instruction did not end within {limit:g} s"
    return None if told == b"\0" else told.decode(errors="replace") or "the process that tried it was killed"


def _reap(child: int) -> None:
    """At most a second: one that hangs in the kernel would never come."""
    end = time.monotonic() + 1
    while os.waitpid(child, os.WNOHANG)[0] == 0 and time.monotonic() < end:
        select.select([], [], [], 0.01)


def _run(node: Path) -> str:
    """What went otherwise than it should; empty where nothing did."""
    arch = platform.machine()
    code, wanted = CODE[arch]
    kvm = os.open(node, os.O_RDWR | os.O_CLOEXEC)
    # the widest address that a guest may have; 0 on x86
    kind = fcntl.ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE)
    machine = fcntl.ioctl(kvm, KVM_CREATE_VM, kind)
    memory = mmap.mmap(-1, PAGE)
    memory[: len(code)] = code
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    fcntl.ioctl(machine, KVM_SET_USER_MEMORY_REGION, struct.pack("IIQQQ", 0, 0, PLACE, PAGE, address))
    cpu = fcntl.ioctl(machine, KVM_CREATE_VCPU, 0)
    {"x86_64": _start_x86, "aarch64": _start_arm64}[arch](machine, cpu)
    shared = mmap.mmap(cpu, fcntl.ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0))
    fcntl.ioctl(cpu, KVM_RUN, 0)
    (reason,) = EXIT_REASON.unpack_from(shared)
    return "" if reason == wanted else f"its first instruction ended with KVM_EXIT reason {reason}"


def _start_x86(machine: int, cpu: int) -> None:  # noqa: ARG001 - both architectures are started alike
    """In real mode, at the code: the code segment's base and selector, then rip, and the flag that is always set."""
    special = bytearray(312)
    fcntl.ioctl(cpu, KVM_GET_SREGS, special)
    struct.pack_into("Q4xH", special, 0, PLACE, PLACE >> 4)
    fcntl.ioctl(cpu, KVM_SET_SREGS, bytes(special))
    fcntl.ioctl(cpu, KVM_SET_REGS, struct.pack("16QQQ", *[0] * 16, 0, 2))


def _start_arm64(machine: int, cpu: int) -> None:
    """At EL1 without an MMU, at the code; x1 is an address without memory."""
    target = bytearray(32)
    fcntl.ioctl(machine, KVM_ARM_PREFERRED_TARGET, target)
    fcntl.ioctl(cpu, KVM_ARM_VCPU_INIT, bytes(target))
    for register, value in ((ARM64_PC, PLACE), (ARM64_X1, PLACE + PAGE)):
        held = ctypes.c_uint64(value)
        fcntl.ioctl(cpu, KVM_SET_ONE_REG, struct.pack("QQ", register, ctypes.addressof(held)))
