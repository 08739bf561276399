# SPDX-License-Identifier: Apache-2.0
"""What the instruments need in a guest, each role's own meta/guest.yml put together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

DOCUMENTATION = """
name: guest_programs
author: netlab-testbed maintainers (@netlab-testbed)
version_added: 0.2.0
short_description: What the instruments need in a guest
description:
  - Paths in packages, by package, of the file C(meta/guest.yml) of every role whose name begins with C(instrument_).
options: {}
"""

EXAMPLES = """
- name: What an image is built with
  ansible.builtin.debug:
    msg: "{{ lookup('netlab.testbed.guest_programs') }}"
"""

RETURN = """
_raw:
  description: One dictionary of lists.
  type: list
  elements: dict
"""

ROLES = Path(__file__).resolve().parents[2] / "roles"


def gathered(roles: Path) -> dict[str, list[str]]:
    """By package, the paths that any instrument names. ValueError, with the file's name, for another form."""
    programs: dict[str, list[str]] = {}
    for file in sorted(roles.glob("instrument_*/meta/guest.yml")):
        told = yaml.safe_load(file.read_text(encoding="utf-8"))
        fits = isinstance(told, Mapping) and all(
            isinstance(package, str)
            and isinstance(paths, list)
            and all(isinstance(path, str) for path in paths)
            for package, paths in told.items()
        )
        if not fits:
            raise ValueError(f"{file}: not lists of paths by package, such as `irtt: [usr/bin/irtt]`")
        for package, paths in told.items():
            known = programs.setdefault(package, [])
            known += [path for path in paths if path not in known]
    return programs


class LookupModule(LookupBase):
    """``lookup('netlab.testbed.guest_programs')``."""

    def run(self, terms: list[Any], variables: Any = None, **kwargs: Any) -> list[Any]:  # noqa: ARG002
        try:
            return [gathered(ROLES)]
        except ValueError as error:
            raise AnsibleLookupError(str(error)) from error
