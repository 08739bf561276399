# SPDX-License-Identifier: Apache-2.0
"""The boards that this command holds, as its plays tell; the variables that tell a play who holds them."""

from __future__ import annotations

import os
import pwd
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from netlab.play.events import Event, TaskDone
from netlab.play.runner import Listener

PREFIX = "testbed_lock_"


def holder(*, break_lock: bool = False) -> dict[str, Any]:
    """This process, whose it is and what it is for: what a lock says of it."""
    return {
        f"{PREFIX}pid": os.getpid(),
        f"{PREFIX}user": owner(),
        f"{PREFIX}purpose": purpose(sys.argv[1:]),
        f"{PREFIX}break": break_lock,
    }


def purpose(words: Sequence[str]) -> str:
    """The command that was called. A file's name may come from somebody else: in it Ansible finds no template."""
    return re.sub(r"\{(?=[{%#])", "(", " ".join(["netlab", *words]))


def owner() -> str:
    """Who runs this: with sudo, who called it. Ansible does not get to see that."""
    caller = os.environ.get("SUDO_USER")
    if caller and os.geteuid() == 0:
        return caller
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def variables(extravars: Mapping[str, Any]) -> dict[str, Any]:
    """Of a play's variables those that another play takes to be the same holder."""
    return {name: value for name, value in extravars.items() if name.startswith(PREFIX)}


def takes(extravars: Mapping[str, Any]) -> bool:
    """Whether a play with these variables may take a board."""
    return f"{PREFIX}keep" in extravars or bool(extravars.get(f"{PREFIX}first"))


class Held(Listener):
    """Which boards are held now."""

    def __init__(self) -> None:
        self.boards: set[str] = set()

    def event(self, event: Event) -> None:
        if isinstance(event, TaskDone):
            self.boards |= set(event.result.get("locked") or ())
            self.boards -= set(event.result.get("unlocked") or ())
