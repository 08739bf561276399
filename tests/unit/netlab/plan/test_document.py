# SPDX-License-Identifier: Apache-2.0
"""YAML as data with line numbers: nothing else gets through."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import InvalidInput
from netlab.plan import document


def wrong(text: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        document.parse(text, "plan.yml")
    return str(caught.value)


def test_every_value_knows_its_line() -> None:
    read = document.parse(
        "name: x\ninstruments:\n  - netperf\n  - name: irtt\n    parameters:\n      gap: 1\n", "f"
    )
    assert read.data["instruments"][1] == {"name": "irtt", "parameters": {"gap": 1}}
    assert read.line_of(("instruments", 0)) == 3
    assert read.line_of(("instruments", 1, "parameters", "gap")) == 6
    assert read.line_of(("instruments", 1, "absent")) == 4  # the nearest thing around it
    assert read.line_of(("absent",)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "plan.yml:3: a: given twice (first on line 1)"),
        ("a: !!python/object/apply:os.system [id]\n", "plan.yml:1: a: the tag"),
        ("a: !!binary aGk=\n", "plan.yml:1: a: the tag"),
        ("a: !!int x\n", "plan.yml:1: a: not a value of its tag"),
        ("a: &x [1]\nb: *x\n", "YAML anchors and aliases are not accepted"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "plan.yml:3: c: a key must be a plain word"),
        ("? [1]\n: 2\n", "plan.yml:1: a key must be a plain word"),
        ("a: .nan\n", "plan.yml:1: a: .nan is not a number"),
        ("a: [1\n", "not YAML"),
        ("a: 1\n---\nb: 1\n", "plan.yml:2: not YAML"),
        ("a: \x07\n", "not YAML"),
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        pytest.param("[" * 3000, "nested too deeply", id="3000 brackets"),
    ],
)
def test_refused_with_its_place(text: str, expected: str) -> None:
    assert expected in wrong(text)


def test_all_problems_at_once() -> None:
    assert len(wrong("a: .nan\nb: .inf\nc: 1\nc: 2\n").splitlines()) == 6  # each with its "expected:" line


def test_no_such_file_and_not_a_text(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        document.read(tmp_path / "absent.yml")
    with pytest.raises(InvalidInput, match="Is a directory"):
        document.read(tmp_path)
    (tmp_path / "latin.yml").write_bytes(b"name: x\ntext: caf\xe9\n")
    with pytest.raises(InvalidInput, match=r"latin\.yml:2: not UTF-8"):
        document.read(tmp_path / "latin.yml")
    (tmp_path / "huge.yml").write_bytes(b"#" * (document.MAX_BYTES + 1))
    with pytest.raises(InvalidInput, match="larger than"):
        document.read(tmp_path / "huge.yml")


@given(st.text(max_size=60))
def test_any_text_is_data_or_an_input_error(text: str) -> None:
    """No other exception gets out."""
    with contextlib.suppress(InvalidInput):
        document.parse(text, "f")
