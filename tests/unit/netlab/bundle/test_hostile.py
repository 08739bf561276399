# SPDX-License-Identifier: Apache-2.0
"""Bundles that try to do harm: each refused with words of its own, nothing run, nothing written, nothing used up."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from netlab.bundle import opened
from netlab.bundle.export import export
from netlab.bundle.refusals import BundleRefused
from tests.unit.netlab.bundle import hostile, runs, zips

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "bundles" / "refused.json"
SECONDS = 5.0
MEGABYTES = 500


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> zips.Members:
    """The members of a good bundle."""
    folder = tmp_path_factory.mktemp("good")
    export(runs.make(folder / "results"), folder / "good.zip")
    return zips.unpack((folder / "good.zip").read_bytes())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, good: zips.Members) -> Path:
    """A folder with all of them."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, make in hostile.CORPUS.items():
        (folder / hostile.file_name(name)).write_bytes(make(good))
    return folder


def test_the_good_one_is_read(tmp_path: Path, good: zips.Members) -> None:
    """Else every refusal might have another reason: what the corpus is made with is sound."""
    path = tmp_path / "good.zip"
    path.write_bytes(zips.pack(zips.entries(zips.summed(good))))
    with opened(path) as bundle:
        assert bundle.run is not None


def test_there_are_enough_and_each_has_a_file_of_its_own() -> None:
    assert len(hostile.CORPUS) >= 200
    assert len({hostile.file_name(name) for name in hostile.CORPUS}) == len(hostile.CORPUS)


@pytest.fixture(scope="module")
def told(corpus: Path) -> dict[str, dict[str, object]]:
    """What one process says that opens all of them while everything it does is watched."""
    (script := corpus / "watch.py").write_text(WATCH, encoding="utf-8")
    Path(hostile.CANARY_FILE).unlink(missing_ok=True)
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run(
        [sys.executable, str(script), str(corpus)],
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / '.collections'}"},
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, dict[str, object]] = json.loads(done.stdout)
    return found


# The process that reads them. It is told of every file that is opened, made, moved or removed, of every process that is
# started and every socket that is opened, by Python itself (PEP 578).
WATCH = textwrap.dedent("""
    import json, os, sys, tempfile, time
    from pathlib import Path
    from netlab.bundle import opened
    from netlab.bundle.refusals import BundleRefused
    import duckdb, numpy
    corpus = Path(sys.argv[1])
    private = tempfile.mkdtemp(prefix="netlab-hostile-")
    tempfile.tempdir = private
    seen = []
    WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    def watch(event, arguments):
        if event == "open":
            path, mode, flags = arguments
            if isinstance(path, (str, bytes)) and flags & WRITES and not str(path).startswith(private):
                seen.append([event, str(path)])
        elif event in ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.chmod", "os.chown", "os.truncate"):
            if not all(str(item).startswith(private) for item in arguments[:1] if isinstance(item, str)):
                seen.append([event, str(arguments)])
        elif event.startswith(("subprocess.", "os.exec", "os.system", "os.posix_spawn", "os.fork", "socket.", "pty.",
                               "ctypes.", "shutil.copy")):
            seen.append([event, str(arguments)[:200]])
    sys.addaudithook(watch)
    told = {}
    for path in sorted(corpus.glob("*.zip")):
        began = time.process_time()
        try:
            with opened(path):
                said, kind = "", ""
        except BundleRefused as error:
            said, kind = str(error), type(error).__name__
            assert error.exit_code == 2 and error.hint
        took = time.process_time() - began
        told[path.name] = {"kind": kind, "said": said.replace(str(path), "FILE"), "seconds": took}
    left = [str(path) for path in Path(private).iterdir()]
    os.rmdir(private)
    # not ru_maxrss, which begins with what the process that forked this one had
    (peak,) = (int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    json.dump({"": {"seen": seen, "left": left, "peak_mib": peak}, **told}, sys.stdout)
""")


def as_golden(found: dict[str, object]) -> str:
    """Without hashes of the roles at hand, and without sizes, which another zlib makes others."""
    words = re.sub(r"[0-9a-f]{16}\.\.\.", "HASH", str(found["said"]))
    return f"{found['kind']}: " + re.sub(r"\b[0-9]{4,}\b", "N", words)


@pytest.mark.parametrize("name", hostile.CORPUS)
def test_it_is_refused_in_words_of_its_own(name: str, told: dict[str, dict[str, object]]) -> None:
    """The words are a golden file: NETLAB_GOLDEN=1 writes it anew."""
    found = told[hostile.file_name(name)]
    assert found["kind"], "it was read"
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert as_golden(found) == expected[name]
    assert float(str(found["seconds"])) < SECONDS


def test_no_two_say_the_same(told: dict[str, dict[str, object]]) -> None:
    if os.environ.get("NETLAB_GOLDEN"):
        said = {name: as_golden(told[hostile.file_name(name)]) for name in hostile.CORPUS}
        GOLDEN.parent.mkdir(parents=True, exist_ok=True)
        GOLDEN.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    by_words: dict[str, list[str]] = {}
    for name in hostile.CORPUS:
        by_words.setdefault(str(told[hostile.file_name(name)]["said"]), []).append(name)
    assert [names for names in by_words.values() if len(names) > 1] == []


def test_nothing_was_run_or_written(told: dict[str, dict[str, object]]) -> None:
    assert told[""]["seen"] == []
    assert told[""]["left"] == []
    assert not Path(hostile.CANARY_FILE).exists()


def test_memory_stays_small(told: dict[str, dict[str, object]]) -> None:
    assert int(str(told[""]["peak_mib"])) < MEGABYTES


def test_every_kind_of_refusal_is_in_the_corpus(told: dict[str, dict[str, object]]) -> None:
    kinds = {str(entry.get("kind")) for entry in told.values()}
    assert {kind.__name__ for kind in BundleRefused.__subclasses__()} <= kinds


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path, "is not a file"),
        (tmp_path / "pipe", "is not a file"),
        (tmp_path / "none.zip", "No such file"),
        (Path("/dev/zero"), "is not a file"),
    ):
        with pytest.raises(BundleRefused, match=re.escape(words)), opened(path):
            pass


def test_ansible_would_have_run_the_canary(tmp_path: Path) -> None:
    """What the corpus plants is no dud: Ansible runs it if it is given the inventory."""
    left = tmp_path / "canary"
    lookup = hostile.LOOKUP.replace(hostile.CANARY_FILE, str(left))
    (tmp_path / "hosts.yml").write_text(
        json.dumps({"all": {"hosts": {"x": {"ansible_connection": "local", "board_nic": lookup}}}}),
        encoding="utf-8",
    )
    subprocess.run(
        ["ansible", "-i", str(tmp_path / "hosts.yml"), "x", "-m", "ansible.builtin.debug", "-a", "var=board_nic"],
        cwd=tmp_path, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert left.exists()
