# SPDX-License-Identifier: Apache-2.0
"""How a run differs from what was published beside it: each difference by name, read off the run's own trials.

What a run does not say is said to be unknown, not taken for granted.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netlab.report.hardware import SAYS
from netlab.report.published import Line, Publication
from netlab.report.summary import Summary
from netlab.report.text import one_line
from netlab.report.words import Note

NOT_PACED = "unpaced_although_asked"
FIRST_SAMPLE = "first_sample_contains_connect"
TIMEOUT = "retransmission_timeout_suspected"
RESENT = "tcp_retransmissions"
NOT_QUIET = "machine_not_quiet"
LONGEST = 40  # of a word of a command; a list of selectors is 300


def differences(publication: Publication, summary: Summary) -> list[Note]:
    """A paragraph a difference, the gravest first."""
    lines = publication.lines
    if not lines:
        return [Note("Compared", "No row of these tables was measured: there is nothing to compare.", True)]
    return [
        *_hardware(publication, summary),
        _pacing(publication, lines),
        _first_sample(publication, lines),
        _timeouts(publication, lines),
        *_guests(publication, lines, summary),
        *_load(publication, lines),
        *_busy(lines),
        _runs(publication, summary),
        *_command(publication, lines),
    ]


def _hardware(publication: Publication, summary: Summary) -> Iterator[Note]:
    kinds: dict[str, list[str]] = {}
    for table in publication.tables:
        for row in table.rows:
            if row.lines:
                kinds.setdefault(row.hardware, []).append(row.label)
    every = sum(len(labels) for labels in kinds.values())
    said = [
        f"{'every row' if len(labels) == every else ', '.join(labels)}: {_kind(kind)}"
        for kind, labels in kinds.items()
    ]
    nics = sorted({board.nic for board in summary.boards if board.nic})
    ours = f" The measured NIC here: {', '.join(nics)}{_coalescing(summary)}." if nics else ""
    about = publication.about
    text = (
        f"Published: {about['hardware']}. Here, {'; '.join(said)}. The published NIC: {about['nic']}.{ours}"
    )
    yield Note("Hardware", text, caution=any(kind != "ARM64" for kind in kinds))


def _kind(kind: str) -> str:
    return " / ".join(SAYS.get(one, one) for one in kind.split(" / "))


def _coalescing(summary: Summary) -> str:
    """What the boards' environment says of it, if it was read."""
    environment = summary.source.manifest.environment
    told = environment.before or environment.after or {}
    found = set()
    for board in summary.boards:
        link = _at(told, board.name, "links", board.nic.split(" ")[0])
        if "coalescing" in link:
            values = _at(link, "coalescing")
            usecs = values.get("rx_usecs", values.get("rx-usecs"))
            found.add(f"{usecs} us" if usecs is not None else "none to set")
    return f" (receive coalescing {' / '.join(sorted(found))})" if found else ""


def _pacing(publication: Publication, lines: Sequence[Line]) -> Note:
    interval = publication.about["interval"]
    unpaced = _flagged(lines, NOT_PACED)
    words = sorted({one_line(line["pacing"]) for line in lines if line.get("pacing")})
    how = f" ({'; '.join(words)})" if words else ""
    if unpaced:
        some = (
            "the netperf here cannot do that" if len(unpaced) == len(lines) else "not every netperf here can"
        )
        ours = f"{some}: {_of(unpaced, lines)} were not paced{how}."
    elif words:
        ours = f"this run was paced as its trials say{how}."
    else:
        ours = "whether this run was paced, its trials do not say."
    text = (
        f"The command asks for {interval}; {ours} Whether the published runs were paced is not known: a build without "
        "pacing says so on stdout and goes on with status 0. Paced and back to back are two experiments: a guest that "
        "sleeps between requests has to be woken for each."
    )
    return Note("Pacing", text, caution=bool(unpaced) or not words)


def _first_sample(publication: Publication, lines: Sequence[Line]) -> Note:
    found = _flagged(lines, FIRST_SAMPLE)
    limit = publication.about["timeout_us"]
    ratios = [
        row.figures["max_us"] / row.figures["mean_us"]
        for table in publication.tables
        for row in table.rows
        if row.figures and row.figures["max_us"] < limit
    ]
    text = (
        "The published max, avg and stddev count connect(): the stamp of the first sample is taken before it, and "
        f"max is {min(ratios):.1f} to {max(ratios):.1f} times avg wherever no packet was lost. "
    )
    if len(found) == len(lines):
        text += "So do those here: of the four figures only min is free of it."
    elif found:
        text += f"So do those of {_of(found, lines)} here."
    else:
        text += "Those here do not, as far as the trials say."
    return Note("First sample", text, caution=True)


def _timeouts(publication: Publication, lines: Sequence[Line]) -> Note:
    limit = publication.about["timeout_us"]
    greatest = [
        f"{row.figures['max_us']:g}"
        for table in publication.tables
        for row in table.rows
        if row.figures.get("max_us", 0) >= limit
    ]
    suspected, resent = _flagged(lines, TIMEOUT), _flagged(lines, RESENT)
    slow = [line for line in lines if _number(line, "max_us") >= limit and line not in suspected]
    text = (
        f"The published maxima of {' and '.join(greatest)} us are TCP's retransmission timer ({limit / 1000:g} ms at "
        "least), not scheduling: a few lost packets among 1000 explain their stddev. "
    )
    told = [
        *([f"{_of(suspected, lines)} have such a maximum"] if suspected else []),
        *([f"{_of(slow, lines)} are as slow without the flag"] if slow else []),
        *([f"{_of(resent, lines)} sent segments again"] if resent else []),
    ]
    text += (
        f"Here {'; '.join(told)}." if told else "Here no trial has such a maximum, nor sent a segment again."
    )
    return Note("Retransmission timeouts", text, caution=bool(suspected or slow))


