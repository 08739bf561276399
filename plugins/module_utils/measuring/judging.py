# SPDX-License-Identifier: Apache-2.0
"""From the outputs of a trial's flows to its figures, or the one reason why there are none. Pure."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Sequence
from typing import Any

from ansible_collections.netlab.testbed.plugins.module_utils.measuring.errors import MeasurementError
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flags import each_rule_once
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.flows import Run
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.instrument import Output, Result
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.merge import merged
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.rules import retransmission
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.samples import encode
from ansible_collections.netlab.testbed.plugins.module_utils.measuring.session import Session

KEPT = 32 * 1024  # characters of a flow's output that are kept verbatim; samples hold the rest
GZIP = b"\x1f\x8b"


def keep(
    session: Session, asked: Any, runs: Sequence[Run], outputs: Sequence[Output], result: dict[str, Any]
) -> None:
    """What ran, and what it printed, whatever it is worth."""
    result["raw"] = _raw(session, outputs)
    result["flows"] = [
        {
            "guest": stand.flow.guest,
            "peer_address": stand.flow.peer_address,
            "cpu": stand.flow.cpu,
            "started": run.started,
            "finished": run.finished,
            "command": session.command(asked, stand.flow),
            "metrics": {},
            "reason": None,
        }
        for stand, run in zip(session.stands, runs, strict=True)
    ]


def judge(
    session: Session, asked: Any, runs: Sequence[Run], outputs: Sequence[Output], result: dict[str, Any]
) -> None:
    """Fill in the figures. MeasurementError where one flow has none: the others' are not the trial's."""
    parsed = _parsed(session, asked, outputs, result)
    whole = merged(parsed)
    result["metrics"], result["pacing"] = whole.metrics, whole.pacing
    counters = result["counters"]
    here = "guest" if session.stands[0].flow.guest is not None else "board"
    meanwhile = session.instrument.asked_meanwhile(asked) if any(run.looks for run in runs) else []
    waits = retransmission(whole.metrics, counters["before"][here], counters["after"][here])
    result["flags"] = each_rule_once([*whole.flags, *meanwhile, *waits])
    result["samples"] = encode([one.samples for one in parsed])


def _parsed(session: Session, asked: Any, outputs: Sequence[Output], result: dict[str, Any]) -> list[Result]:
    parsed: list[Result] = []
    failed: MeasurementError | None = None
    for number, output in enumerate(outputs):
        flow = result["flows"][number]
        try:
            parsed.append(session.instrument.parse(output, asked))
            flow["metrics"] = parsed[-1].metrics
        except MeasurementError as error:
            flow["reason"] = str(error)
            where = f"flow {number} ({session.stands[number].place.name}): " if len(outputs) > 1 else ""
            failed = failed or MeasurementError(f"{where}{error}", error.rule)
    if failed:
        raise failed
    return parsed


def _text(file: bytes) -> str:
    """The beginning of what was written to a file, unpacked; one that cannot be is shown as it is."""
    if file.startswith(GZIP):
        with contextlib.suppress(zlib.error):
            file = zlib.decompressobj(wbits=31).decompress(file, KEPT + 1)
    return file.decode("utf-8", errors="replace")


def _raw(session: Session, outputs: Sequence[Output]) -> str:
    """Verbatim; with several flows each under a line that says whose it is. Long ones are cut, and say so."""
    parts = []
    for number, output in enumerate(outputs):
        text = output.stdout + output.stderr + _text(output.file)
        if len(text) > KEPT:
            text = f"{text[:KEPT]}\n[the rest is left out]\n"
        name = session.stands[number].place.name
        parts.append(f"[flow {number}: {name}]\n{text}" if len(outputs) > 1 else text)
    return "".join(parts)
