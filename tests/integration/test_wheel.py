# SPDX-License-Identifier: Apache-2.0
"""The wheel and the sdist: what is in them, and that the wheel works in an empty venv from another folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

INSIDE = "ansible_collections/netlab/testbed"
# What the collection is made of; all else in the repository is for those who change it.
CARRIED = ("inventory/", "meta/", "playbooks/", "plugins/", "roles/", "docs/schemas/")
NO_NETWORK = ("NameResolutionError", "NewConnectionError", "ConnectTimeout", "Network is unreachable")


def run(
    *argv: str | Path, cwd: Path, seconds: float = 60.0, status: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run a program with nothing of ours in its environment, and check how it ends."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NETLAB_", "ANSIBLE_", "PYTHON", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env=clean | {"NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == status, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def built(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel made from it: what the sdist lacks, the wheel lacks."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, repository, cwd=out, seconds=120)
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def sdist(built: Path) -> Path:
    (path,) = built.glob("*.tar.gz")
    return path


@pytest.fixture(scope="module")
def installed(repository: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The programs' folder of an empty venv into which the wheel was installed with all that it needs."""
    venv = tmp_path_factory.mktemp("empty") / "venv"
    pip = (venv / "bin/python", "-m", "pip", "install", "--quiet", "--no-compile", "--no-input")
    run(sys.executable, "-m", "venv", venv, cwd=venv.parent)
    try:
        run(*pip, "--constraint", repository / "constraints.txt", wheel, cwd=venv.parent, seconds=600)
    except AssertionError as error:
        if any(sign in str(error) for sign in NO_NETWORK):
            pytest.skip("no package registry can be reached")
        raise
    yield venv / "bin"
    shutil.rmtree(venv)


def tracked(repository: Path) -> set[str]:
    listing = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=repository).stdout
    return {name for name in listing.splitlines() if (repository / name).is_file()}


def test_wheel_holds_the_collection_byte_for_byte(repository: Path, wheel: Path) -> None:
    wanted = {name for name in tracked(repository) if name.startswith(CARRIED)} | {"galaxy.yml"}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert {f"{INSIDE}/{name}" for name in wanted} <= names
        for name in wanted:
            assert archive.read(f"{INSIDE}/{name}") == (repository / name).read_bytes(), name


def test_wheel_holds_nothing_else(repository: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert len(names) == len(set(names))
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"netlab", "ansible_collections"}
    known = tracked(repository)
    strange = [
        name for name in names if ".dist-info/" not in name and name.removeprefix(f"{INSIDE}/") not in known
    ]
    assert strange == []


def test_sdist_holds_all_that_is_tracked(repository: Path, sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    wanted = {name for name in tracked(repository) if not name.startswith(".ci/")}
    assert wanted - names == set()


@pytest.mark.timeout(900)
def test_topologies_from_another_folder(repository: Path, installed: Path, tmp_path: Path) -> None:
    shown = run(installed / "netlab", "topologies", "--json", cwd=tmp_path).stdout
    roles = {path.name.removeprefix("datapath_") for path in repository.glob("roles/datapath_*")}
    for topology in roles:
        assert json.dumps(topology) in shown
    assert run(installed / "netlab-testbed", "topologies", "--json", cwd=tmp_path).stdout == shown


def test_an_unknown_topology_is_invalid_input(installed: Path, tmp_path: Path) -> None:
    told = run(installed / "netlab", "deploy", "-t", "nonsense", cwd=tmp_path, status=2).stderr
    assert "nonsense" in told
    assert "macvtap" in told
    assert list(tmp_path.iterdir()) == []


def test_plain_ansible_finds_the_collection(installed: Path, tmp_path: Path) -> None:
    inventory = next(installed.parent.glob(f"lib/python3*/site-packages/{INSIDE}/inventory/local"))
    told = run(
        installed / "ansible-playbook",
        "--syntax-check",
        f"--inventory={inventory}",
        "--extra-vars=testbed_topology=tap",
        "netlab.testbed.deploy",
        cwd=tmp_path,
    )
    assert "deploy" in told.stdout
