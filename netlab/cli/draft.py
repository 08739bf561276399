# SPDX-License-Identifier: Apache-2.0
"""What `netlab init` does: name boards, ask them in a play, decide or ask the user, write."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from netlab import collection
from netlab.cli import output, questions
from netlab.cli.session import session
from netlab.errors import BoardUnreachable, InvalidInput, NetlabError, PlayFailed, Problem
from netlab.inventory import Inventory
from netlab.inventory.draft import answers, files, network, nics
from netlab.inventory.draft import targets as named
from netlab.inventory.draft.answers import Answer, Nic
from netlab.inventory.draft.targets import Access, Target
from netlab.play import unreachable
from netlab.play.outcome import Outcome

EXAMPLE = "netlab init my-lab --dut root@203.0.113.11 --peer root@203.0.113.12"


@dataclass(frozen=True)
class Wanted:
    """The command line."""

    folder: Path | None
    duts: Sequence[str]
    peers: Sequence[str]
    nics: Sequence[str] = field(default=())
    network: str | None = None
    key: Path | None = None
    known_hosts: Path | None = None
    verbose: bool = False


def perform(wanted: Wanted) -> None:
    """From the command line to the written folder."""
    folder = wanted.folder or questions.folder()
    if folder is None:
        raise InvalidInput(
            [Problem("no folder was named", key="DIR", expected="a new folder's name")], hint=EXAMPLE
        )
    folder = folder.expanduser()
    files.refuse_existing(folder)
    targets = _targets(wanted)
    of_boards = _named_nics(wanted.nics, [target.name for target in targets])
    asked_for = _network(wanted.network)
    access = _access(wanted)
    found = _ask(targets, access, verbose=wanted.verbose)
    if twice := nics.same_machine(list(found.items())):
        raise InvalidInput(twice)
    chosen = _choose(found, of_boards, again=_again(folder, wanted))
    addresses = _addresses(chosen, found, targets, asked_for)
    boards = [
        files.Board(target, found[target.name], chosen[target.name], addresses[target.name])
        for target in targets
    ]
    texts = files.texts(str(folder), boards, access)
    files.validate(texts)
    written = files.write(folder, texts)
    _say(folder, boards, written)


def _targets(wanted: Wanted) -> list[Target]:
    duts, peers = list(wanted.duts), list(wanted.peers)
    if questions.possible():
        duts = duts or questions.boards("Boards that are to host guests")
        peers = peers or questions.boards("Boards at the other end of the measured cable")
    missing = [
        Problem(f"no {what} was named", key=option, expected=named.FORM)
        for option, what, words in (
            ("--dut", "board that is to host guests", duts),
            ("--peer", "board at the other end of the measured cable", peers),
        )
        if not words
    ]
    if missing:
        raise InvalidInput(missing, hint=EXAMPLE)
    targets, problems = named.read(duts, peers)
    if problems:
        raise InvalidInput(problems, hint=EXAMPLE)
    return targets


def _named_nics(words: Sequence[str], boards: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    problems = []
    for word in words:
        board, _, nic = word.partition("=")
        if board not in boards or not nic:
            what = f"there is no board {board!r}" if nic else "BOARD=NIC is expected"
            expected = " or ".join(f"{name}=eth0" for name in boards)
            problems.append(Problem(what, key=f"--nic {word}", expected=expected))
        elif found.get(board, nic) != nic:
            what = f"another NIC of {board} was named, {found[board]}"
            problems.append(Problem(what, key=f"--nic {word}", expected="one measured NIC a board"))
        found[board] = nic
    if problems:
        raise InvalidInput(problems)
    return found


def _network(word: str | None) -> network.Network | None:
    if word is None:
        return None
    found = network.read(word)
    if isinstance(found, Problem):
        raise InvalidInput([found])
    return found


def _access(wanted: Wanted) -> Access:
    problems = [
        Problem("there is no such file", str(path), key=option, expected="a file that ssh(1) can read")
        for option, path in (("--key", wanted.key), ("--known-hosts", wanted.known_hosts))
        if path is not None and not path.expanduser().is_file()
    ]
    if problems:
        raise InvalidInput(problems)
    return Access(
        wanted.key and wanted.key.expanduser().absolute(),
        wanted.known_hosts and wanted.known_hosts.expanduser().absolute(),
    )


def _ask(targets: Sequence[Target], access: Access, *, verbose: bool) -> dict[str, Answer]:
    """Every board's answer, by a play over an inventory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="netlab-") as place:
        files.write(Path(place), files.asked(targets, access))
        with session(Inventory(Path(place) / "hosts.yml", {}, {}), verbose=verbose) as work:
            performed = work.read("ask")
    if performed.error is not None:
        raise _in_words(performed.error, performed.outcome, targets, access)
    return {target.name: answers.read(performed.outcome.reports[target.name]) for target in targets}


