#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The image of emulated boards, and the emulator."""

from __future__ import annotations

DOCUMENTATION = r"""
module: board_image
short_description: The image of emulated boards, and the emulator
description:
  - Builds kernel, initramfs and disk of an ARM64 board from the distribution's packages (Debian 13), and gets the
    programs that it takes, a QEMU with the NIC igb among them. Both from the mirror that this machine's own APT
    sources name.
  - Nothing is installed. Programs and image are kept below C(/var/cache/netlab-testbed); one that was built by this
    recipe is used as it is, without a look at the network.
  - Programs for arm64 are run while the image is built, in a user namespace with a binfmt_misc of its own; the
    machine does not notice. Needs root, Linux 6.7 and 8 GiB of disk.
  - Takes minutes the first time.
options:
  part:
    description: What to get, the programs alone or the image too.
    type: str
    choices: [tools, image]
    default: image
  refresh:
    description: Build from the newest packages, even where this recipe has been built before.
    type: bool
    default: false
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Says whether anything would be built.}
  diff_mode: {support: full, description: Says what would be built.}
"""

EXAMPLES = r"""
- name: The image of emulated boards
  netlab.testbed.board_image:
  register: board_image
"""

RETURN = r"""
tools:
  description: The folder that the emulator's programs are in. Absent in check mode where there are none yet.
  type: str
  returned: where they are there
image:
  description: C(kernel), C(initramfs) and C(disk) by their paths, C(hash), a digest of their content, and C(recipe),
    with the version of each package. Empty in check mode where there is none yet.
  type: dict
  returned: with O(part=image)
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board import sandbox
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.image import BoardImage
from ansible_collections.netlab.testbed.plugins.module_utils.emulated_board.tools import ToolStore
from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import fail
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError, Refusal

CACHE = Path("/var/cache/netlab-testbed")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "part": {"type": "str", "choices": ["tools", "image"], "default": "image"},
            "refresh": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    refresh, whole = module.params["refresh"], module.params["part"] == "image"
    store = ToolStore(CACHE)
    result: dict[str, Any] = {}
    built = []
    try:
        tools, image = store.current(), BoardImage(CACHE)
        found = image.current()
        # before anything is downloaded
        if (found is None or refresh) and (reason := sandbox.lack()):
            raise Refusal(reason)
        if tools is None or (refresh and not whole):
            built.append("the emulator's programs")
            if not module.check_mode:
                _, tools = store.build(refresh)
        if whole and (found is None or refresh):
            built.append("the image of emulated boards")
            if not module.check_mode and tools is not None:
                found = image.build(tools, refresh)
    except BoardError as error:
        fail(module, error)
    if tools is not None:
        result["tools"] = str(tools.root)
    if whole:
        result["image"] = found or {}
    after = "".join(f"build {what}\n" for what in built)
    module.exit_json(changed=bool(built), diff={"before": "", "after": after}, **result)


if __name__ == "__main__":
    main()
