# SPDX-License-Identifier: Apache-2.0
"""What the engine needs of an instrument: how it is told, run and read. Pure types.

An instrument is a role ``instrument_<name>``, a module ``<name>`` of a dozen lines, and a package
``module_utils/<name>`` whose ``instrument.py`` has one object that satisfies Instrument. Nothing else names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import Flag
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.place import Place
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.samples import Samples

Metrics = dict[str, Any]


@dataclass(frozen=True)
class Flow:
    """One program that measures: in a guest, or on the board (None), towards an address.

    ``cpu`` is the one CPU that it may run on, counted where it runs; None leaves that to the scheduler.
    """

    peer_address: str
    control_port: int
    guest: str | None = None
    cpu: int | None = None
    local_address: str | None = None


class Output(NamedTuple):
    """What a program left when it ended. ``file`` is what it wrote to the path it was given.

    ``started_ns`` is when it was started, ns since the epoch by the board's clock; 0 where nobody knows.
    """

    rc: int
    stdout: str
    stderr: str
    file: bytes = b""
    started_ns: int = 0


class Result(NamedTuple):
    """``*_us``: microseconds of a round trip; None where there is no figure, with a flag that says why.

    ``pacing`` is how the requests really followed one another, in words.
    """

    metrics: Metrics
    flags: list[Flag]
    pacing: str | None
    samples: Samples | None = None


class Server(NamedTuple):
    """A program for the other end, in the foreground. ``transport`` (tcp, udp) is of the socket it listens at."""

    argv: list[str]
    transport: str


AskedT = TypeVar("AskedT")


class Instrument(Protocol[AskedT]):
    """``AskedT`` is what a trial's parameters come to: a frozen dataclass of the instrument's own."""

    name: str
    port: int  # where its server listens when nobody says otherwise
    file_suffix: str | None  # how the file's name ends that its command writes; None where it writes none

    def read_parameters(self, raw: Any) -> AskedT:
        """Check parameters and fill in what is left out. ParameterError."""
        ...

    def command(self, asked: AskedT, flow: Flow, file: str) -> list[str]:
        """The argument vector. ``file`` is the path to write to, "" for an instrument that writes none."""
        ...

    def servers(self, address: str, port: int) -> list[Server]:
        """What has to run at the other end. ParameterError."""
        ...

    def check_together(self, asked: AskedT, flows: Sequence[Flow]) -> None:
        """ParameterError where these cannot run at the same time."""
        ...

    def expected_s(self, asked: AskedT) -> float | None:
        """How long a run takes from its start; None where that is not known beforehand."""
        ...

    def time_limit_s(self, asked: AskedT) -> float:
        """How long a run may take before it is given up."""
        ...

    def warm_up(self, asked: AskedT, seconds: float) -> AskedT:
        """The same for so long (or the next length that the program can be told); thrown away afterwards."""
        ...

    def local_cpus(self, asked: AskedT) -> dict[str, int]:
        """CPUs that parameters bind the program to, by the parameter's name."""
        ...

    def why_it_hung(self, asked: AskedT) -> str:
        """What to add to the reason of a run that did not end; may be nothing."""
        ...

    def parse(self, output: Output, asked: AskedT) -> Result:
        """Figures and flags. MeasurementError, with the rule's name where the output breaks one."""
        ...

    def asked_meanwhile(self, asked: AskedT) -> Sequence[Flag]:
        """Flags of a run during which the guest's agent had to be asked whether it had ended."""
        ...

    def probe(self, place: Place) -> dict[str, Any]:
        """What the program can do there. MeasurementError."""
        ...
