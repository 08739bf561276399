# SPDX-License-Identifier: Apache-2.0
"""--help comes at once and tells of every option; nothing heavy is imported for it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from typer.main import get_command

from netlab import __version__
from netlab.cli.app import app
from netlab.cli.main import UsageError

HEAVY = (
    "ansible_runner",
    "rich",
    "pydantic",
    "numpy",
    "yaml",
    "jinja2",
    "duckdb",
    "scipy",
    "tabulate",
    "pexpect",
)
COMMANDS = (
    "demo",
    "init",
    "check",
    "deploy",
    "status",
    "topologies",
    "bench",
    "report",
    "compare",
    "query",
    "export",
    "reproduce",
    "pins",
    "runs",
    "destroy",
)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from netlab.cli.main import run; run(['--help']); "
        f"print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.startswith("Usage: netlab")
    assert ended.stderr.split() == []


def test_every_command_is_listed(netlab) -> None:
    ended = netlab("--help")
    assert ended.status == 0
    listed = [
        line.split()[0]
        for line in ended.out.partition("Commands:\n")[2].splitlines()
        if line.startswith("  ")
    ]
    assert listed[: len(COMMANDS)] == list(COMMANDS)
    assert "..." not in ended.out.partition("Commands:")[2], "a description was cut off"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_its_variable_and_help(netlab, name) -> None:
    command = get_command(app).commands[name]
    for option in command.params:
        if option.param_type_name == "option" and option.name != "help":
            assert option.help, option.name
            flag = max(option.opts, key=len).removeprefix("--")
            assert option.envvar == f"NETLAB_{flag.upper().replace('-', '_')}"
    assert netlab(name, "--help").status == 0


def test_without_a_command_the_help_is_shown(netlab) -> None:
    ended = netlab()
    assert ended.status == 2
    assert ended.out.startswith("Usage: netlab")


def test_version(netlab) -> None:
    assert netlab("--version").out == f"netlab-testbed {__version__}\n"


def test_a_misspelt_command_is_guessed(netlab) -> None:
    ended = netlab("depoly")
    assert ended.status == 2
    assert "'deploy'" in ended.err


def test_the_class_of_all_misuses_is_the_one_we_take_it_for() -> None:
    assert UsageError.__name__ == "UsageError"
    assert issubclass(typer.BadParameter, UsageError)
