# SPDX-License-Identifier: Apache-2.0
"""What a role promises: options that are described, defaults that are options, variables that are private."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
DATAPATHS = [role for role in ROLES if role.name.startswith("datapath_")]
INSTRUMENTS = [role for role in ROLES if role.name.startswith("instrument_")]


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


each_role = pytest.mark.parametrize("role", ROLES, ids=names(ROLES))
each_datapath = pytest.mark.parametrize("role", DATAPATHS, ids=names(DATAPATHS))
each_instrument = pytest.mark.parametrize("role", INSTRUMENTS, ids=names(INSTRUMENTS))


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


def specification(role: Path) -> Mapping[str, Any]:
    """By file of tasks, `main` first among them, what each can be told."""
    content = read(role / "meta/argument_specs.yml")
    assert content, f"{role.name} has no meta/argument_specs.yml"
    return content["argument_specs"]  # type: ignore[no-any-return]


def options_of(role: Path) -> dict[str, Any]:
    """The options of all files of tasks; one that several take is the same in each."""
    found: dict[str, Any] = {}
    for entry in specification(role).values():
        found |= entry.get("options") or {}
    return found


def described(options: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every option, those inside options too, with its path."""
    for name, option in options.items():
        yield f"{path}{name}", option
        yield from described(option.get("options") or {}, f"{path}{name}.")


@each_role
def test_role_says_what_it_is_for(role: Path) -> None:
    for name, entry in specification(role).items():
        assert (role / f"tasks/{name}.yml").exists(), f"{role.name}: no tasks/{name}.yml"
        assert entry["short_description"].strip()
        assert entry["description"]
    readme = (role / "README.md").read_text(encoding="utf-8")
    assert role.name in readme.splitlines()[0]


@each_role
def test_every_option_has_a_description_and_a_type(role: Path) -> None:
    for name, option in described(options_of(role)):
        assert str(option.get("description", "")).strip(), f"{role.name}: {name} has no description"
        assert option.get("type"), f"{role.name}: {name} has no type"


@each_role
def test_readme_names_every_option(role: Path) -> None:
    readme = (role / "README.md").read_text(encoding="utf-8")
    missing = [name for name in options_of(role) if f"`{name}`" not in readme]
    assert missing == []


@each_role
def test_defaults_are_the_options_that_have_one(role: Path) -> None:
    """Ansible only documents a default given in the specification: what applies is in defaults/."""
    options = options_of(role)
    documented = {name: option["default"] for name, option in options.items() if "default" in option}
    defaults = read(role / "defaults/main.yml") or {}
    public = {name: value for name, value in defaults.items() if not name.startswith(f"{role.name}__")}
    assert set(public) <= set(options), f"{role.name}: a default that is no option"
    assert set(documented) <= set(public), f"{role.name}: a documented default that does not apply"
    for name, value in documented.items():
        if not (isinstance(public[name], str) and "{{" in public[name]):
            assert public[name] == value, f"{role.name}: {name}"


@each_role
def test_variables_bear_the_name_of_the_role(role: Path) -> None:
    """With two underscores those of the role itself, with one what it tells the roles after it."""
    for name in read(role / "vars/main.yml") or {}:
        assert name.startswith(f"{role.name}_"), f"{role.name}/vars/main.yml: {name}"


@each_datapath
def test_datapath_lists_what_a_board_must_have(role: Path) -> None:
    requirements = (read(role / "vars/main.yml") or {}).get(f"{role.name}__requirements")
    assert isinstance(requirements, list)
    for requirement in requirements:
        assert set(requirement) == {"that", "message"}
        assert re.search(r"\{\{.*\}\}", str(requirement["that"]), re.DOTALL), requirement
        assert requirement["message"].strip()


@each_role
def test_messages_leave_the_board_to_whoever_shows_them(role: Path) -> None:
    """Ansible and netlab both put it in front: `board1: board1: this kernel has ...` says it twice."""
    variables = read(role / "vars/main.yml") or {}
    told = [item["message"] for item in variables.get(f"{role.name}__requirements") or []]
    assert [message for message in told if "inventory_hostname" in message] == []


@each_instrument
def test_instrument_measures_one_trial(role: Path) -> None:
    tasks = read(role / "tasks/measure.yml")
    assert isinstance(tasks, list)
    assert "trial" in (role / "tasks/measure.yml").read_text(encoding="utf-8")


def test_no_role_ignores_errors_or_reaches_for_a_shell() -> None:
    """What ansible-lint lets pass when it is argued for; here nothing is."""
    forbidden = r"^\s*(- )?(ignore_errors|ignore_unreachable|(ansible\.builtin\.)?(shell|raw)):"
    for path in [*(ROOT / "roles").glob("*/tasks/*.yml"), *(ROOT / "playbooks").glob("*.yml")]:
        found = re.search(forbidden, path.read_text(encoding="utf-8"), re.MULTILINE)
        assert not found, f"{path.relative_to(ROOT)}: {found[0].strip()}"


def test_no_role_asks_which_kind_of_board_it_is_on() -> None:
    """What differs between inventories stands in the inventory."""
    logic = [
        path for part in ("tasks", "vars", "defaults") for path in (ROOT / "roles").glob(f"*/{part}/*.yml")
    ]
    assert len(logic) > 10
    for path in logic:
        found = re.search(r"local_boards|emulated|ansible_connection", path.read_text(encoding="utf-8"))
        assert not found, f"{path.relative_to(ROOT)}: {found[0]}"
