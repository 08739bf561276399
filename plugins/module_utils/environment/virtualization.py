# SPDX-License-Identifier: Apache-2.0
"""What the kernel does for guests: above all how long it waits for a halted vCPU before it gives its CPU away."""

from __future__ import annotations

from ansible_collections.netlab.testbed.plugins.module_utils.environment.reading import Files, Reading

MODULES = "/sys/module"
NO_KVM = "this kernel runs no guests: KVM is not in it, or not loaded"
POLLING = ("halt_poll_ns", "halt_poll_ns_grow", "halt_poll_ns_grow_start", "halt_poll_ns_shrink")


def read(files: Files, reading: Reading) -> None:
    for name in POLLING:
        reading.put(f"virtualization/{name}", files.number(f"{MODULES}/kvm/parameters/{name}"), NO_KVM)
    # Interrupts that reach a running vCPU without leaving the guest: apicv on Intel, avic on AMD.
    direct = files.switch(f"{MODULES}/kvm_intel/parameters/enable_apicv")
    if direct is None:
        direct = files.switch(f"{MODULES}/kvm_amd/parameters/avic")
    reading.put("virtualization/direct_interrupts", direct, "neither kvm_intel nor kvm_amd is loaded")
    kvm, vhost = files.path("/dev/kvm").exists(), files.path("/dev/vhost-net").exists()
    reading.put("virtualization/kvm_device", kvm, "")
    reading.put("virtualization/vhost_net_device", vhost, "")
    # How long this machine's own idle CPUs poll, where it is a guest itself (haltpoll).
    own = files.number(f"{MODULES}/haltpoll/parameters/guest_halt_poll_ns")
    reading.put("virtualization/own_halt_poll_ns", own, "no haltpoll governor in this kernel")
