# SPDX-License-Identifier: Apache-2.0
"""A failed task's result in words."""

from __future__ import annotations

import pytest

from netlab.play.explain import MOST_LINES, explain


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"msg": "nlbr0 is somebody else's"}, "nlbr0 is somebody else's"),
        ({"msg": "Task failed: 'guests' is undefined"}, "'guests' is undefined"),
        ({"msg": "Task failed: Module failed: boom", "rc": 1}, "the module crashed: boom"),
        (
            {"msg": "non-zero return code", "cmd": ["ip", "link"], "rc": 2, "stderr": "no such device\n"},
            "ip link ended with status 2\nno such device",
        ),
        (
            {
                "msg": "Module result deserialization failed: No start of json char found",
                "module_stderr": "Killed\n",
                "module_stdout": "",
                "rc": 137,
            },
            "the module ended without an answer, with status 137\nKilled",
        ),
        (
            {"msg": "Validation of arguments failed", "argument_errors": ["missing required arguments: a"]},
            "missing required arguments: a",
        ),
        (
            {
                "msg": "One or more items failed",
                "results": [
                    {"msg": "eth7 is missing", "failed": True},
                    {"msg": "fine"},
                    {"msg": "eth7 is missing", "failed": True},
                    {"msg": "eth8 is missing", "failed": True},
                ],
            },
            "eth7 is missing\neth8 is missing",
        ),
        ({"censored": "the output has been hidden"}, "the output has been hidden"),
        ({}, "the task gave no reason"),
    ],
)
def test_words(result, words) -> None:
    assert explain(result) == words


def test_a_long_message_keeps_its_beginning_and_its_end() -> None:
    text = explain({"msg": "\n\n".join(f"line {number}" for number in range(100))})
    lines = text.splitlines()
    assert len(lines) == MOST_LINES + 1
    assert lines[0] == "line 0"
    assert lines[-1] == "line 99"
    assert "88 lines more" in text
