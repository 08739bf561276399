# SPDX-License-Identifier: Apache-2.0
"""Documentation of the action plugin of this name: it runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: require
short_description: Stop unless a board has what a role needs
description:
  - Fails with every requirement that is not met. The list of them is the result's C(unmet).
options:
  requirements:
    description: What must be true, and what to say where it is not.
    type: list
    elements: dict
    required: true
    suboptions:
      that:
        description: The condition.
        type: bool
        required: true
      message:
        description: What is missing, and what helps.
        type: str
        required: true
  report_only:
    description: Tell and go on.
    type: bool
    default: false
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Changes nothing.}
"""

EXAMPLES = r"""
- name: Macvtap can be built here
  netlab.testbed.require:
    requirements:
      - that: "{{ board.features.macvtap.available }}"
        message: this kernel has no macvtap (CONFIG_MACVTAP)
"""

RETURN = r"""
unmet:
  description: The messages of the requirements that are not met.
  type: list
  elements: str
  returned: always
"""
