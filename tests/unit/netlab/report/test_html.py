# SPDX-License-Identifier: Apache-2.0
"""The HTML report: one file, nothing fetched, nothing run, nothing from a board taken for markup."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from netlab import report
from netlab.report.row import Row
from netlab.report.text import figure as number
from netlab.results import RunStore

Make = Callable[..., RunStore]
PageOf = Callable[[str], Path]
VOID = {"meta", "path", "circle", "use", "rect", "br"}


class Reader(HTMLParser):
    """Elements, attributes and text; fails where tags do not match."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: Counter[str] = Counter()
        self.ids: list[str] = []
        self.classes: list[tuple[str, str]] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.classes += [(tag, value or "") for name, value in attrs if name == "class"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def with_class(self, tag: str, name: str) -> list[str]:
        return [value for element, value in self.classes if (element, value) == (tag, name)]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(params=["complete", "troubled"])
def page(request: pytest.FixtureRequest, page_of: PageOf) -> Reader:
    return Reader(page_of(request.param).read_text(encoding="utf-8"))


def test_it_needs_nothing_else(page: Reader) -> None:
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & set(page.found)
    fetched = [
        (name, value)
        for name, value in page.attributes
        if name in ("src", "srcset", "xlink:href") or (name == "href" and not value.startswith("#"))
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


def test_every_row_is_in_the_table_and_in_a_drawing(complete: RunStore, page_of: PageOf) -> None:
    page = Reader(page_of("complete").read_text())
    rows = complete.rows()
    for row in rows:
        assert row.p50_us is not None
        assert f"p50 {number(row.p50_us)}" in page.text
    assert page.found["figure"] == len(page.with_class("svg", "drawing wide"))
    assert len(page.with_class("svg", "drawing wide")) == len(page.with_class("svg", "drawing narrow"))


def test_all_that_there_is_to_draw_is_drawn(page_of: PageOf) -> None:
    page = Reader(page_of("rich").read_text())
    kinds = ["range", "difference", "ecdf", "percentiles", "order"]
    assert [one for one in page.ids if one in {f"t1-{kind}" for kind in kinds}] == [f"t1-{k}" for k in kinds]
    assert {"t2-range", "t2-difference", "t2-tails", "t2-order"} <= set(page.ids)
    assert {"t3-scaling", "t3-order"} <= set(page.ids)
    assert "t3-ecdf" not in page.ids
    text = " ".join(page.text.split())
    assert "host (again)" in text
    assert "bulk 873 Mbit/s (699 to 912)" in text
    assert "CPU governor was performance and is powersave" in text
    assert "block 3, board1: not quiet" in text
    assert "netperf -t TCP_MAERTS" in text
    assert "Measured twice in each block, host differs from itself by up to 1.4 us" in text


def test_no_figure_of_what_is_not_there(make: Make) -> None:
    page = Reader(report.write_html(make(lambda result: None)).read_text())
    assert page.found["figure"] == 0


def test_ids_are_unique_and_every_reference_has_one(page_of: PageOf) -> None:
    page = Reader(page_of("rich").read_text())
    assert [name for name, count in Counter(page.ids).items() if count > 1] == []
    referred = [value.removeprefix("#") for name, value in page.attributes if name == "href"]
    referred += [value[5:-1] for name, value in page.attributes if name == "clip-path"]
    referred += [
        one for name, value in page.attributes if name in ("aria-labelledby",) for one in value.split()
    ]
    assert len(referred) > 100
    assert set(referred) <= set(page.ids)


def test_the_same_run_gives_the_same_file(rich: Any, page_of: PageOf, tmp_path: Path) -> None:
    first = page_of("rich").read_bytes()
    assert report.write_html(rich, tmp_path / "again.html").read_bytes() == first
    assert len(first) < 700_000


def test_no_colour_of_a_drawing_is_fixed(page_of: PageOf) -> None:
    """What stays as matplotlib had it would be unreadable in one of the two schemes."""
    drawings = re.findall(r'<svg class="drawing.*?</svg>', page_of("rich").read_text(), re.DOTALL)
    assert drawings
    for drawing in drawings:
        assert re.findall(r"#[0-9a-f]{6}\b", drawing) == []
        assert "font-family" not in drawing
        assert drawing.count("<title") >= 1
        assert "<desc" in drawing


def test_a_label_cannot_break_out_of_a_drawing(make: Make) -> None:
    hostile = '</svg><script>alert(1)</script>$\\frac{1}{2}$&"'
    run = make()
    manifest = run.manifest.model_copy(
        update={"order": [{**spec, "topology": hostile} for spec in run.manifest.order],
                "plan": {**run.manifest.plan, "topologies": [hostile]}}
    )  # fmt: skip
    rows = [replace(row, topology=hostile) for row in run.rows()[:1]]

    class Hostile:
        name, path, state = run.name, run.path, run.state

        def __init__(self) -> None:
            self.manifest = manifest

        def outcomes(self) -> list[dict[str, Any]]:
            return [{**line, "topology": hostile} for line in run.outcomes()]

        def rows(self) -> list[Row]:
            return rows

        def rows_and_series(self) -> tuple[list[Row], list[Any]]:
            return rows, []

        def drift(self) -> list[str]:
            return []

    markup = report.write_html(Hostile()).read_text()
    assert "<script" not in markup
    assert hostile in Reader(markup).text


def test_a_row_without_runs_says_so(page_of: PageOf) -> None:
    page = Reader(page_of("troubled").read_text())
    assert "not measured" in page.text
    assert "rule broken" in page.text
    assert "10 of 14 trials measured" in page.text


def test_writing_again_replaces_the_file_whole(complete: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    path = report.write_html(complete)
    before = path.read_bytes()
    assert path == Path("results/20261122-101530-demo/report.html")
    assert path.stat().st_mode & 0o777 == 0o644
    assert report.write_html(complete).read_bytes() == before

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("netlab.report.whole_file.os.replace", full)
    with pytest.raises(OSError, match="No space"):
        report.write_html(complete)
    assert path.read_bytes() == before
    assert not [item for item in path.parent.iterdir() if item.name.startswith(".report")]