def _guests(publication: Publication, lines: Sequence[Line], summary: Summary) -> Iterator[Note]:
    in_guest = [line for line in lines if line.get("guest")]
    if not in_guest:
        return
    boards = {str(line.get("board")) for line in in_guest}
    under = sorted(
        {
            f"under {board.accelerator.upper()}{' (emulated CPUs)' if board.accelerator == 'tcg' else ''}"
            for board in summary.boards
            if board.name in boards and board.accelerator
        }
    )
    names = {name for line in summary.source.outcomes() for name in _guest_names(line)}
    more = f" {len(names)} guests were on the dut, those without traffic idle." if len(names) > 1 else ""
    ours = f"run {' and '.join(under)}" if under else "run in a way that the run does not say"
    text = f"Published: {publication.about['guests']}. Guests here {ours}.{more}"
    yield Note("Guests", text, caution=any("TCG" in one for one in under) or not under)


def _guest_names(line: Line) -> Iterator[str]:
    for part in (line, *(line.get("flows") or ()), *(line.get("loads") or ())):
        if isinstance(part, Mapping) and part.get("guest"):
            yield str(part["guest"])


def _load(publication: Publication, lines: Sequence[Line]) -> Iterator[Note]:
    loaded = [line for line in lines if line.get("loads")]
    if not loaded:
        return
    told = [
        f"{own.label}: {own.row.load}"
        for table in publication.tables
        for own in table.rows
        if own.row and own.row.load
    ]
    achieved = "; ".join(told) or "this run does not say either"
    cpus = sorted({pin for line in loaded for pin in _pinned(line)})
    where = f" Programs were bound here: {', '.join(cpus)}." if cpus else ""
    text = (
        f"How much B moved, and on which CPUs, was not published. Here {achieved}.{where} Only samples taken while "
        "B ran count here; whether the published do is not known."
    )
    yield Note("Load (B)", text)


def _pinned(line: Line) -> Iterator[str]:
    """`different-cpus: A on CPU 0`, as the trial's pins say."""
    programs = _at(line, "pins").get("programs")
    if isinstance(programs, Mapping):
        for name, cpu in programs.items():
            yield one_line(f"{line.get('condition')}: {name} on CPU {cpu}")


def _busy(lines: Sequence[Line]) -> Iterator[Note]:
    if found := _flagged(lines, NOT_QUIET):
        some = _of(found, lines)
        text = (
            f"Here {some} began while the machine was busy; how busy the published boards were is not known."
        )
        yield Note("Other load", text, caution=True)


def _runs(publication: Publication, summary: Summary) -> Note:
    rows = publication.rows
    runs = sorted({row.runs for row in rows})
    each = sorted({round(row.samples / row.runs) for row in rows if row.samples})
    many = f" of {_span(each)} transactions" if each else ""
    text = f"Published: {publication.about['runs']}. A row here is {_span(runs)} run{'s' if runs != [1] else ''}{many}"
    if runs[-1] > 1:
        text += (
            "; min and max are those of all of them, further apart than one run's; stddev is that of all too"
        )
    warm_up = summary.source.manifest.plan.get("warm_up_s")
    if isinstance(warm_up, int | float) and warm_up > 0:
        text += f". {warm_up:g} s of traffic went before each; before the published none is known of"
    return Note("Runs", f"{text}.")


def _command(publication: Publication, lines: Sequence[Line]) -> Iterator[Note]:
    theirs = shlex.split(publication.about["command"])
    published, program = _options(theirs[1:]), theirs[0]
    ran = [[str(word) for word in line["command"]] for line in lines if line.get("command")]
    if not ran:
        yield Note("Command", "What was run here, the trials do not say.", caution=True)
        return
    started = {" ".join(words[: _place(words, program)]) for words in ran}
    ours = {option for words in ran for option in _options(words[_place(words, program) + 1 :])}
    more, less = sorted(ours - set(published)), sorted(set(published) - ours)
    before = sorted(started - {""})
    told = [
        f"here started by {', '.join(before)}{' in some trials' if '' in started else ''}" if before else "",
        f"here also {', '.join(more)}" if more else "",
        f"not here {', '.join(less)}" if less else "",
    ]
    if any(told):
        text = f"Published: {publication.about['command']}. Different: {'; '.join(filter(None, told))}."
        yield Note("Command", text)


def _place(words: Sequence[str], program: str) -> int:
    """Where the program's own words begin: others may start it, on a CPU of its own for one."""
    names = [word.rpartition("/")[2] for word in words]
    return names.index(program) if program in names else 0


def _options(words: Sequence[str]) -> list[str]:
    """`-t TCP_RR`, … in order; addresses and ports, which every lab has its own, are left out."""
    found: list[str] = []
    for word in words:
        if re.match(r"-[A-Za-z]", word):
            found.append(word)
        elif found and word != "--":
            found[-1] += f" {word if len(word) <= LONGEST else word[: LONGEST - 3] + '...'}"
    return [option for option in found if not option.startswith(("-H ", "-L ", "-p "))]


# -- small words ------------------------------------------------------------------------------------------


def _flagged(lines: Sequence[Line], rule: str) -> list[Line]:
    return [line for line in lines if any(flag.get("rule") == rule for flag in line.get("flags") or ())]


def _of(some: Sequence[Line], lines: Sequence[Line]) -> str:
    return f"all {len(lines)} trials" if len(some) == len(lines) else f"{len(some)} of {len(lines)} trials"


def _span(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def _number(line: Line, key: str) -> float:
    value = _at(line, "metrics").get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _at(value: Any, *keys: str) -> Mapping[str, Any]:
    """What lies at nested keys, if it is a mapping; else an empty one."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}
