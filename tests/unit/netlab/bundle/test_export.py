# SPDX-License-Identifier: Apache-2.0
"""What goes into a bundle, that it is the same each time, and that others can read it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import zipfile
from pathlib import Path

import pytest

from netlab.bundle import opened
from netlab.bundle.export import export
from netlab.bundle.write import write
from netlab.errors import InvalidInput, NetlabError
from netlab.results import RunStore
from tests.unit.netlab.bundle import runs, zips


def test_the_same_run_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From another folder, under another name, on another machine, in another time zone."""
    one = export(runs.make(tmp_path / "one"), tmp_path / "one.zip")
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    monkeypatch.setenv("USER", "somebody")
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    os.umask(mask := os.umask(0o077))
    os.umask(0o077)
    try:
        two = export(runs.make(tmp_path / "elsewhere/two"), tmp_path / "another name.zip")
    finally:
        os.umask(mask)
    assert one.path.read_bytes() == two.path.read_bytes()


def test_what_is_in_it(tmp_path: Path) -> None:
    made = export(runs.make(tmp_path / "results"), tmp_path / "run.zip")
    stem = ("0001-host-netperf", "0002-tap-netperf", "0003-host-netperf", "0004-tap-netperf")
    assert set(made.members) == {
        "SHA256SUMS", "bundle.json", "environment.json", "guest-image.json", "inventory/rendered.json", "plan.json",
        "redactions.json", "ro-crate-metadata.json", "roles.json", "run/manifest.json", "run/trials.jsonl",
        "run/samples/0001-host-netperf.parquet", *(f"run/raw/{name}.txt.gz" for name in _stems(tmp_path)),
    }  # fmt: skip
    assert len(_stems(tmp_path)) == len(stem)


def _stems(tmp_path: Path) -> list[str]:
    folder = tmp_path / "results" / runs.NAME / "raw"
    return [path.name.removesuffix(".txt.gz") for path in folder.iterdir()]


def test_what_is_read_is_what_was_exported(tmp_path: Path) -> None:
    store = runs.make(tmp_path / "results")
    export(store, tmp_path / "run.zip")
    with opened(tmp_path / "run.zip") as bundle:
        assert bundle.run is not None
        assert bundle.run.stat().st_mode & 0o077 == 0 or bundle.run.parents[1].stat().st_mode & 0o077 == 0
        assert bundle.plan == runs.plan()
        assert [spec.as_dict() for spec in bundle.order] == store.manifest.order
        assert bundle.seed == store.manifest.seed
        assert not bundle.partial
        theirs = RunStore.open(bundle.run.parent, str(bundle.run))
        assert [row.mean_us for row in theirs.rows()] == [row.mean_us for row in store.rows()]
        assert [line["board"] for line in theirs.trials()] == ["dut1"] * 4
        first = theirs.trials()[0]
        sample, own = theirs.read_samples(first), store.read_samples(store.trials()[0])
        assert sample is not None
        assert own is not None
        assert (sample["ns"] == own["ns"]).all()
        assert bundle.guest_images["dut1"]["hash"] == "ab" * 16
        assert set(bundle.roles.topologies) == {"host", "tap"}
        assert bundle.roles.recorded == "export"  # this run's folder has no provenance.json
        private = bundle.run.parents[1]
    assert not private.exists()


def test_the_folder_goes_whatever_happens_inside(tmp_path: Path) -> None:
    export(runs.make(tmp_path / "results"), tmp_path / "run.zip")
    seen: list[Path] = []

    def use() -> None:
        with opened(tmp_path / "run.zip") as bundle:
            assert bundle.run is not None
            seen.append(bundle.run.parents[1])
            assert seen[0].stat().st_mode & 0o777 == 0o700
            raise KeyError

    with pytest.raises(KeyError):
        use()
    assert not seen[0].exists()


def test_other_programs_can_unpack_and_check_it(tmp_path: Path) -> None:
    export(runs.make(tmp_path / "results"), tmp_path / "run.zip")
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "unpacked")
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"],
        cwd=tmp_path / "unpacked", capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    told = (tmp_path / "unpacked/SHA256SUMS").read_text(encoding="ascii")
    for path in (tmp_path / "unpacked").rglob("*"):
        if path.is_file() and path.name != "SHA256SUMS":
            name = path.relative_to(tmp_path / "unpacked").as_posix()
            assert f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" in told


