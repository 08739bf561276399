# SPDX-License-Identifier: Apache-2.0
"""Every operation that a ledger may name: importing this registers them all."""

from __future__ import annotations

from ansible_collections.netlab.testbed.plugins.module_utils import (
    domain_ops,
    link_features,
    link_ops,
    process_ops,
)
from ansible_collections.netlab.testbed.plugins.module_utils.accelerator import ops as accelerator_ops
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import ops as ovs_ops
from ansible_collections.netlab.testbed.plugins.module_utils.pinning import ops as pinning_ops
from ansible_collections.netlab.testbed.plugins.module_utils.self_rollback import timer as self_rollback_ops
from ansible_collections.netlab.testbed.plugins.module_utils.sriov import ops as sriov_ops
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import ops as xdp_ops

__all__ = [
    "accelerator_ops", "domain_ops", "link_features", "link_ops", "ovs_ops", "pinning_ops", "process_ops",
    "self_rollback_ops", "sriov_ops", "xdp_ops",
]  # fmt: skip
