# SPDX-License-Identifier: Apache-2.0
"""Packs of modules kept from run to run: ours only, from these very sources only, in a folder of our own only."""

from __future__ import annotations

import base64
import io
import pickle
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.netlab.testbed.plugins.callback import module_cache

OURS = f"{module_cache.OURS}link-ZIP_DEFLATED-none"
OTHERS = "ansible.modules.ping-ZIP_DEFLATED-none"


def run(cache: Path, tmp: Path, monkeypatch: pytest.MonkeyPatch, built: dict[str, str]) -> list[str]:
    """One run of Ansible that packs `built`; what it found packed at its start."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr(module_cache, "constants", SimpleNamespace(DEFAULT_LOCAL_TMP=str(tmp)))
    monkeypatch.setattr(module_cache, "compiled_pack", lambda pack: pack)
    callback = module_cache.CallbackModule()
    callback.v2_playbook_on_start(None)
    packs = tmp / "ansiballz_cache"
    packs.mkdir(parents=True, exist_ok=True)
    found = sorted(path.name for path in packs.iterdir())
    for name, text in built.items():
        if not (packs / name).exists():
            (packs / name).write_text(text)
    callback.v2_playbook_on_stats(None)
    return found


def test_the_second_run_finds_what_the_first_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    built = {OURS: "zip", OTHERS: "zip", f"{OURS}.lock": "", f"{OURS}-part": "zi"}
    assert run(cache, tmp_path / "first", monkeypatch, built) == []
    assert run(cache, tmp_path / "second", monkeypatch, {}) == [OURS]
    assert (tmp_path / "second/ansiballz_cache" / OURS).read_text() == "zip"


def test_a_folder_that_others_write_to_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    run(cache, tmp_path / "first", monkeypatch, {OURS: "zip"})
    (kept,) = (cache / "netlab-testbed/modules").iterdir()
    kept.chmod(0o777)
    assert run(cache, tmp_path / "second", monkeypatch, {}) == []


def test_other_sources_are_packed_anew(tmp_path: Path) -> None:
    for folder in ("modules", "module_utils"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("a")
    before = module_cache.state_of_sources(tmp_path)
    assert module_cache.state_of_sources(tmp_path) == before
    (tmp_path / "module_utils/a.py").write_text("ab")
    assert module_cache.state_of_sources(tmp_path) != before


def test_only_the_last_versions_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        monkeypatch.setattr(module_cache, "state_of_sources", lambda number=number: f"version{number}")
        run(tmp_path / "cache", tmp_path / str(number), monkeypatch, {OURS: "zip"})
    kept = sorted(path.name for path in (tmp_path / "cache/netlab-testbed/modules").iterdir())
    assert len(kept) == module_cache.KEPT
    assert "version4" in kept


@dataclass(frozen=True)
class Pack:
    """What Ansible pickles, as far as we look at it."""

    zip_data: bytes


def archive(source: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as out:
        out.writestr("thing.py", source)
    return made.getvalue()


def imported(archive_path: Path) -> str:
    """What a fresh Python finds in module `thing`, and where from."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import thing; print(thing.WORD, thing.__file__)"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(archive_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return ended.stdout


def test_a_kept_pack_has_byte_code_that_python_takes(tmp_path: Path) -> None:
    pack = pickle.dumps(Pack(base64.b64encode(archive("WORD = 'source'"))))
    kept = base64.b64decode(pickle.loads(module_cache.compiled_pack(pack)).zip_data)
    path = tmp_path / "pack.zip"
    path.write_bytes(kept)
    with zipfile.ZipFile(path) as opened:
        assert opened.namelist() == ["thing.py", "thing.pyc"]
    assert imported(path).startswith("source ")
    assert imported(path).strip().endswith("thing.pyc")


def test_another_python_compiles_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_cache.importlib.util, "MAGIC_NUMBER", b"\0\0\r\n")
    module_cache.byte_code.cache_clear()
    path = tmp_path / "pack.zip"
    path.write_bytes(module_cache.with_byte_code(archive("WORD = 'source again'")))
    module_cache.byte_code.cache_clear()
    monkeypatch.undo()
    assert imported(path).startswith("source again ")


def test_ansible_still_lays_its_packs_where_we_look() -> None:
    """Where this fails, the cache does nothing any more: look at how ansible-core names its folder now."""
    import inspect

    from ansible.executor import module_common

    assert "'ansiballz_cache'" in inspect.getsource(module_common)
