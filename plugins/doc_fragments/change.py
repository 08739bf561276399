# SPDX-License-Identifier: Apache-2.0
"""What the documentation of every module that changes a board says alike."""

from __future__ import annotations


class ModuleDocFragment:
    """``extends_documentation_fragment: [netlab.testbed.change]``."""

    DOCUMENTATION = r"""
options:
  ledger:
    description: The ledger scope that records the changes.
    type: str
    choices: [board, topology]
    default: topology
  topology:
    description: The topology that the changes are made for, noted in the ledger with the first of them.
    type: str
  ticket:
    description:
      - The deploy that the call is part of, as P(netlab.testbed.ticket#lookup) tells it. Once that deploy was undone,
        nothing is changed for it any more.
    type: dict
attributes:
  check_mode: {support: full, description: Says what would be done.}
  diff_mode: {support: full, description: Lists the steps.}
"""
