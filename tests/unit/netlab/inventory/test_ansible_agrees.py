# SPDX-License-Identifier: Apache-2.0
"""Ansible itself, asked about the same files, finds the same hosts, groups and values."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.vars.manager import VariableManager
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netlab.inventory.read_tree import read_tree


@pytest.fixture(scope="module", autouse=True)
def _plugins() -> None:
    init_plugin_loader()


def asked_of_ansible(path: Path) -> tuple[dict[str, set[str]], dict[str, dict[str, Any]]]:
    loader = DataLoader()
    manager = InventoryManager(loader=loader, sources=[str(path)])
    variables = VariableManager(loader=loader, inventory=manager)
    groups = {name: {host.name for host in group.get_hosts()} for name, group in manager.groups.items()}
    values = {
        host.name: {
            name: value for name, value in variables.get_vars(host=host).items() if name.startswith("v_")
        }
        for host in manager.get_hosts()
    }
    return groups, values


def asked_of_us(path: Path) -> tuple[dict[str, set[str]], dict[str, dict[str, Any]]]:
    problems: list[Any] = []
    tree = read_tree(path, problems, [])
    assert problems == []
    groups = {name: set(tree.hosts_of(name)) for name in tree.groups if name != "ungrouped"}
    values = {
        host: {name: marked.plain() for name, marked in tree.effective(host).items() if name.startswith("v_")}
        for host in tree.hosts
    }
    return groups, values


def assert_agreed(path: Path) -> None:
    their_groups, their_values = asked_of_ansible(path)
    their_groups.pop("ungrouped")
    assert asked_of_us(path) == (their_groups, their_values)


def lab_of(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


WRITTEN = {
    "ini-hosts-and-types": {
        "hosts": "[a]\nh[1:3] v_x=1 v_y='two words' v_z=True\nh4:2222 v_x=[1,2]\n"
        "[b:children]\na\n[b:vars]\nv_y = b\nv_w={'k': (1, 2)}\n"
    },
    "ini-names-and-comments": {
        "hosts": "lone v_x=0x10\n[my-group]\nh1\n[my-group:vars]\nv_x=a # b\nv_y=1 # b\n"
    },
    "yaml-sections": {
        "hosts.yml": "all:\n  hosts:\n    h[01:03:2]: {v_x: 1}\n  vars: {v_y: all}\n"
        "  children:\n    a: {hosts: h9, vars: {v_y: a}}\n"
    },
    "yaml-types-and-merges": {
        "hosts.yml": "b:\n  vars: &y {v_x: yes, v_y: 012, v_z: 1_000, v_w: 2024-01-01}\n"
        "a:\n  hosts:\n    h1: {<<: *y, v_x: 3}\n    h2: {<<: [{v_x: 1}, *y]}\n"
    },
    "folder-of-variables": {
        "hosts.yml": "a:\n  hosts:\n    h1:\n",
        "group_vars/a/z.yml": "v_x: 2\n",
        "group_vars/a/b.json": '{"v_x": 1}',
        "group_vars/a/.h.yml": "v_x: 3\n",
        "group_vars/a/c.txt": "v_x: 4\n",
    },
    "several-sources": {
        "hosts.yml": "a:\n  hosts:\n    h1:\n",
        "more.ini": "[a]\nh2 v_x=5\n",
        "README.md": "no\n",
        "old.yml~": "no\n",
        "sub/hosts.yaml": "a: {hosts: {h3: {v_x: 6}}}\n",
    },
    "which-file-is-taken": {
        "hosts.yml": "a:\n  hosts:\n    h1:\n",
        "group_vars/a": "v_x: 1\n",
        "group_vars/a.yml": "v_x: 2\n",
        "host_vars/h1.yaml": "v_y: 52:54:00\nv_z: 'x'\n",
    },
}


@pytest.mark.parametrize("name", WRITTEN)
def test_written_inventories(tmp_path: Path, name: str) -> None:
    assert_agreed(lab_of(tmp_path / "lab", WRITTEN[name]))


names = st.sampled_from(["g1", "g2", "g3", "g4", "g5"])
hosts = st.sampled_from(["h1", "h2", "h3"])
values = st.dictionaries(st.sampled_from(["v_a", "v_b", "v_c"]), st.integers(0, 9), max_size=2)
group_variables = st.builds(
    lambda variables, priority: variables | ({"ansible_group_priority": priority} if priority else {}),
    values,
    st.sampled_from([0, 0, 2, 5]),
)


@st.composite
def labs(draw: st.DrawFn) -> dict[str, str]:
    """Groups within groups (a child has the higher number: no circles), hosts, and variables everywhere."""
    groups: dict[str, Any] = {
        "all": {"vars": draw(values), "hosts": draw(st.dictionaries(hosts, values, min_size=1, max_size=2))}
    }
    for name in draw(st.lists(names, unique=True, min_size=1)):
        children = draw(
            st.lists(names.filter(lambda child, name=name: child > name), unique=True, max_size=2)
        )
        groups[name] = {
            "hosts": draw(st.dictionaries(hosts, values, max_size=2)),
            "vars": draw(group_variables),
            "children": dict.fromkeys(children),
        }
    files = {"hosts.yml": yaml.safe_dump(groups, sort_keys=False)}
    known = [*groups, *(child for group in groups.values() for child in group.get("children", ()))]
    for owner in draw(st.lists(st.sampled_from(sorted(set(known))), unique=True, max_size=3)):
        files[f"group_vars/{owner}.yml"] = yaml.safe_dump(draw(values))
    for owner in draw(st.lists(hosts, unique=True, max_size=1)):
        files[f"host_vars/{owner}.yml"] = yaml.safe_dump(draw(values))
    return files


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files=labs())
def test_random_inventories(files: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_agreed(lab_of(Path(folder) / "lab", files))
