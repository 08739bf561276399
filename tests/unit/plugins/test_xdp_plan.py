# SPDX-License-Identifier: Apache-2.0
"""The XDP bridge's planner, against a model of its operations."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.steps import OPERATIONS, Refusal, Step
from ansible_collections.netlab.testbed.plugins.module_utils.xdp import ops as xdp_ops
from ansible_collections.netlab.testbed.plugins.module_utils.xdp.plan import (
    Current,
    PortState,
    Settings,
    Wanted,
    plan,
)

NAMES = ("eth1", "nltap1", "nltap2", "eth0.5")
OBJECTS = ("aaaa", "bbbb")
MODES, ROLES = ("native", "generic"), ("uplink", "guest")
MACS, ADDRESSES = ("02:00:00:00:00:01", "33:33:ff:00:00:01"), ("192.0.2.1", "192.0.2.2")


def subset(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sets(st.sampled_from(values)).map(lambda chosen: tuple(sorted(chosen)))


settings_made = st.builds(Settings, st.integers(1, 999), subset(MACS), subset(ADDRESSES))
wanted_made = st.builds(
    Wanted,
    object_hash=st.sampled_from(OBJECTS),
    source=st.just("int x;"),
    mode=st.sampled_from(MODES),
    settings=settings_made,
    ports=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(ROLES)),
)
ours = st.builds(PortState, role=st.sampled_from((*ROLES, "unknown")), mode=st.sampled_from((None, *MODES)))


Loaded = dict[str, tuple[Settings | None, dict[str, PortState]]]


class Board:
    """What the operations do, without a kernel. ``ports`` holds the ports of every loaded object."""

    def __init__(
        self, bpffs: bool, compiled: set[str], loaded: dict[str, tuple[Settings | None, dict]]
    ) -> None:
        self.bpffs, self.compiled, self.loaded = bpffs, compiled, loaded

    def read(self, object_hash: str) -> Current:
        settings, ports = self.loaded.get(object_hash, (None, {}))
        return Current(
            self.bpffs, frozenset(self.compiled), tuple(sorted(self.loaded)), settings, dict(ports)
        )

    def do(self, step: Step) -> None:
        verb, args = step.op.removeprefix("xdp."), dict(step.args)
        object_hash = args.pop("object_hash", "")
        if verb in ("mount", "unmount"):
            self.bpffs = verb == "mount"
        elif verb == "compile":
            self.compiled.add(object_hash)
        elif verb == "load":
            assert self.bpffs
            assert object_hash in self.compiled
            self.loaded.setdefault(object_hash, (None, {}))
        elif verb == "unload":
            self.loaded.pop(object_hash, None)
        elif verb == "configure":
            _old, ports = self.loaded[object_hash]
            settings = Settings(args["ageing_time"], tuple(args["board_macs"]), tuple(args["board_ipv4"]))
            self.loaded[object_hash] = (settings, ports)
        elif verb == "attach":
            name = args["name"]
            assert all(name not in ports for key, (_, ports) in self.loaded.items() if key != object_hash)
            held = self.loaded[object_hash][1].get(name)
            assert held is None or held.mode in (None, args["mode"]), "the kernel has it in the other mode"
            self.loaded[object_hash][1][name] = PortState(role=args["role"], mode=args["mode"])
        elif verb == "detach":
            self.loaded.get(object_hash, (None, {}))[1].pop(args["name"], None)
        else:
            raise AssertionError(f"no such operation: {step.op}")


@st.composite
def boards(draw: st.DrawFn) -> Board:
    loaded = draw(
        st.dictionaries(
            st.sampled_from(OBJECTS),
            st.tuples(st.none() | settings_made, st.dictionaries(st.sampled_from(NAMES), ours)),
        )
    )
    compiled = draw(st.sets(st.sampled_from(OBJECTS)))
    taken: set[str] = set()
    for _settings, ports in loaded.values():  # an interface has one program
        for name in list(ports):
            if name in taken:
                del ports[name]
            taken.add(name)
    return Board(bool(loaded) or draw(st.booleans()), compiled, loaded)


@given(boards(), wanted_made)
def test_a_second_plan_is_empty(board: Board, wanted: Wanted) -> None:
    for step in plan(board.read(wanted.object_hash), wanted):
        board.do(step)
    after = board.read(wanted.object_hash)
    assert plan(after, wanted) == []
    assert after.loaded == (wanted.object_hash,)
    assert after.settings == wanted.settings
    assert dict(after.ports) == {name: PortState(role, wanted.mode) for name, role in wanted.ports.items()}


@given(boards(), wanted_made)
def test_undone_backwards_nothing_of_ours_is_left(board: Board, wanted: Wanted) -> None:
    """Whatever of ours there was: its own undo is in the ledger already."""
    before = board.bpffs
    board.loaded.clear()
    steps = plan(board.read(wanted.object_hash), wanted)
    for step in steps:
        board.do(step)
    for step in reversed(steps):
        if step.undo:
            board.do(step.undo)
    assert board.loaded == {}
    assert board.bpffs == before


@given(boards())
def test_absent_unloads_all_of_ours(board: Board) -> None:
    for step in plan(board.read(""), None):
        board.do(step)
    assert board.loaded == {}
    assert plan(board.read(""), None) == []


@given(boards(), wanted_made)
def test_every_step_is_an_operation_that_says_what_it_does(board: Board, wanted: Wanted) -> None:
    assert xdp_ops  # importing it registered them
    for step in plan(board.read(wanted.object_hash), wanted):
        for each in (step, step.undo):
            if each is not None:
                assert each.op in OPERATIONS
                assert "{" not in each.says()


WANTED = Wanted("aaaa", "int x;", "native", Settings(300), {"eth1": "uplink"})
LOADED = Current(True, frozenset({"aaaa"}), ("aaaa",), Settings(300), {"eth1": PortState("uplink", "native")})


def test_a_foreign_program_on_a_port_to_be_is_refused() -> None:
    current = Current(ports={"eth1": PortState(foreign="program 7, native mode")})
    with pytest.raises(Refusal, match=r"eth1 .* not ours \(program 7, native mode\)"):
        plan(current, WANTED)


def test_a_foreign_program_elsewhere_is_none_of_our_business() -> None:
    ports = {**LOADED.ports, "eth9": PortState(foreign="program 7, native mode")}
    assert plan(replace(LOADED, ports=ports), WANTED) == []


def test_the_order_of_making() -> None:
    """A program is set up before the first frame reaches it."""
    steps = [step.op for step in plan(Current(), WANTED)]
    assert steps == ["xdp.mount", "xdp.compile", "xdp.load", "xdp.configure", "xdp.attach"]


@pytest.mark.parametrize(
    ("wanted", "operations"),
    [
        (replace(WANTED, mode="generic"), ["xdp.detach", "xdp.attach"]),
        (replace(WANTED, ports={"eth1": "guest"}), ["xdp.attach"]),
        (replace(WANTED, ports={}), ["xdp.detach"]),
        (replace(WANTED, settings=Settings(60)), ["xdp.configure"]),
        (
            replace(WANTED, object_hash="bbbb"),
            ["xdp.unload", "xdp.compile", "xdp.load", "xdp.configure", "xdp.attach"],
        ),
        (None, ["xdp.unload"]),
    ],
)
def test_what_a_change_takes(wanted: Wanted | None, operations: list[str]) -> None:
    current = LOADED
    if wanted and wanted.object_hash == "bbbb":  # what is read is the wanted object's: nothing yet
        current = replace(LOADED, settings=None, ports={})
    assert [step.op for step in plan(current, wanted)] == operations
