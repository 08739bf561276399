# SPDX-License-Identifier: Apache-2.0
"""The inventory's files: their texts, and a folder that they are written to once and never over anything."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netlab import collection
from netlab.errors import InvalidInput, Problem
from netlab.inventory.draft import nics
from netlab.inventory.draft.answers import Answer, Nic
from netlab.inventory.draft.targets import Access, Target

FILES = {
    "hosts.yml": "hosts.yml.j2",
    "group_vars/all.yml": "all.yml.j2",
    "group_vars/duts.yml": "duts.yml.j2",
}
SAYS = {
    "duts": "Hosts the guests.",
    "peers": "The other end of the measured cable: sends and receives, hosts nothing.",
}


@dataclass(frozen=True)
class Board:
    """A board as it will stand in the inventory."""

    target: Target
    answer: Answer
    nic: Nic
    address: str


def texts(folder: str, boards: Sequence[Board], access: Access) -> dict[str, str]:
    """The text of each file, by its path in the folder."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("netlab.inventory.draft"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - YAML; what boards say passes `scalar` or `comment`
        keep_trailing_newline=True,
    )
    environment.filters |= {"scalar": scalar, "comment": comment}
    logins = [board.target.login for board in boards]
    shared = logins[0] if all(login == logins[0] for login in logins) else {}
    values = {
        "option": collection.inventory_option(folder),
        "says": SAYS,
        "groups": {
            group: [_board(board, alike=bool(shared)) for board in boards if board.target.group == group]
            for group in SAYS
        },
        "login": shared,
        "access": access.variables,
    }
    return {path: environment.get_template(name).render(values) for path, name in FILES.items()}


def _board(board: Board, *, alike: bool) -> dict[str, Any]:
    return {
        "name": board.target.name,
        "about": str(board.answer),
        "reached": board.target.variables | ({} if alike else board.target.login),
        "connection_nic": board.answer.connection_nic,
        "nic": board.nic,
        "others": [other for other in nics.choices(board.answer) if other.name != board.nic.name],
        "address": board.address,
    }


def asked(targets: Sequence[Target], access: Access) -> dict[str, Any]:
    """The inventory by which the boards are asked: no measured NIC in it yet."""
    import yaml

    ours = {"ansible_python_interpreter": "/usr/bin/python3", **access.variables}
    groups: dict[str, Any] = {group: {"hosts": {}} for group in SAYS}
    for target in targets:
        groups[target.group]["hosts"][target.name] = target.variables | target.login
    return {"hosts.yml": yaml.safe_dump({"all": {"vars": ours, "children": groups}})}


def refuse_existing(folder: Path) -> None:
    """InvalidInput where something is there that would be written over, or the folder cannot be one."""
    there = [folder / path for path in FILES if (folder / path).exists() or (folder / path).is_symlink()]
    if there:
        problems = [
            Problem("it is there already, and is not written over", str(path), expected="a new folder")
            for path in there
        ]
        raise InvalidInput(problems, hint=f"netlab check{collection.inventory_option(str(folder))}")
    inside = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if inside:
        # Ansible would read each of them as a part of the inventory.
        message = f"the folder is not empty: it holds {', '.join(inside[:5])}{' ...' * (len(inside) > 5)}"
        raise InvalidInput([Problem(message, str(folder), expected="a new folder, or an empty one")])
    for path in (folder, *folder.absolute().parents):
        if path.exists():
            if not path.is_dir():
                raise InvalidInput([Problem("it is no folder", str(path), expected="a new folder's name")])
            break


def validate(written: Mapping[str, str]) -> None:
    """InvalidInput where netlab itself would refuse these files."""
    from netlab.inventory.load import load

    with tempfile.TemporaryDirectory(prefix="netlab-") as place:
        _write(Path(place), written)
        load(Path(place))


def write(folder: Path, written: Mapping[str, str]) -> list[Path]:
    """Each file, made anew; InvalidInput where one cannot be."""
    try:
        return _write(folder, written)
    except OSError as error:
        where = str(error.filename or folder)
        problem = Problem(f"it cannot be written: {error.strerror}", where, expected="a folder of your own")
        raise InvalidInput([problem]) from None


def _write(folder: Path, written: Mapping[str, str]) -> list[Path]:
    made = []
    for name, text in written.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:  # whoever was quicker is not written over
            file.write(text)
        made.append(path)
    return made


def scalar(value: Any) -> str:
    """A value as YAML has it on one line, in quotes where it would be read as something else."""
    import yaml

    return yaml.safe_dump(value, width=10_000).removesuffix("\n").removesuffix("\n...")


def comment(text: str) -> str:
    """What a board says, in a comment: on one line, and not endless."""
    return re.sub(r"[^\x20-\x7e]+", " ", text)[:160]
