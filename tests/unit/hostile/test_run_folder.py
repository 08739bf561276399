# SPDX-License-Identifier: Apache-2.0
"""A stranger's run folder, whatever it holds, is presented or refused in words; nothing else is read or written."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netlab import plan
from netlab.cli.main import run
from netlab.results import RunStore, lines
from tests.unit.netlab.results.probes import packed

COMMANDS = [
    *(["report", "{run}", "--format", form] for form in ("table", "csv", "json", "markdown")),
    ["compare", "{run}", "{good}"],
    ["compare", "{good}", "{run}", "--json"],
    ["query", "SELECT count(*), max(p50_us) FROM trials"],
    ["query", "SELECT count(*) FROM samples"],
    ["runs"],
    ["bench", "--resume", "{run}", "--dry-run"],
    ["bench", "small.yml", "--dry-run"],  # which learns from earlier runs
]
GONE = object()
VALUES = [
    *(
        None,
        True,
        0,
        -1,
        1e308,
        10**30,
        "",
        "x",
        "../../../etc/passwd",
        "/etc/passwd",
        "a\nb",
        "\x1b[31mred\x07",
    ),
    *("{{ 7 * 7 }}", "<script>alert(1)</script>", "'; DROP TABLE trials; --", "$(touch canary)", "x" * 5000),
    *("\u202egnp", "\udcff", "tаp", [], {}, [[]], {"a": {}}, [None], ["x"], [{}], GONE),
]


@dataclass(frozen=True)
class Stranger:
    """A good run, and one that is changed for each example."""

    folder: Path
    good: Path
    changed: Path
    manifest: dict[str, Any]
    trials: list[dict[str, Any]]

    def write(self, manifest: Any, trials: list[Any]) -> None:
        self.write_bytes(
            json.dumps(manifest).encode(), b"".join(json.dumps(line).encode() + b"\n" for line in trials)
        )

    def write_bytes(self, manifest: bytes, trials: bytes) -> None:
        (self.changed / "manifest.json").write_bytes(manifest)
        (self.changed / "trials.jsonl").write_bytes(trials)

    def ask(self, command: list[str]) -> tuple[int, str]:
        """Exit status and all that was printed; an exception that is no error of ours comes through."""
        words = [word.format(run=self.changed, good=self.good) for word in command]
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            status = run(
                [*words, *(["--results", str(self.folder / "results")] if command[0] != "runs" else [])]
            )
        return status, out.getvalue()


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    folder = tmp_path_factory.mktemp("stranger")
    (folder / "small.yml").write_text(
        "topologies: [host, tap]\nblocks: 2\naa_pair: false\n", encoding="utf-8"
    )
    inventory = {
        "board1": {"role": "dut", "groups": ["duts"], "variables": {"board_nic": "eth1"}},
        "board2": {"role": "peer", "groups": ["peers"], "variables": {"board_nic": "eth1"}},
    }
    with RunStore.create(folder / "results", plan.load(folder / "small.yml"), inventory=inventory) as store:
        store.set_facts(
            "before", {"board1": {"kernel": "6.1", "nic": {"name": "eth1"}, "os": {"id": "debian"}}}
        )
        store.set_environment("before", {"board1": {"cpu": {"model": "x", "governor": ["performance"]}}})
        store.set_environment("after", {"board1": {"cpu": {"model": "y", "governor": []}}})
        store.set_quiet(1, {"board1": {"quiet": False, "said": "busy"}})
        for spec in store.missing():
            store.append(
                {
                    **spec, "board": "board1", "guest": "guest1", "status": "ok", "reason": None,
                    "started": "2026-11-22T10:00:00+00:00", "finished": "2026-11-22T10:00:02+00:00",
                    "pacing": "back to back", "command": ["netperf", "-H", "192.0.2.1"],
                    "metrics": {"min_us": 1, "mean_us": 2.5, "p50_us": 2, "max_us": 9, "transactions": 3000},
                    "counters": {"before": {"board": {"x": 1}}, "after": {"board": {"x": 2}}},
                    "loads": [{"name": "bulk", "command": ["iperf3"], "achieved": {"mbit_per_s": 9.0}}],
                    "pins": {"programs": {"A": 1}}, "flows": [{"guest": "guest1", "metrics": {"p50_us": 2}}],
                    "flags": [{"rule": "percentiles_binned", "text": "binned", "severity": "note"}],
                    "raw": "out\n", "samples": packed(ns=[1000, 2000, 3000]),
                }
            )  # fmt: skip
        store.finish("complete")
    good = folder / "good"
    shutil.copytree(store.path, good)
    manifest = json.loads((good / "manifest.json").read_text())
    trials = [json.loads(line) for line in (good / "trials.jsonl").read_text().splitlines()]
    before = os.environ.copy(), Path.cwd()
    os.environ.update(NETLAB_RESULTS=str(folder / "results"), COLUMNS="100")
    os.chdir(folder)
    yield Stranger(folder, good, store.path, manifest, trials)
    os.chdir(before[1])
    os.environ.clear()
    os.environ.update(before[0])


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield above
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*above, key))


def changed(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return {} if new is GONE else new
    made = copy.deepcopy(value)
    holder = made
    for key in place[:-1]:
        holder = holder[key]
    if new is GONE:
        del holder[place[-1]]
    else:
        holder[place[-1]] = new
    return made


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


FEW = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


@FEW
@given(data=st.data())
def test_any_value_anywhere(stranger: Stranger, data: st.DataObject) -> None:
    manifest, trials = stranger.manifest, stranger.trials
    value = data.draw(st.sampled_from(VALUES))
    if data.draw(st.booleans()):
        place = data.draw(st.sampled_from(list(places(manifest))))
        manifest = changed(manifest, place, value)
    else:
        number = data.draw(st.integers(0, len(trials) - 1))
        place = data.draw(st.sampled_from(list(places(trials[number]))))
        trials = [changed(line, place, value) if at == number else line for at, line in enumerate(trials)]
    stranger.write(manifest, trials)
    before = files(stranger.folder)
    status, said = stranger.ask(data.draw(st.sampled_from(COMMANDS)))
    assert status in (0, 2), said
    assert said.strip()
    assert not set("\x1b\x07\u202e") & set(said)
    assert files(stranger.folder) == before


@FEW
@given(data=st.data())
def test_any_bytes(stranger: Stranger, data: st.DataObject) -> None:
    """Cut off, doubled, overwritten."""
    kept = [(stranger.good / name).read_bytes() for name in ("manifest.json", "trials.jsonl")]
    which = data.draw(st.integers(0, 1))
    start = data.draw(st.integers(0, len(kept[which])))
    end = data.draw(st.integers(start, len(kept[which])))
    middle = data.draw(
        st.binary(max_size=20) | st.sampled_from([b"", b"[" * 100_000, b'{"a":' * 5000, b"NaN", b"1e999"])
    )
    kept[which] = kept[which][:start] + middle + kept[which][end:]
    stranger.write_bytes(*kept)
    status, said = stranger.ask(data.draw(st.sampled_from(COMMANDS)))
    assert status in (0, 2), said
    assert said.strip()


@pytest.mark.parametrize("form", ["html", "flent"])
@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("topology",), "<script>alert(1)</script>"),
        (("reason",), "<img src=x onerror=alert(1)>"),
        (("command",), ["<script>alert(1)</script>", "\x1b]0;x\x07"]),
        (("metrics", "max_us"), [[]]),
        (("loads",), "x"),
        (("samples",), "../../../etc/passwd"),
        (("raw",), "/etc/passwd"),
    ],
)
def test_pages_and_files_made_of_it(
    stranger: Stranger, form: str, place: tuple[str, ...], value: Any
) -> None:
    first, *others = stranger.trials
    stranger.write(stranger.manifest, [changed(first, place, value), *others])
    before = files(stranger.folder)
    status, said = stranger.ask(["report", "{run}", "--format", form])
    made = files(stranger.folder) - before
    assert status in (0, 2), said
    assert all(Path(name).parent == stranger.changed.relative_to(stranger.folder) for name in made)
    for name in made:
        content = (stranger.folder / name).read_bytes()
        assert b"<script>alert" not in content
        assert b"<img src=x" not in content
        (stranger.folder / name).unlink()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("trials.jsonl", lambda path, target: path.symlink_to(target)),
        ("trials.jsonl", lambda path, target: os.mkfifo(path)),
        ("trials.jsonl", lambda path, target: path.mkdir()),
        ("manifest.json", lambda path, target: path.symlink_to(target)),
        ("raw", lambda path, target: path.symlink_to(target.parent)),
        ("samples", lambda path, target: path.symlink_to(target.parent)),
    ],
)
def test_nothing_of_a_run_lies_elsewhere(
    stranger: Stranger, tmp_path: Path, name: str, make: Callable[[Path, Path], object]
) -> None:
    """A link could make us read, cut off or write somebody's file; a pipe would keep us waiting."""
    shutil.rmtree(stranger.changed)
    shutil.copytree(stranger.good, stranger.changed)
    target = tmp_path / "mine"
    target.write_bytes(
        (stranger.good / "manifest.json").read_bytes() if name == "manifest.json" else b"precious"
    )
    kept = target.read_bytes()
    own = stranger.changed / name
    shutil.rmtree(own) if own.is_dir() else own.unlink()
    make(own, target)
    try:
        for command in (
            ["report", "{run}"],
            ["bench", "--resume", "{run}", "--dry-run"],
            ["compare", "{good}", "{run}"],
        ):
            status, said = stranger.ask(command)
            assert status == 2, said
            assert f"{name}: this is" in said
        if name == "trials.jsonl" and own.is_symlink():
            with pytest.raises(OSError, match="symbolic links"):
                lines.LineWriter(own)
        assert stranger.ask(["query", "SELECT state FROM runs"])[0] == 0
        assert target.read_bytes() == kept
        assert list(tmp_path.iterdir()) == [target]
    finally:
        shutil.rmtree(stranger.changed)
        shutil.copytree(stranger.good, stranger.changed)


