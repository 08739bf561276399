# SPDX-License-Identifier: Apache-2.0
"""What a board or a guest said is never evaluated: not when it is passed on, combined, looped over, or told."""

from __future__ import annotations

import pytest

from netlab.play.interrupt import Interrupt
from netlab.play.runner import Play, run

WORDS = [
    "{{ lookup('ansible.builtin.pipe', 'touch CANARY') }}",
    "{% set x = 1 %}",
    "$(touch CANARY)",
    "`touch CANARY`",
]


@pytest.mark.parametrize("words", WORDS)
def test_words_of_a_board_stay_words(lab, words: str) -> None:
    canary = lab.folder / "canary"
    said = words.replace("CANARY", str(canary))
    lab.file("said.txt", said)
    lab.tasks(
        "deploy",
        """
        - name: A board says it
          ansible.builtin.command: {argv: [cat, "{{ inventory_dir }}/said.txt"]}
          register: board_said
        - name: It is combined, passed to a program, and looped over
          ansible.builtin.command: {argv: [printf, "%s", "{{ item.reason }}"]}
          loop: "{{ [{'reason': board_said.stdout} | combine({'order': 1})] }}"
          loop_control: {label: "{{ item.reason }}"}
          register: board_again
        - name: It is a fact
          ansible.builtin.set_fact: {board_fact: "{{ board_again.results | map(attribute='stdout') | first }}"}
        - name: It is told
          netlab.testbed.report: {data: {fact: "{{ board_fact }}", first: "{{ board_said.stdout }}"}}
        """,
    )
    outcome = run(Play("deploy", lab.inventory), [], Interrupt())
    assert outcome.error() is None
    assert outcome.reports["board1"] == {"fact": said, "first": said}
    assert not canary.exists()
