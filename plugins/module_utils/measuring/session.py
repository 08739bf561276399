# SPDX-License-Identifier: Apache-2.0
"""The flows of one trial at their places: read counters there, run the instrument there, fetch what it left."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.counters import (
    FILES,
    read_counters,
    usable_cpus,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import ParameterError, TimeOver
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flows import (
    Command,
    Run,
    at_once,
    run_together,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import (
    Flow,
    Instrument,
    Output,
)
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.place import Place
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.places import Places


@dataclass(frozen=True)
class Stand:
    """A flow and the place that it runs at."""

    flow: Flow
    place: Place


class Session:
    """One instrument and its flows."""

    def __init__(self, instrument: Instrument[Any], flows: Sequence[Flow], places: Places) -> None:
        self.instrument = instrument
        self.board = places.at(None)
        self._files: list[str] = []
        self.stands = [Stand(flow, places.at(flow.guest)) for flow in flows]

    def command(self, asked: Any, flow: Flow, file: str = "FILE") -> list[str]:
        """With the CPU that the flow is pinned to: taskset(1) sets what the program inherits."""
        argv = self.instrument.command(asked, flow, "" if self.instrument.file_suffix is None else file)
        return argv if flow.cpu is None else ["taskset", "-c", str(flow.cpu), *argv]

    def run(self, asked: Any) -> list[Run]:
        """All flows at once, to their ends. What they wrote waits for outputs() or discard()."""
        self.discard()
        suffix = self.instrument.file_suffix
        if suffix is not None:
            self._files = [
                stand.place.new_file(f"{self.instrument.name}{number}", suffix)
                for number, stand in enumerate(self.stands)
            ]
        commands = [
            Command(stand.place, self.command(asked, stand.flow, file))
            for stand, file in zip(self.stands, self._files or [""] * len(self.stands), strict=True)
        ]
        limit, expected = self.instrument.time_limit_s(asked), self.instrument.expected_s(asked)
        try:
            return run_together(commands, limit, expected)
        except TimeOver as error:
            raise TimeOver(f"{error}{self.instrument.why_it_hung(asked)}") from error

    def outputs(self, runs: Sequence[Run]) -> list[Output]:
        """What each left; fetched from all places at the same time."""
        contents = self.discard() or [b""] * len(runs)
        return [
            Output(*run.ended, file=content, started_ns=run.started_ns)
            for run, content in zip(runs, contents, strict=True)
        ]

    def discard(self) -> list[bytes]:
        """Take what was written since the last time, so that nothing of it is left there."""
        files, self._files = self._files, []
        taking = zip(self.stands, files, strict=False)
        return at_once([functools.partial(stand.place.take, file) for stand, file in taking])

    def counters(self, interfaces: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
        """Of the board and the guests; and for each flow the text of its place.

        ``guest`` is the first flow's; where several guests measure, ``guests`` has each by its name.
        """
        guests = {stand.flow.guest: stand.place for stand in self.stands if stand.flow.guest is not None}
        read = at_once([functools.partial(place.read, FILES) for place in guests.values()])
        texts: dict[str | None, str] = {None: self.board.read(FILES), **dict(zip(guests, read, strict=True))}
        counted = {name: read_counters(texts[name]) for name in guests}
        counters: dict[str, Any] = {"board": read_counters(texts[None], interfaces)}
        if self.stands[0].flow.guest is not None:
            counters["guest"] = counted[self.stands[0].flow.guest]
        if len(counted) > 1:
            counters["guests"] = counted
        return counters, [texts[stand.flow.guest] for stand in self.stands]

    def check_cpus(self, asked: Any, texts: Sequence[str]) -> None:
        """Programs pass a CPU over, without a word, that they cannot be bound to. ParameterError."""
        for stand, text in zip(self.stands, texts, strict=True):
            usable = usable_cpus(text)
            wanted = self.instrument.local_cpus(asked)
            if stand.flow.cpu is not None:
                if wanted:
                    name = next(iter(wanted))
                    raise ParameterError(f"{name}: this flow is pinned to CPU {stand.flow.cpu} already")
                wanted = {"cpu": stand.flow.cpu}
            for name, cpu in wanted.items():
                if usable is not None and cpu not in usable:
                    raise ParameterError(
                        f"{name}: {stand.place.name} cannot run {self.instrument.name} on CPU {cpu}; it may "
                        f"use {', '.join(map(str, sorted(usable)))}"
                    )
