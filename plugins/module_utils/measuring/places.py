# SPDX-License-Identifier: Apache-2.0
"""The places of one board: itself and its guests, all over one connection to libvirt."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Any, Self

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.on_board import OnBoard
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.place import Place
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError


class Places:
    """``with Places() as places: places.at("guest1")``; libvirt is not needed, nor loaded, without a guest."""

    def __init__(self) -> None:
        self._open = contextlib.ExitStack()
        self._libvirtd: Any = None
        self._known: dict[str | None, Place] = {None: OnBoard()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def at(self, guest: str | None) -> Place:
        """The guest of that name, or the board itself. BoardError where there is none."""
        if guest not in self._known:
            self._known[guest] = self._guest(str(guest))
        return self._known[guest]

    def lend(self, guest: str | None) -> contextlib.AbstractContextManager[Place]:
        """The same as a context manager, for those who would open a place of their own."""
        return contextlib.nullcontext(self.at(guest))

    def _guest(self, name: str) -> Place:
        from ansible_collections.netlab.testbed.plugins.module_utils import domain_ops
        from ansible_collections.netlab.testbed.plugins.module_utils.guest_agent import GuestAgent
        from ansible_collections.netlab.testbed.plugins.module_utils.measuring.in_guest import InGuest

        if self._libvirtd is None:
            self._libvirtd = self._open.enter_context(domain_ops.connection())
        domain = domain_ops.domain_named(self._libvirtd, name)
        if domain is None:
            raise BoardError(f"guest {name} is not there")
        return InGuest(GuestAgent(domain), name)
