# SPDX-License-Identifier: Apache-2.0
"""Pin a thing, and where it is pinned: libvirt's API first, so that libvirt knows, then the threads themselves.

libvirt moves only QEMU's main thread where it has no cgroups, and refuses where it does not know which thread a
virtual processor is; the kernel is asked in any case, and what counts is what the kernel says.
"""

from __future__ import annotations

import contextlib
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils import domain_ops
from ansible_collections.netlab.testbed.plugins.module_utils.domain_xml import digest_of
from ansible_collections.netlab.testbed.plugins.module_utils.pinning import interrupts, threads
from ansible_collections.netlab.testbed.plugins.module_utils.pinning.plan import Seen, cpu_set
from ansible_collections.netlab.testbed.plugins.module_utils.steps import Refusal, operation


def guest_threads(guest: str) -> dict[str, list[int]]:
    """Threads by part (threads.threads_of); empty where the guest does not run."""
    pids = domain_ops.qemu_of(guest)
    return threads.threads_of(pids[0]) if pids else {}


def read(thing: str) -> Seen | None:
    """Where a thing may run now; None where it is not there."""
    kind, name, part = _parts(thing)
    if kind == "irq":
        return interrupts.affinity(int(name))
    return threads.affinity(guest_threads(name).get(part, []))


@operation("pin.set", "let {thing} run on CPU {cpus}", volatile=True)
def pin(thing: str, cpus: str) -> None:
    """A thing that is gone took its pin along. Only guests of ours are pinned."""
    kind, name, part = _parts(thing)
    if kind == "irq":
        interrupts.bind(int(name), cpus)
        return
    if kind in ("vcpu", "emulator"):
        _tell_libvirt(name, kind, part, cpus)
    threads.bind(guest_threads(name).get(part, []), cpus)


def _parts(thing: str) -> tuple[str, str, str]:
    """(kind, guest or number of the interrupt, part of the guest's threads)."""
    kind, name, *number = thing.split("/")
    return kind, name, "/".join([kind, *number])


def _tell_libvirt(guest: str, kind: str, part: str, cpus: str) -> None:
    import libvirt

    with contextlib.suppress(domain_ops.NoLibvirtd), domain_ops.connection() as libvirtd:
        domain: Any = domain_ops.domain_named(libvirtd, guest)
        if domain is None:
            return
        if digest_of(domain.XMLDesc()) is None:
            raise Refusal(f"domain {guest} is not this testbed's: left as it is")
        count = libvirtd.getInfo()[2]
        chosen = cpu_set(cpus)
        # as many as the machine has, or the highest that is named: libvirt takes what is left out for no
        allowed = tuple(cpu in chosen for cpu in range(max(count, *(cpu + 1 for cpu in chosen))))
        with contextlib.suppress(libvirt.libvirtError):  # the kernel is asked next, and read back
            if kind == "vcpu":
                domain.pinVcpu(int(part.rpartition("/")[2]), allowed)
            else:
                domain.pinEmulator(allowed)
