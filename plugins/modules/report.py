# SPDX-License-Identifier: Apache-2.0
"""Documentation of the action plugin of this name: it runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Hand data to whoever runs the play
description:
  - Returns what it is given. The wrapper shows it; plain C(ansible-playbook -v) prints it.
options:
  data:
    description: What to tell of this board.
    type: dict
    required: true
author: netlab-testbed maintainers (@netlab-testbed)
attributes:
  check_mode: {support: full, description: Changes nothing.}
"""

EXAMPLES = r"""
- name: What is deployed here
  netlab.testbed.report:
    data: "{{ {'deployment': board_info.deployment} }}"
"""

RETURN = r"""
testbed_report:
  description: What was given.
  type: dict
  returned: always
"""
