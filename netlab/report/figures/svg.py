# SPDX-License-Identifier: Apache-2.0
"""matplotlib's SVG made fit to stand in a page: coloured by the page, small, and the same every time."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from netlab.report.figures.palette import STAND_INS

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure as Sheet

LETTER = 7.4  # width of a letter of 13 px, generously: the page's font is not the one that matplotlib knows
WIDE, NARROW = 1016, 340  # pixels at which a letter has its own size
TEXT = {"wide": 13.0, "narrow": 12.0}

_NUMBER = re.compile(r"-?\d+\.\d+")
_STAND_IN = re.compile("|".join(STAND_INS.values()))
_NAME_OF = {stand_in: name for name, stand_in in STAND_INS.items()}
_FAMILY = re.compile(r"font-family:[^;]*;? ?")
_LINK = "{http://www.w3.org/1999/xlink}href"
_NOTHING = {"fill: none", ""}


class Pen:
    """What a figure draws with: matplotlib's sheet, its size in pixels, and words for the pointer."""

    def __init__(self, sheet: Sheet, kind: str, width: int, height: int) -> None:
        self.sheet, self.kind, self.width, self.height = sheet, kind, width, height
        self.text = TEXT[kind]
        self.tips: dict[str, str] = {}

    @property
    def narrow(self) -> bool:
        """Whether it is the drawing for a narrow page."""
        return self.kind == "narrow"

    def tip(self, artist: Artist, words: str) -> None:
        """What is shown where the pointer rests on something."""
        name = f"tip-{len(self.tips)}"
        artist.set_gid(name)
        self.tips[name] = words


def draw(
    key: str, title: str, says: str, heights: tuple[float, float], paint: Callable[[Pen], None]
) -> tuple[str, ...]:
    """The wide and the narrow drawing of a figure. `heights`: of each, in pixels; `paint` draws one."""
    return tuple(
        _drawing(key, kind, title, says, round(height), paint)
        for kind, height in zip(("wide", "narrow"), heights, strict=True)
    )


def _drawing(key: str, kind: str, title: str, says: str, height: int, paint: Callable[[Pen], None]) -> str:
    import matplotlib  # half a second that only the HTML report needs
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Sheet

    width = NARROW if kind == "narrow" else WIDE
    name = f"{key}-{kind}"
    settings = {
        "svg.fonttype": "none",  # text stays text: sharp, small, found by a search
        "svg.hashsalt": name,
        "text.parse_math": False,  # a label with a dollar is no formula
        "path.simplify": True,
        "path.simplify_threshold": 0.2,
        "font.size": TEXT[kind],
    }
    with matplotlib.rc_context(settings):  # type: ignore[arg-type]
        sheet = Sheet(figsize=(width / 72, height / 72), dpi=72)  # one unit is one pixel
        FigureCanvasSVG(sheet)
        pen = Pen(sheet, kind, width, height)
        paint(pen)
        out = io.BytesIO()
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        sheet.savefig(out, format="svg", transparent=True, metadata=metadata)
    return inlined(out.getvalue(), name, kind, title, says, pen.tips)


def inlined(markup: bytes, name: str, kind: str, title: str, says: str, tips: Mapping[str, str]) -> str:
    """An SVG document as an element of the page. Ids are made unique in the page by `name`."""
    root = ET.fromstring(markup)  # noqa: S314 # matplotlib wrote it a moment ago
    for element in root.iter():
        element.tag = element.tag.partition("}")[2]
    _drop(root)
    used = {value for element in root.iter() for value in _references(element)}
    for element in root.iter():
        _tidy(element, name, used, tips)
    _flatten(root)
    box = root.get("viewBox", "")
    root.attrib.clear()
    root.attrib.update(
        {
            "class": f"drawing {kind}",
            "viewBox": box,
            "role": "img",
            "aria-labelledby": f"{name}-title {name}-says",
        }
    )
    for number, (tag, words) in enumerate((("title", title), ("desc", says))):
        child = ET.Element(tag, {"id": f"{name}-{'title' if tag == 'title' else 'says'}"})
        child.text = words
        root.insert(number, child)
    made = ET.tostring(root, encoding="unicode")
    return _STAND_IN.sub(lambda found: f"var(--{_NAME_OF[found[0]]})", made)


def _drop(root: ET.Element) -> None:
    """Without its style sheet, which the page's own replaces, its metadata, and what draws nothing."""
    for parent in list(root.iter()):
        for child in list(parent):
            unseen = child.tag == "path" and "id" not in child.attrib and child.get("style", "") in _NOTHING
            if unseen or child.tag in ("style", "metadata"):
                parent.remove(child)


def _flatten(root: ET.Element) -> None:
    """Without groups that group nothing, and without the white space between elements."""
    for parent in list(root.iter()):
        if parent.tag not in ("text", "title", "tspan"):
            parent.text = None
        for child in parent:
            child.tail = None
    again = True
    while again:
        again = False
        for parent in list(root.iter()):
            for number, child in enumerate(list(parent)):
                if child.tag in ("g", "defs") and (not len(child) or (child.tag == "g" and not child.attrib)):
                    parent.remove(child)
                    for offset, item in enumerate(child):
                        parent.insert(number + offset, item)
                    again = True
                    break


def _references(element: ET.Element) -> list[str]:
    link, clip = element.get(_LINK, ""), element.get("clip-path", "")
    return [link.removeprefix("#")] * bool(link) + [clip[5:-1]] * bool(clip)


def _tidy(element: ET.Element, name: str, used: set[str], tips: Mapping[str, str]) -> None:
    own = element.get("id")
    if own in used:
        element.set("id", f"{name}-{own}")
    elif own is not None:
        del element.attrib["id"]
    if own in tips:
        words = ET.Element("title")
        words.text = tips[str(own)]
        element.insert(0, words)
        element.set("class", "tip")
    if link := element.attrib.pop(_LINK, None):
        element.set("href", f"#{name}-{link.removeprefix('#')}")
    if clip := element.get("clip-path"):
        element.set("clip-path", f"url(#{name}-{clip[5:-1]})")
    for key in ("d", "x", "y", "width", "height"):
        if value := element.get(key):
            element.set(key, _short(value, key))
    if style := element.get("style"):
        element.set("style", _FAMILY.sub("", style).strip("; "))
    turn = element.get("transform", "")
    if turn.startswith(("rotate(-0 ", "rotate(0 ")):
        del element.attrib["transform"]
    elif turn:
        element.set("transform", _rounded(turn))


def _short(value: str, key: str) -> str:
    """A tenth of a pixel is as sharp as it gets."""
    text = _rounded(value)
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", text).strip() if key == "d" else text


def _rounded(text: str) -> str:
    return _NUMBER.sub(_tenth, text)


def _tenth(found: re.Match[str]) -> str:
    text = f"{float(found[0]):.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