def _in_words(error: NetlabError, outcome: Outcome, targets: Sequence[Target], access: Access) -> NetlabError:
    """The same error with what helps, on boards that no inventory knows yet."""
    by_name = {target.name: target for target in targets}
    if isinstance(error, BoardUnreachable):
        hints = []
        for event in sorted(outcome.unreachable, key=lambda event: event.board):
            target, cause = by_name[event.board], unreachable.cause(event.message)
            helps = cause.helps if cause else "{ssh}   (does it sign in by hand?)"
            file = f" -f {access.known_hosts}" if access.known_hosts else ""
            hints.append(
                helps.format(
                    ssh=target.ssh(access), host=target.host, known=_in_known_hosts(target), file=file
                )
            )
        error.hint = "\n     ".join(hints)
    elif isinstance(error, PlayFailed) and outcome.failures:
        target = by_name[outcome.failures[0].board]
        said = outcome.failures[0].message
        if "sudo" in said or "become" in said:
            error.hint = (
                f"{target.ssh(access)} sudo -n true   (init needs a user who may use sudo without a password)"
            )
        elif "python3" in said:
            error.hint = (
                f"{target.ssh(access)} apt-get install -y python3   (Ansible's part on a board is Python)"
            )
        elif "iproute2" in said:
            error.hint = f"{target.ssh(access)} apt-get install -y iproute2"
    return error


def _in_known_hosts(target: Target) -> str:
    return target.host if target.port == named.SSH else f"'[{target.host}]:{target.port}'"


def _choose(found: Mapping[str, Answer], of_boards: Mapping[str, str], again: str) -> dict[str, Nic]:
    """The measured NIC of each board: named, the only one, or chosen by the user now."""
    chosen: dict[str, Nic] = {}
    problems: list[Problem] = []
    flags: list[str] = []
    for board, answer in found.items():
        if board in of_boards:
            nic = nics.named(board, answer, of_boards[board])
        else:
            nic = nics.only_one(answer) or nics.undecided(board, answer)
            options = nics.choices(answer)
            if isinstance(nic, Problem) and options and questions.possible():
                nic = questions.nic(board, options)
            elif isinstance(nic, Problem) and options:
                flags.append(f" --nic {board}={options[0].name}")
        if isinstance(nic, Problem):
            problems.append(nic)
        else:
            chosen[board] = nic
    if problems:
        raise InvalidInput(problems, hint=f"{again}{''.join(flags)}" if flags else None)
    return chosen


def _addresses(
    chosen: Mapping[str, Nic],
    found: Mapping[str, Answer],
    targets: Sequence[Target],
    asked_for: network.Network | None,
) -> dict[str, str]:
    hosts = [target.host for target in targets]
    if asked_for is None and (there := network.there_already(chosen)):
        return there
    if asked_for is None:
        asked_for = network.proposed(found, hosts)
        if asked_for is None:
            tried = f"{network.PROPOSED[0]} to {network.PROPOSED[-1]}"
            what = f"each network that could be proposed is in use on some board ({tried})"
            raise InvalidInput([Problem(what, key="--network", expected=network.FORM)])
    elif used := network.conflicts(asked_for, found, hosts):
        what = f"it is in use: {'; '.join(used)}"
        other = network.proposed(found, hosts)
        raise InvalidInput(
            [
                Problem(
                    what,
                    key=f"--network {asked_for}",
                    expected=f"one that is free, such as {other}" if other else network.FORM,
                )
            ]
        )
    return network.addresses(asked_for, [target.name for target in targets])


def _again(folder: Path, wanted: Wanted) -> str:
    """The same command, without what it was told of NICs where that is still to come."""
    words = ["netlab", "init", str(folder)]
    for option, values in (("--dut", wanted.duts), ("--peer", wanted.peers), ("--nic", wanted.nics)):
        words += [word for value in values for word in (option, value)]
    for option, value in (
        ("--network", wanted.network),
        ("--key", wanted.key),
        ("--known-hosts", wanted.known_hosts),
    ):
        words += [option, str(value)] if value else []
    return shlex.join(words)


def _say(folder: Path, boards: Sequence[files.Board], written: Sequence[Path]) -> None:
    output.table(
        ["board", "hostname", "measured NIC", "", "address"],
        [
            [
                board.target.name,
                board.answer.facts.get("hostname"),
                board.nic.name,
                str(board.nic),
                board.address,
            ]
            for board in boards
        ],
    )
    output.line()
    output.line(f"written: {', '.join(map(str, written))}")
    option = collection.inventory_option(str(folder))
    print(f"next: netlab check{option}   (what each board can carry, or why not)", file=sys.stderr)  # noqa: T201
