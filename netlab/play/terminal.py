# SPDX-License-Identifier: Apache-2.0
"""The pseudo-terminal that ansible-runner gives Ansible, closed without the tenth of a second that it takes.

pexpect sleeps after closing a terminal, so that the kernel can note the end of the process behind it. Runner
closes it only after the process has ended and was waited for: there is nothing left to note.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def closed_at_once() -> Iterator[None]:
    """While inside, pexpect's terminals are closed without a delay."""
    import pexpect  # type: ignore[import-untyped]

    class Spawn(pexpect.spawn):  # type: ignore[misc]  # pexpect has no types
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.ptyproc.delayafterclose = 0.0

    slow = pexpect.spawn
    pexpect.spawn = Spawn
    try:
        yield
    finally:
        pexpect.spawn = slow
