#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian packages that a board must have."""

from __future__ import annotations

DOCUMENTATION = r"""
module: packages
short_description: Debian packages that a board must have
description:
  - Installs those of the packages that are missing, without what they recommend. Where none is missing, one
    file is read and nothing is run.
  - A package that the machine's own APT sources do not offer is taken from the component non-free of the same
    mirror, through a private APT configuration; C(/etc/apt) stays as it is. (netperf, on Debian 12.)
  - No service is started where no service manager runs; the service of netperf is never left running nor
    enabled.
  - Two boards may have packages installed on one machine at once; the second waits.
  - Packages stay when a testbed is destroyed. What was brought, dependencies too, is listed in
    C(/var/lib/netlab-testbed/os-packages) of the machine.
options:
  names:
    description: Names of the packages.
    type: list
    elements: str
    required: true
  names_by_arch:
    description: Names of further packages, by the architecture of the machine that they are installed on.
    type: dict
    default: {}
  lock:
    description:
      - Whether to take the locks of the play's boards first, those that the same machine keeps, see
        M(netlab.testbed.lock). Nothing is installed where somebody else has one of them.
      - The controller fills in who asks.
    type: raw
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Says what would be installed.}
  diff_mode: {support: full, description: Lists the packages.}
"""

EXAMPLES = r"""
- name: What a board measures with
  netlab.testbed.packages:
    names: [ethtool, netperf]
"""

RETURN = r"""
installed:
  description: Names of the packages that were, or in check mode would be, installed.
  type: list
  elements: str
  returned: always
downloaded:
  description: Those of them that the machine's own sources do not offer.
  type: list
  elements: str
  returned: always
locked:
  description: Boards whose locks are held now.
  type: list
  elements: str
  returned: with O(lock)
versions:
  description: The version of each of the packages that is installed, by name.
  type: dict
  returned: always
"""

import platform
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netlab.testbed.plugins.module_utils import lock
from ansible_collections.netlab.testbed.plugins.module_utils.apt.debian_install import (
    CACHE,
    Installation,
    one_at_a_time,
)
from ansible_collections.netlab.testbed.plugins.module_utils.apt.debian_status import everything, installed
from ansible_collections.netlab.testbed.plugins.module_utils.modulekit import fail
from ansible_collections.netlab.testbed.plugins.module_utils.self_rollback import timer
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

# Seconds; waiting for another installation, updating, downloading and installing have limits of their own.
LIMIT = 3600.0
# What was brought to this machine, dependencies too, a name a line: a clean-up removes that and no more.
RECORD = Path("/var/lib/netlab-testbed/os-packages")


def record(names: set[str], path: Path = RECORD) -> None:
    """Add to the record; nothing is made where there is nothing to say."""
    if names:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as out:
            out.write("".join(f"{name}\n" for name in sorted(names)))


def install(names: list[str], cache: Path = CACHE, brought: Path = RECORD) -> tuple[list[str], list[str]]:
    """(installed now, of these downloaded from elsewhere)."""
    # a board that rolls back by itself is not to do so meanwhile
    with timer.busy(LIMIT), one_at_a_time(cache / "packages.lock"):
        # Whoever held the lock before may have installed them.
        missing = [name for name in names if name not in installed(names)]
        if not missing:
            return [], []
        before = everything()
        installation = Installation(missing, cache)
        try:
            installation.run()
        finally:
            record(everything() - before, brought)
    still = [name for name in missing if name not in installed(missing)]
    if still:
        raise BoardError(f"apt-get reported success, but dpkg has no package {', '.join(still)}")
    return missing, installation.downloaded


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "names_by_arch": {"type": "dict", "default": {}},
            **lock.OPTION,
        },
        supports_check_mode=True,
    )
    further = module.params["names_by_arch"].get(platform.machine(), [])
    names = list(dict.fromkeys([*module.params["names"], *further]))
    added: list[str] = []
    downloaded: list[str] = []
    asked = module.params["lock"]
    locked: dict[str, Any] = {}
    try:
        if asked:
            held = lock.take(asked["boards"], asked["holder"], asked["replacing"], meeting=asked["meeting"])
            if held:
                module.exit_json(changed=False, held=held)
            locked["locked"] = asked["boards"]
        present = installed(names)
        missing = [name for name in names if name not in present]
        if missing and module.check_mode:
            added = missing
        elif missing:
            added, downloaded = install(names)
            present = installed(names)
    except BoardError as error:
        fail(module, error)
    module.exit_json(
        changed=bool(added),
        installed=added,
        downloaded=downloaded,
        versions=present,
        diff={"before": "", "after": "".join(f"install {name}\n" for name in added)},
        **locked,
    )


if __name__ == "__main__":
    main()