def test_a_partial_run_says_so(tmp_path: Path) -> None:
    made = export(runs.make(tmp_path / "results", trials=3), tmp_path / "run.zip")
    assert made.header.state == "partial"
    assert made.header.note == "1 of 4 trials are missing: the run is interrupted"
    with opened(made.path) as bundle:
        assert bundle.partial
        assert bundle.note == made.header.note
        assert bundle.run is not None
        assert len(RunStore.open(bundle.run.parent, str(bundle.run)).missing()) == 1


def test_without_results_there_is_a_plan_and_boards(tmp_path: Path) -> None:
    made = export(runs.make(tmp_path / "results"), tmp_path / "run.zip", results=False)
    assert not [name for name in made.members if name.startswith("run/")]
    with opened(made.path) as bundle:
        assert bundle.run is None
        assert bundle.plan.topologies == ["host", "tap"]
        assert [board["role"] for board in bundle.boards] == ["dut", "peer"]


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    store = runs.make(tmp_path / "results")
    target = tmp_path / "run.zip"
    target.write_text("mine", encoding="utf-8")
    with pytest.raises(InvalidInput, match="there already"):
        export(store, target)
    assert target.read_text(encoding="utf-8") == "mine"
    export(store, target, force=True)
    assert zipfile.is_zipfile(target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results", "run.zip"]


@pytest.mark.parametrize("target", ["", "none/run.zip"])
def test_a_place_that_is_none_is_refused(tmp_path: Path, target: str) -> None:
    with pytest.raises(InvalidInput, match="folder"):
        export(runs.make(tmp_path / "results"), tmp_path / target)


def test_a_run_whose_files_are_gone_is_refused(tmp_path: Path) -> None:
    store = runs.make(tmp_path / "results")
    next((store.path / "raw").iterdir()).unlink()
    with pytest.raises(InvalidInput, match="is not there"):
        export(store, tmp_path / "run.zip")
    assert not (tmp_path / "run.zip").exists()


def test_a_run_whose_files_lead_elsewhere_is_refused(tmp_path: Path) -> None:
    """The run may be somebody else's: no file of this machine gets into a bundle in its name."""
    store = runs.make(tmp_path / "results")
    secret = tmp_path / "secret"
    secret.write_text("mine", encoding="utf-8")
    victim = next((store.path / "raw").iterdir())
    victim.unlink()
    victim.symlink_to(secret)
    with pytest.raises(InvalidInput, match="is not there"):
        export(store, tmp_path / "run.zip")


def test_a_run_without_an_inventory_is_refused(tmp_path: Path) -> None:
    store = runs.make(tmp_path / "results")
    manifest = json.loads((store.path / "manifest.json").read_text(encoding="utf-8"))
    (store.path / "manifest.json").write_text(json.dumps({**manifest, "inventory": None}), encoding="utf-8")
    with pytest.raises(InvalidInput, match="did not store its inventory"):
        export(RunStore.open(tmp_path / "results", runs.NAME), tmp_path / "run.zip")


def test_what_its_own_reader_refuses_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = runs.make(tmp_path / "results")
    monkeypatch.setattr("netlab.bundle.limits.MEMBERS", 3)
    with pytest.raises(NetlabError, match="its own reader"):
        export(store, tmp_path / "run.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_members_are_sorted_and_have_no_day(tmp_path: Path) -> None:
    with (tmp_path / "x.zip").open("wb") as stream:
        write(stream, {"b.json": b"{}", "a.json": b"{}"})
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        infos = archive.infolist()
    assert [info.filename for info in infos] == ["SHA256SUMS", "a.json", "b.json"]
    assert {(info.date_time, info.external_attr, info.extra) for info in infos} == {
        ((1980, 1, 1, 0, 0, 0), 0o100644 << 16, b"")
    }


def test_the_support_zips_are_like_ours(tmp_path: Path) -> None:
    """What the hostile corpus is built with makes bundles that differ in what is meant only."""
    made = export(runs.make(tmp_path / "results"), tmp_path / "run.zip")
    members = zips.unpack(made.path.read_bytes())
    assert zips.summed(members) == members
