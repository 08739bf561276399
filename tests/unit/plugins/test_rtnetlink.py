# SPDX-License-Identifier: Apache-2.0
"""IPRoute alone, in Pythons of their own: what is imported is about what is in sys.modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PREPARED = f"import sys; sys.path.insert(0, {str(ROOT / '.collections')!r})\n"
LOAD = "from ansible_collections.netlab.testbed.plugins.module_utils.rtnetlink import load\n"


def python(text: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", PREPARED + LOAD + text],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_reads_links_and_leaves_the_rest_out() -> None:
    pytest.importorskip("pyroute2")
    text = "import sys\nIPRoute, _ = load()\nwith IPRoute() as ip: print(ip.link_lookup(ifname='lo'))\n"
    assert python(text + "print('pyroute2.ndb.main' in sys.modules)") == "[1]\nFalse"


def test_the_whole_package_can_be_imported_before_and_after() -> None:
    pytest.importorskip("pyroute2")
    same = "import pyroute2; print(pyroute2.IPRoute is found[0], hasattr(pyroute2, 'NDB'))"
    assert python(f"found = load()\n{same}") == "True True"
    assert python(f"import pyroute2\nfound = load()\n{same}") == "True True"


def test_a_pyroute2_that_is_built_otherwise_is_imported_as_it_is(tmp_path: Path) -> None:
    package = tmp_path / "pyroute2"
    (package / "netlink").mkdir(parents=True)
    (package / "netlink/__init__.py").touch()
    (package / "netlink/exceptions.py").write_text("class NetlinkError(Exception): pass\n")
    (package / "__init__.py").write_text("value = 1\n")
    (package / "iproute.py").write_text("from pyroute2 import value\nclass IPRoute: value = value\n")
    assert python(f"sys.path.insert(0, {str(tmp_path)!r})\nprint(load()[0].value)") == "1"


def test_none_at_all_is_said_as_python_says_it(tmp_path: Path) -> None:
    text = f"sys.path[:] = [path for path in sys.path if 'packages' not in path] + [{str(tmp_path)!r}]\n"
    assert python(text + "try: load()\nexcept ImportError as error: print(error.name)", "-S") == "pyroute2"
