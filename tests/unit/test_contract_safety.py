# SPDX-License-Identifier: Apache-2.0
"""What no file may do: hand a string to a shell, build objects out of a file, join XML, switch host keys off."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = [*sorted((ROOT / "netlab").rglob("*.py")), *sorted((ROOT / "plugins").rglob("*.py"))]
PARSED = {path: ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in FILES}
TASKS = [
    path
    for folder in ("roles", "playbooks", "molecule", "inventory")
    for path in sorted((ROOT / folder).rglob("*.yml"))
]

# Calls that run a string, or what a file says.
NEVER = {
    *("eval", "exec", "compile", "__import__"),
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "commands.getoutput"),
    *(
        "pickle.load",
        "pickle.loads",
        "marshal.load",
        "marshal.loads",
        "shelve.open",
        "dill.loads",
        "jsonpickle.decode",
    ),
    *("yaml.unsafe_load", "yaml.full_load", "yaml.unsafe_load_all", "yaml.full_load_all"),
    *("tempfile.mktemp", "ssl._create_unverified_context"),
    *("xml.dom.minidom.parseString",),
}
# (file, call): why it may. Each is looked at by a reader; the list is to stay short.
MAY = {
    # Ansible's own cache of modules is made of pickles; one is read only from a folder that nobody else can write to
    ("plugins/callback/module_cache.py", "pickle.loads"),
    # puts byte code into such a pack, and runs none
    ("plugins/callback/module_cache.py", "compile"),
}


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def dotted(node: ast.expr) -> str:
    """`a.b.c` of an attribute of a name; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return f"{left}.{node.attr}" if left else ""
    return ""


def wrong_calls(tree: ast.AST, file: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name, words = dotted(node.func), {word.arg: word.value for word in node.keywords}
        if name in NEVER and (file, name) not in MAY:
            yield f"{file}:{node.lineno} calls {name}"
        shell = words.get("shell", words.get("use_unsafe_shell"))
        if shell is not None and not (isinstance(shell, ast.Constant) and shell.value is False):
            yield f"{file}:{node.lineno} asks for a shell"
        if name.endswith("yaml.load") and not is_safe(tree, words.get("Loader")):
            yield f"{file}:{node.lineno} loads YAML without a safe loader"
        if name.startswith("subprocess.") and node.args and isinstance(node.args[0], ast.JoinedStr):
            yield f"{file}:{node.lineno} runs a joined string"


def is_safe(tree: ast.AST, loader: ast.expr | None) -> bool:
    """yaml.SafeLoader, or a name of this file that was given it."""
    if isinstance(loader, ast.Name):
        given = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and any(dotted(target) == loader.id for target in node.targets)
        ]
        return bool(given) and all("SafeLoader" in ast.unparse(value) for value in given)
    return loader is not None and "SafeLoader" in ast.unparse(loader)


def test_nothing_runs_a_string_or_builds_objects_out_of_a_file() -> None:
    assert [wrong for path, tree in PARSED.items() for wrong in wrong_calls(tree, place(path))] == []


@pytest.mark.parametrize(
    "code",
    [
        "subprocess.run('ls', shell=True)",
        "subprocess.run(f'ls {x}')",
        "os.system(x)",
        "eval(x)",
        "yaml.load(x)",
        "yaml.load(x, Loader=yaml.Loader)",
        "L = yaml.Loader; yaml.load(x, Loader=L)",
        "pickle.loads(x)",
        "module.run_command(x, use_unsafe_shell=True)",
    ],
)
def test_the_check_itself_finds(code: str) -> None:
    assert list(wrong_calls(ast.parse(code), "wrong.py"))


def shells(tree: ast.AST) -> Iterator[ast.expr]:
    """The script of each list of words that starts a shell: ["sh", "-c", SCRIPT, …]."""
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple):
            words = [item.value if isinstance(item, ast.Constant) else None for item in node.elts]
            for shell, option, script in zip(words, words[1:], node.elts[2:], strict=False):
                if shell in ("sh", "/bin/sh", "bash", "/bin/bash") and re.fullmatch("-[a-z]*c", str(option)):
                    yield script


# A script that is not a constant in its file, and why that is no value from elsewhere.
OWN_SCRIPTS = {
    "plugins/connection/local_board.py": "Ansible's own command, quoted by it: what ssh(1) would be given",
    "plugins/module_utils/emulated_board/sandbox.py": "joined of constants of the file",
}


def made_scripts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    constants = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for script in shells(tree):
        if not isinstance(script, ast.Constant) and not (
            isinstance(script, ast.Name) and script.id in constants
        ):
            yield script.lineno, ast.unparse(script)


def test_a_shells_script_is_a_constant_and_its_values_are_arguments() -> None:
    """`sh -c SCRIPT sh VALUE`: the value is "$1" there, and never part of the script's text."""
    found = {place(path): list(made_scripts(tree)) for path, tree in PARSED.items()}
    assert {file for file, scripts in found.items() if scripts} == set(OWN_SCRIPTS), found


def test_xml_is_never_joined() -> None:
    """A string with a value inside a tag; constants are fine, libraries do the rest."""
    found = []
    for path, tree in PARSED.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                fixed = "".join(part.value for part in node.values if isinstance(part, ast.Constant))
                if re.search(r"</[a-zA-Z]|<[a-z]+[^<>]*/>|<[a-z]+ [a-z]+=", fixed):
                    found.append(f"{place(path)}:{node.lineno} {fixed[:60]}")
    assert found == []


def tasks(path: Path) -> Iterator[dict[str, object]]:
    def inside(value: object) -> Iterator[dict[str, object]]:
        if isinstance(value, dict):
            yield value
            for item in value.values():
                yield from inside(item)
        elif isinstance(value, list):
            for item in value:
                yield from inside(item)

    yield from inside(yaml.safe_load(path.read_text(encoding="utf-8")))


SHELLS = {"shell", "raw", "script", "expect"}


def test_no_task_gives_a_string_to_a_shell() -> None:
    for path in TASKS:
        for task in tasks(path):
            names = {
                str(key).removeprefix("ansible.builtin.").removeprefix("ansible.legacy.") for key in task
            }
            assert not names & SHELLS, f"{place(path)}: {task.get('name')}"
            command = task.get("ansible.builtin.command")
            if command is not None:  # argv keeps each value one word
                assert isinstance(command, dict), f"{place(path)}: {task.get('name')}"
                assert "argv" in command, f"{place(path)}: {task.get('name')}"


def test_host_keys_are_checked_everywhere() -> None:
    """Nothing in the tree says that they are not."""
    off = re.compile(
        r"StrictHostKeyChecking[ =]+(no|off|accept-new)|UserKnownHostsFile[ =]+/dev/null"
        r"|host_key_checking['\": =]+(false|no|0)\b|HOST_KEY_CHECKING['\": ,=]+(False|0)\b",
        re.IGNORECASE,
    )
    wrong = [
        f"{place(path)}:{number}"
        for path in [*FILES, *TASKS, *sorted((ROOT / "scripts").iterdir())]
        if path.is_file()
        for number, line in enumerate(
            path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1
        )
        if off.search(line)
    ]
    assert wrong == []
