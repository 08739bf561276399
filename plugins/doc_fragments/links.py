# SPDX-License-Identifier: Apache-2.0
"""Links as a list of what they are to be like."""

from __future__ import annotations


class ModuleDocFragment:
    """``extends_documentation_fragment: [netlab.testbed.links]``."""

    DOCUMENTATION = r"""
options:
  links:
    description: The links, in the order in which they are to be made.
    type: list
    elements: dict
    suboptions:
      name:
        description: Interface name.
        type: str
        required: true
      kind:
        description: Make a link of this kind. Without it the interface must be there.
        type: str
        choices: [bridge, tap, macvtap]
      parent:
        description: The interface that a macvtap sits on.
        type: str
      mac:
        description: Ethernet address.
        type: str
      mtu:
        description: Largest packet, in bytes.
        type: int
      master:
        description: The bridge that the link is a port of. An empty string takes it out of its bridge.
        type: str
      up:
        description: Administrative state.
        type: bool
      promiscuous:
        description: Whether the interface takes frames for other stations.
        type: bool
      addresses:
        description: All IPv4 addresses that the link is to have, with prefix length. Others are removed.
        type: list
        elements: str
      features:
        description: Offloads by the names of C(ethtool -k), and whether they are on.
        type: dict
"""