def test_a_template_in_a_stored_plan_does_not_reach_ansible(stranger: Stranger) -> None:
    canary = "{{ lookup('pipe', 'touch canary') }}"
    manifest = copy.deepcopy(stranger.manifest)
    manifest["state"] = "interrupted"
    for holder in (manifest["plan"]["instruments"][0], *manifest["order"]):
        holder["parameters"] = {"test": canary}
    stranger.write(manifest, stranger.trials[:1])
    status, said = stranger.ask(["bench", "--resume", "{run}", "--dry-run"])
    assert status == 2, said
    assert not (stranger.folder / "canary").exists()


def test_too_much_is_refused_before_it_is_read(stranger: Stranger) -> None:
    """Sparse files: they take no room on the disk, and would take all memory."""
    stranger.write(stranger.manifest, stranger.trials)
    for name, size in (("trials.jsonl", lines.LARGEST_LINE + 2), ("manifest.json", 1 << 33)):
        with (stranger.changed / name).open("r+b") as stream:
            stream.truncate(0)
            stream.truncate(size)
            stream.seek(0)
            stream.write(b'{"a": "')
        status, said = stranger.ask(["report", "{run}"])
        assert status == 2, said
        assert name in said
        stranger.write(stranger.manifest, stranger.trials)


@pytest.mark.parametrize(
    "name", ["x" * 5000, "a\0b", "..", ".", "", "/", "/dev/zero", "/etc", "../../etc/passwd", "a\nb"]
)
def test_a_name_that_is_no_runs(stranger: Stranger, name: str) -> None:
    for command in (["report", name], ["compare", name, "{good}"], ["bench", "--resume", name, "--dry-run"]):
        status, said = stranger.ask(command)
        assert status == 2, said
