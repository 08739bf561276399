# SPDX-License-Identifier: Apache-2.0
"""What a lock says of its holder."""

from __future__ import annotations

from netlab.inventory.definitions import is_template
from netlab.play import locks


def test_a_file_with_a_template_for_a_name_is_only_a_name() -> None:
    """The purpose goes to Ansible as a variable, which would evaluate it."""
    words = ["reproduce", "{{{ lookup('pipe', 'id') }}.zip", "{%x%}", "{#y#}"]
    said = locks.purpose(words)
    assert not is_template(said)
    assert said == "netlab reproduce (({ lookup('pipe', 'id') }}.zip (%x%} (#y#}"


def test_a_command_is_told_as_it_was_called() -> None:
    assert locks.purpose(["deploy", "-t", "tap"]) == "netlab deploy -t tap"
