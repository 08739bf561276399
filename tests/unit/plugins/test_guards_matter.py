# SPDX-License-Identifier: Apache-2.0
"""Each guard is what keeps somebody else's things from being changed: without it they would be.

A planner is loaded once more with its refusals cut out of the source. What the real one refuses, that one plans.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from ansible_collections.netlab.testbed.plugins.module_utils import guest_plan, link_plan
from ansible_collections.netlab.testbed.plugins.module_utils.link_plan import NEWBORN
from ansible_collections.netlab.testbed.plugins.module_utils.ovs import plan as ovs_plan
from ansible_collections.netlab.testbed.plugins.module_utils.steps import Refusal, Step
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import plan as xdp_plan

NIC: dict[str, Any] = {
    **NEWBORN,
    "alias": "",
    "name": "eth1",
    "kind": None,
    "mac": "02:00:00:00:00:01",
    "up": True,
}


def theirs(name: str, kind: str, **more: Any) -> dict[str, dict[str, Any]]:
    return {"eth1": NIC, name: {**NEWBORN, "name": name, "kind": kind, "alias": "", "mac": None, **more}}


class _Cut(ast.NodeTransformer):
    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        refuses = isinstance(node.exc, ast.Call) and getattr(node.exc.func, "id", "") == "Refusal"
        return ast.copy_location(ast.Pass(), node) if refuses else node


@pytest.fixture
def unguarded() -> Any:
    made = []

    def load(module: ModuleType) -> ModuleType:
        copy = ModuleType(f"unguarded_{module.__name__}")
        copy.__file__ = module.__file__
        sys.modules[copy.__name__] = copy  # dataclasses look there
        made.append(copy.__name__)
        tree = ast.fix_missing_locations(_Cut().visit(ast.parse(inspect.getsource(module))))
        exec(compile(tree, str(module.__file__), "exec"), vars(copy))
        return copy

    yield load
    for name in made:
        del sys.modules[name]


OVS_BRIDGE = {
    "name": "nlovs0", "datapath_type": "system", "fail_mode": "standalone", "mac": None, "ports": ["eth1"],
    "addresses": None, "up": True, "counted": None,
}  # fmt: skip


def link(current: dict[str, Any], *wanted: dict[str, Any]) -> Callable[[ModuleType], list[Step]]:
    return lambda module: module.plan(current, wanted)


CASES: dict[str, tuple[ModuleType, Callable[[ModuleType], list[Step]], str]] = {
    "bridge": (
        link_plan,
        link(theirs("nlbr0", "bridge"), {"name": "nlbr0", "kind": "bridge", "mtu": 1400}),
        "nlbr0",
    ),
    "tap": (link_plan, link(theirs("nltap1", "tap"), {"name": "nltap1", "kind": "tap", "up": True}), "nltap1"),
    "macvtap": (
        link_plan,
        link(
            theirs("nlmvt1", "macvtap", parent="eth1"),
            {"name": "nlmvt1", "kind": "macvtap", "parent": "eth1", "up": True},
        ),
        "nlmvt1",
    ),
    "port of a bridge": (
        link_plan,
        link(
            {**theirs("br0", "bridge"), "eth1": {**NIC, "master": "br0"}, "nlbr0": {**NEWBORN, "name": "nlbr0"}},
            {"name": "eth1", "master": "nlbr0"},
        ),
        "eth1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_without_its_guard_a_link_would_be_changed(case: str, unguarded: Any) -> None:
    module, planned, name = CASES[case]
    with pytest.raises(Refusal, match="not this testbed's"):
        planned(module)
    assert any(step.args.get("name") == name for step in planned(unguarded(module)))


def test_without_its_guard_a_domain_would_be_removed(unguarded: Any) -> None:
    domain = {"ours": False, "running": True, "digest": None, "interfaces": None}
    guest = {
        "name": "guest1", "arch": "x86_64", "accelerator": "tcg", "kernel": "/k", "initramfs": "/i",
        "kernel_command_line": "", "vcpus": 1, "memory_mib": 192, "mac": "02:00:00:00:00:01",
        "address": "192.0.2.3/24", "interface": {"type": "ethernet", "dev": "nltap1"},
    }  # fmt: skip

    def planned(module: ModuleType) -> list[Step]:
        return list(module.plan({"guest1": domain}, [guest], 10.0))

    with pytest.raises(Refusal, match="guest1 is there already and is not this testbed's"):
        planned(guest_plan)
    assert "domain.remove" in [step.op for step in planned(unguarded(guest_plan))]


def test_without_its_guard_a_bridge_of_open_vswitch_would_be_changed(unguarded: Any) -> None:
    bridge = {
        "ours": False,
        "datapath_type": "netdev",
        "fail_mode": "secure",
        "mac": None,
        "ports": {},
        "counted": None,
    }

    def planned(module: ModuleType) -> list[Step]:
        return list(module._change(bridge, OVS_BRIDGE))

    with pytest.raises(Refusal, match="it lacks external_ids"):
        planned(ovs_plan)
    assert [step.op for step in planned(unguarded(ovs_plan))] == ["ovs.bridge_set"]


def test_without_its_guard_a_program_would_be_replaced(unguarded: Any) -> None:
    def planned(module: ModuleType) -> list[Step]:
        current = module.Current(ports={"eth1": module.PortState(foreign="program 7, native mode")})
        return list(
            module.plan(
                current, module.Wanted("aaaa", "int x;", "native", module.Settings(300), {"eth1": "uplink"})
            )
        )

    with pytest.raises(Refusal, match="it is not ours"):
        planned(xdp_plan)
    assert "xdp.attach" in [step.op for step in planned(unguarded(xdp_plan))]
