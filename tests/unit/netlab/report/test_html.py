# SPDX-License-Identifier: Apache-2.0
"""The HTML report: one file, nothing fetched, nothing run, nothing from a board taken for markup."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from netlab import report
from netlab.report import figure
from netlab.report.row import Row
from netlab.report.summary import TableRow
from netlab.results import RunStore

Make = Callable[..., RunStore]
VOID = {"meta", "line", "path", "circle", "br"}


class Reader(HTMLParser):
    """Elements, attributes and text; fails where tags do not match."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(params=["complete", "troubled"])
def page(request: pytest.FixtureRequest) -> Reader:
    return Reader(report.write_html(request.getfixturevalue(request.param)).read_text(encoding="utf-8"))


def test_it_needs_nothing_else(page: Reader) -> None:
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & set(page.found)
    fetched = [
        (name, value) for name, value in page.attributes if name in ("src", "href", "srcset", "xlink:href")
    ]
    assert fetched == []
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_the_style_fetches_nothing(complete: RunStore) -> None:
    style = re.search(r"<style>(.*?)</style>", report.write_html(complete).read_text(), re.DOTALL)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert "prefers-color-scheme: dark" in style[1]


def test_what_a_board_says_is_text(troubled: RunStore) -> None:
    markup = report.write_html(troubled).read_text()
    assert "<script" not in markup
    assert 'alert("x")' not in markup
    assert 'clang is missing <script>alert("x")</script>' in Reader(markup).text
    assert "\x1b" not in markup


def test_it_holds_the_table_the_environment_the_plan_and_the_way_to_repeat_it(page: Reader) -> None:
    text = " ".join(page.text.split())
    for words in (
        "demo", "20261122-101530-demo", "vm-to-peer, macvtap",
        "Microseconds under TCG say nothing about hardware",
        "6.1.0-28-amd64", "ansible-core 2.19.4", "topologies: [host, user, tap, macvtap, ovs, xdp]",
        "seed: 1",
        "netlab bench demo.yml", "first_sample_contains_connect", "results/20261122-101530-demo",
    ):  # fmt: skip
        assert words in text


def test_figures_of_every_row_are_in_the_table_and_in_the_drawing(complete: RunStore) -> None:
    page = Reader(report.write_html(complete).read_text())
    for row in complete.rows():
        told = (
            f"{row.topology}: min {row.min_us:.0f}"
            if (row.min_us or 0) >= 100
            else f"{row.topology}: min 19.0"
        )
        assert page.text.count(told) == 2  # the wide drawing and the narrow one
    assert page.found["svg"] == 4 + 2
    assert page.found["tr"] == 1 + 6 + 1 + 12


def test_a_row_without_runs_says_so(troubled: RunStore) -> None:
    page = Reader(report.write_html(troubled).read_text())
    assert "not measured" in page.text
    assert "rule broken" in page.text
    assert "8 of 12 trials measured" in page.text


def test_writing_again_replaces_the_file_whole(complete: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    path = report.write_html(complete)
    before = path.read_bytes()
    assert path == Path("results/20261122-101530-demo/report.html")
    assert path.stat().st_mode & 0o777 == 0o644
    assert report.write_html(complete).read_bytes() == before

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("netlab.report.os.replace", full)
    with pytest.raises(OSError, match="No space"):
        report.write_html(complete)
    assert path.read_bytes() == before
    assert not [item for item in path.parent.iterdir() if item.name.startswith(".report")]


def row(**figures: float) -> TableRow:
    return TableRow("tap", Row("tap", "latency", "netperf", 1, **figures), "")  # type: ignore[arg-type]


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize(
    ("low", "high"), [(1, 2), (17, 286), (99, 101), (100, 100), (180, 207847), (0.4, 3e6), (1000, 1000.5)]
)
def test_drawings_keep_to_their_frame(low: float, high: float, narrow: bool) -> None:
    made = figure.draw([row(min_us=low, p50_us=(low * high) ** 0.5, max_us=high)], narrow=narrow)
    assert made is not None
    [line] = made.lines
    assert made.left <= line.low <= line.marks[0].x <= line.high <= made.right
    xs = [tick.x for tick in made.ticks]
    assert xs == sorted(xs)
    assert xs
    assert made.left <= xs[0]
    assert xs[-1] <= made.right
    assert min((b - a for a, b in pairwise(xs)), default=99) >= 25


def test_nothing_measured_draws_nothing() -> None:
    assert figure.draw([row()], narrow=False) is None
    made = figure.draw([row(), row(min_us=5, max_us=9)], narrow=False)
    assert made is not None
    assert [line.why for line in made.lines] == ["not measured", ""]
