# SPDX-License-Identifier: Apache-2.0
"""The export to flent, read and drawn by flent itself."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from netlab import report
from netlab.errors import InvalidInput
from netlab.report import flent
from netlab.results import RunStore
from tests.unit.netlab.report.conftest import Clock, Make
from tests.unit.netlab.results.probes import MISSING, packed

resultset = pytest.importorskip("flent.resultset", reason="needs flent, which the extra `test` installs")

COUNT = 50
GAP_NS = 10_000_000


def timed(result: dict[str, Any]) -> dict[str, Any]:
    """A minute between the starts of trials."""
    started = Clock.now() + timedelta(minutes=result["order"])
    return {
        **result,
        "started": started.isoformat(),
        "finished": (started + timedelta(seconds=2)).isoformat(),
    }


def sampled(result: dict[str, Any]) -> dict[str, Any]:
    """Probes 10 ms apart by a guest's clock that is years off; the third is lost. 100 us, 101 us, …"""
    if result["topology"] == "user":  # an instrument may keep none
        return timed(result)
    sent = [number * GAP_NS for number in range(COUNT)]
    ns = [100_000 + 1000 * number for number in range(COUNT)]
    ns[2] = MISSING
    return {**timed(result), "samples": packed(sent=sent, ns=ns)}


@pytest.fixture
def loaded(make: Make) -> Iterator[Any]:
    """The file of a run with samples, by flent's reader."""
    path = report.write_flent(make(sampled))
    return resultset.ResultSet.load_file(str(path))


def plot(path: Path, what: str, picture: Path) -> str:
    """What flent itself prints while it draws the file without a display."""
    argv = [sys.executable, "-c", "import sys, flent; sys.exit(flent.run_flent())"]
    argv += ["-i", str(path), "-p", what, "-o", str(picture)]
    environment = {"PATH": "/usr/bin:/bin", "MPLBACKEND": "agg", "HOME": str(picture.parent)}
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=100, check=True, env=environment)
    return ended.stdout + ended.stderr


def name(topology: str) -> str:
    return f"Ping (ms) ICMP {topology} (extra)"


def test_the_file_lies_in_the_runs_folder(make: Make) -> None:
    store = make(timed)
    path = report.write_flent(store)
    assert path == store.path / f"{store.name}.flent.gz"
    assert path.stat().st_mode & 0o777 == 0o644
    before = path.read_bytes()
    assert report.write_flent(store).read_bytes() == before, "the same run gives the same file"


def test_flent_reads_every_round_trip_in_ms(loaded: Any) -> None:
    points = list(loaded.raw_series(name("tap")))
    assert len(points) == 2 * (COUNT - 1), "two trials, and of each one probe was lost"
    values = sorted(value for _, value in points)
    assert values[0] == pytest.approx(0.1)
    assert values[-1] == pytest.approx(0.149)
    assert loaded.series_meta(name("tap"))["UNITS"] == "ms"


def test_times_are_the_trials_own_whatever_the_guests_clock_says(loaded: Any) -> None:
    times = [t for t, _ in loaded.raw_series(name("tap"))]
    assert times == sorted(times)
    minutes = {round(t // 60) for t in times}
    assert len(minutes) == 2
    assert times[1] - times[0] == pytest.approx(GAP_NS / 1e9, abs=1e-6)
    assert 0 <= times[0] < times[-1] <= loaded.meta("TOTAL_LENGTH") + 1e-6
    assert loaded.meta("T0").replace(microsecond=0) == (Clock.now() + timedelta(minutes=1)).replace(
        tzinfo=None
    )


def test_every_row_is_a_series_the_second_measurement_too(loaded: Any) -> None:
    labels = loaded.meta("TEST_PARAMETERS")["ping_hosts"].split(",")
    assert labels == ["host", "host-again", "user", "tap", "macvtap", "ovs", "xdp"], "as the plan lists them"
    assert sorted(loaded.series_names) == sorted(name(label) for label in labels)


def test_the_metadata_say_where_it_comes_from(loaded: Any) -> None:
    assert (loaded.meta("LOCAL_HOST"), loaded.meta("HOST")) == ("board1", "board2")
    assert loaded.meta("NETLAB")["run"] == loaded.meta("TITLE") == "20261122-101530-demo"
    assert "the word ICMP is flent's" in loaded.meta("NOTE")
    assert "Of user there are no single samples" in loaded.meta("NOTE")


def test_without_samples_a_trial_is_a_point(make: Make) -> None:
    loaded = resultset.ResultSet.load_file(str(report.write_flent(make(timed))))
    values = [value for _, value in loaded.raw_series(name("tap"))]
    assert sorted(values) == [0.353, 0.354], "the trials' medians in ms"
    worst = [value for _, value in loaded.raw_series(name("tap"), raw_key="max")]
    assert sorted(worst) == [pytest.approx(353 * 9 / 1000), pytest.approx(354 * 9 / 1000)]
    assert "a point is a trial's median" in loaded.meta("NOTE")


@pytest.mark.parametrize("change", [sampled, timed], ids=["samples", "figures alone"])
@pytest.mark.parametrize("what", ["ping_extra", "ping_cdf"])
def test_flent_draws_it(make: Make, tmp_path: Path, change: Any, what: str) -> None:
    path, picture = report.write_flent(make(change)), tmp_path / f"{what}.svg"
    said = plot(path.resolve(), what, picture)
    assert "rror" not in said, said
    drawn = picture.read_text(encoding="utf-8")
    for label in ("host", "tap", "macvtap"):
        assert f"{label} ICMP" in drawn, "in the legend"
    assert drawn.count("<path") > 20


def test_long_series_are_thinned_out_and_say_so(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flent, "MOST", 70)
    loaded = resultset.ResultSet.load_file(str(report.write_flent(make(sampled))))
    points = list(loaded.raw_series(name("tap")))
    assert len(points) == 10
    assert loaded.series_meta(name("tap"))["NETLAB_COUNT"] == 2 * (COUNT - 1)
    assert "only every n-th round trip is here" in loaded.meta("NOTE")


def test_labels_cannot_break_flents_list(make: Make) -> None:
    store = make(timed)
    trials = store.path / "trials.jsonl"
    lines = [json.loads(line) for line in trials.read_text(encoding="utf-8").splitlines()]
    odd = [line | {"condition": "a,b;'c\" #d\\"} if line["topology"] == "tap" else line for line in lines]
    trials.write_text("".join(json.dumps(line) + "\n" for line in odd), encoding="utf-8")
    with gzip.open(report.write_flent(store), "rt") as stream:
        labels = json.load(stream)["metadata"]["TEST_PARAMETERS"]["ping_hosts"]
    assert "tap-a_b_c_d_" in labels.split(",")


def test_nothing_measured_is_nothing_to_export(make: Make) -> None:
    def failed(result: dict[str, Any]) -> dict[str, Any]:
        return {**timed(result), "status": "failed", "reason": "no answer", "metrics": {}}

    store: RunStore = make(failed)
    with pytest.raises(InvalidInput, match=r"no trial of .* was measured"):
        report.write_flent(store)
    assert not list(store.path.glob(f"*{flent.SUFFIX}"))
