#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kernel and initramfs of the guests."""

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_image
short_description: Kernel and initramfs of the guests
description:
  - Builds a kernel and a small initramfs from the distribution's packages, for guests of this or another
    architecture. Packages are downloaded under a private APT configuration and unpacked; nothing of them is
    installed or executed.
  - The image is kept below C(/var/cache/netlab-testbed/guest-image), named by its content. The same packages
    and the same recipe give the same bytes. One that was built by this recipe is used as it is, without a
    look at the network.
  - The image is a cache of the machine and stays; it is not recorded in the ledger.
options:
  arch:
    description: The guests' architecture.
    type: str
    choices: [x86_64, aarch64]
    required: true
  files:
    description: The texts of the guest's own files by name. Role P(netlab.testbed.guest_image#role) has them.
    type: dict
    required: true
  programs:
    description:
      - Programs that guests need besides, as lists of their paths in a package, by the package's name.
      - The shared libraries that they need follow by themselves.
    type: dict
    default: {}
  refresh:
    description: Build from the newest packages, even where this recipe has been built before.
    type: bool
    default: false
  disk:
    description:
      - Path of a qcow2 image of the user's own that guests use in place of the built image. It is checked and
        never written to.
      - The image is then built only where O(accelerator) may need a kernel to try KVM with.
    type: path
  accelerator:
    description: What the guests are wanted to run under, see M(netlab.testbed.accelerator). Matters only with
      O(disk).
    type: str
    choices: [auto, kvm, tcg]
    default: auto
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Says whether an image would be built.}
"""

EXAMPLES = r"""
- name: An image for arm64 guests
  netlab.testbed.guest_image:
    arch: aarch64
    files: "{{ guest_image__files }}"
"""

RETURN = r"""
arch:
  description: The guests' architecture.
  type: str
  returned: always
kernel:
  description: Path of the kernel that guests boot. Absent with O(disk), and in check mode where nothing is
    built yet.
  type: str
  returned: where an image is used
initramfs:
  description: Path of the initramfs.
  type: str
  returned: where an image is used
kernel_command_line:
  description: The kernel's arguments that the image was measured with.
  type: str
  returned: where an image is used
hash:
  description: The image's name, a digest of its content.
  type: str
  returned: where an image is used
recipe:
  description: C(arch), C(kernel_command_line), and C(packages), the version of each package by name.
  type: dict
  returned: where an image is used
disk:
  description: Path of the user's own image.
  type: str
  returned: with O(disk)
probe:
  description: C(kernel), C(initramfs), C(kernel_command_line) and C(hash) to try KVM with; empty where there
    are none.
  type: dict
  returned: always
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils.accelerator.verdict import may_need_probe
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.image import (
    GuestImage,
    checked_disk,
    recipe_for,
)
from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import fail
from ansible_collections.netlab.testbed.plugins.module_utils.self_rollback import timer
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

BUILD_LIMIT = 1800.0  # seconds; its downloads have shorter limits
PROBE_KEYS = ("kernel", "initramfs", "kernel_command_line", "hash")


def find_or_build(image: GuestImage, refresh: bool, check_mode: bool) -> tuple[bool, dict[str, Any]]:
    found = image.current()
    if found is not None and (check_mode or not refresh):
        return False, found
    if check_mode:
        return True, {"arch": image.arch}
    with timer.busy(BUILD_LIMIT):
        return image.build(refresh)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "arch": {"type": "str", "choices": ["x86_64", "aarch64"], "required": True},
            "files": {"type": "dict", "required": True},
            "programs": {"type": "dict", "default": {}},
            "refresh": {"type": "bool", "default": False},
            "disk": {"type": "path"},
            "accelerator": {"type": "str", "choices": ["auto", "kvm", "tcg"], "default": "auto"},
        },
        supports_check_mode=True,
    )
    arch, disk = module.params["arch"], module.params["disk"]
    changed, result = False, {"arch": arch}
    try:
        if disk:
            checked_disk(Path(disk))
        if not disk or may_need_probe(module.params["accelerator"], arch):
            image = GuestImage(recipe_for(arch, module.params["files"], module.params["programs"]))
            changed, result = find_or_build(image, module.params["refresh"], module.check_mode)
    except BoardError as error:
        fail(module, error)
    probe = {key: result[key] for key in PROBE_KEYS if key in result}
    if disk:
        result = {"arch": arch, "disk": disk}
    after = f"guest image {result.get('hash', 'not built yet')} for {arch}\n" if changed else ""
    module.exit_json(changed=changed, probe=probe, diff={"before": "", "after": after}, **result)


if __name__ == "__main__":
    main()
