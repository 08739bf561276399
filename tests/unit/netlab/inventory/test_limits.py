# SPDX-License-Identifier: Apache-2.0
"""No input does anything but load or raise InvalidInput, in little time and memory."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from netlab.errors import InvalidInput
from netlab.inventory import load

Write = Callable[..., Path]
SECONDS = 5.0  # of processor time; each of these takes well below one on an ordinary machine

WIDE = "a: &a [" + "x, " * 50 + "]\n"
BOMB = WIDE + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{f'*{chr(97 + n)}, ' * 50}]\n" for n in range(9))


def refused(path: Path, **options: int) -> str:
    """The text that an inventory ends with, if it does so in time."""
    began = time.process_time()
    with pytest.raises(InvalidInput) as caught:
        load(path, **options)
    assert time.process_time() - began < SECONDS
    assert len(caught.value.problems) < 1000
    return str(caught.value)


def below_a_dut(good: str, text: str) -> str:
    return good.replace("peers:", "".join(f"      {line}\n" for line in text.splitlines()) + "peers:")


@pytest.mark.parametrize("name", ["guest_list", "guest_count", "board_other"])
def test_a_bomb_of_aliases(write: Write, good: str, name: str) -> None:
    assert "too much" in refused(write(below_a_dut(good, f"{BOMB}{name}: *j")))


def test_a_bomb_among_ones_own_keys_costs_nothing(write: Write, good: str) -> None:
    began = time.process_time()
    inventory = load(write(below_a_dut(good, BOMB)))
    assert len(repr(inventory)) < 2000
    assert time.process_time() - began < 1


def test_a_bomb_of_merges(write: Write, good: str) -> None:
    keys = ", ".join(f"k{n}: 1" for n in range(5000))
    text = f"a: &a {{{keys}}}\nb:\n" + "".join(f"  - {{<<: [{'*a, ' * 50}]}}\n" for _line in range(1000))
    assert "too much" in refused(write(below_a_dut(good, text)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("duts: " + "[" * 20_000, "nested too deep"),
        ("- " * 100_000, "nested too deep"),
        ("a: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}]\n" for n in range(99)), "nested too deep"),
        ("duts:\n  hosts:\n" + "".join(f"    b{n}:\n" for n in range(6000)), "too large"),
        ("duts:\n  hosts:\n    b[1:900][1:900]:\n", "more than 1000 hosts"),
        ("duts:\n  hosts:\n" + "".join(f"    b{n}-[1:900]:\n" for n in range(500)), "too large"),
        ("duts:\n  hosts:\n    b[1:900]:\n", "at most 500"),
        ("all:\n  hosts:\n    b[1:900]: {" + ", ".join(f"k{n}: 1" for n in range(5000)) + "}\n", "too large"),
        ("duts:\n" + "".join(f"  host{n}:\n" for n in range(20_000)), "more than 200 problems"),
        ("duts:\n  vars:\n" + "".join(f"    guest_{n}:\n" for n in range(20_000)), "fewer than 200 problems"),
        ("duts:\n  vars:\n" + f"    ? guest_{'x' * 200_000}\n    : 1\n", "nothing reads this key"),
        ("x" * 600_000, "too large"),
        ("a: " + "9" * 100_000, "looks like a number, and is none"),
        ("? [a]\n: b\n", "cannot be a key"),
        ("&a a: *a\n*a : b\n", "a second time"),
        ("<<: {a: }\nduts: <<\n", "no sections"),
    ],
    ids=lambda text: text[:20] if isinstance(text, str) else None,
)  # fmt: skip
def test_yaml_that_is_too_much(write: Write, text: str, message: str) -> None:
    assert message in refused(write(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[duts]\n" + "a" * 10_000, "line is too long"),
        ("[duts]\nb x=" + "(" * 5000, "no group peers"),
        # Python 3.11 gives up on so deep an expression, 3.13 reads it.
        ("[duts]\nb x=" + "-" * 5000 + "1", "cannot be read|no group peers"),
        ("[duts]\nb x={[]:1}", "cannot be read"),
        ("".join(f"[g{n}:children]\ng{n + 1}\n" for n in range(4000)), "too large"),
        ("".join(f"[g{n}:children]\ng{(n + 1) % 2000}\n" for n in range(2000)), "ancestor"),
        ("[duts]\n" + "b\n" * 50_000, "too large"),
        ("[\n" * 50_000, "more than 200 problems"),
    ],
    ids=lambda text: text[:20] if isinstance(text, str) else None,
)  # fmt: skip
def test_ini_that_is_too_much(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "lab.ini"
    path.write_text(text)
    assert re.search(message, refused(path))


def test_too_many_guests(write: Write, good: str) -> None:
    many = "    b[1:400]: {board_nic: eth1, board_address: 10.0.0.1/8, guest_count: 1000}\npeers:"
    text = refused(write(good.replace("peers:", many)))
    assert "at most 10000 guests on all duts together" in text
    assert "--guests" in refused(write(good), guest_count=-1)
    assert "--guests" in refused(write(good), guest_count=10**12)


@pytest.mark.parametrize("path", ["", "a\0b", "x" * 5000, "/dev/null/x", "board1,board2,", "/dev/zero"])
def test_paths_that_lead_nowhere(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(Path(path))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hosts.yml")
    assert "this is not a file" in refused(tmp_path)


def test_a_file_that_may_not_be_read(write: Write) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read every file")
    lab = write()
    (lab / "hosts.yml").chmod(0)
    assert "Permission denied" in refused(lab)


words = st.sampled_from(
    [
        *("duts", "peers", "hosts", "vars", "children", "all", "local_boards", "board1", "b[1:3]", "eth1"),
        *("board_nic", "board_address", "192.0.2.1/24", "board_package_host", "ansible_host", "guest_count"),
        *("guest_list", "name", "mac", "address", "guest_first_host", "local_board_cables", "instrument_x"),
        *("<<", "yes", "{{x}}"),
    ]
)
pieces = words | st.sampled_from([":", "\n", "  ", "- ", "&a ", "*a", "!t ", "'", '"', "=", "[duts]", "#"])
scalars = words | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=25,
)


def written(value: object) -> str:
    """A value as YAML in flow style, texts without quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return "~" if value is None else str(value)


def with_board(variables: object) -> str:
    return f"duts: {{hosts: {{board1: {written(variables)}}}}}\npeers: {{hosts: {{board2: }}}}"


fuzzed = (
    documents.map(with_board)
    | documents.map(written)
    | st.text(max_size=200)
    | st.lists(pieces, max_size=40).map("".join)
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=fuzzed, name=st.sampled_from(["hosts.yml", "hosts", "hosts.ini"]))
@example(text="duts: {hosts: {board1: {board_nic: {}}}}", name="hosts.yml")
def test_anything_at_all(text: str, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_text(text, encoding="utf-8", errors="replace")
        try:
            refusal = "" if load(folder).duts else "no dut"
        except InvalidInput as error:
            refusal = "" if error.problems and str(error) else "no reason"
        assert refusal == ""


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=100), name=st.sampled_from(["hosts.yml", "hosts", "group_vars/all"]))
def test_any_bytes(data: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        with pytest.raises(InvalidInput):
            load(folder)
