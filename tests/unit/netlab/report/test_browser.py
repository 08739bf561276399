# SPDX-License-Identifier: Apache-2.0
"""The report in a real browser: no complaint in its console, every figure seen, nothing over the edge.

NETLAB_SCREENSHOTS=FOLDER also keeps a picture of each page that was looked at.
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
ANSWER_S = 60.0
# What is drawn at the width of the window, and what is wrong with it.
PROBE = """(() => {
  const root = document.documentElement;
  const box = (element) => element.getBoundingClientRect();
  const seen = (element) => element.checkVisibility() && box(element).width > 0 && box(element).height > 0;
  const drawings = [...document.querySelectorAll("svg.drawing")].filter(seen);
  const texts = drawings.flatMap((drawing) => [...drawing.querySelectorAll("text")]);
  const ink = (element) => getComputedStyle(element).fill;
  return {
    width: root.clientWidth,
    scroll: root.scrollWidth,
    figures: document.querySelectorAll("figure").length,
    drawn: drawings.map((drawing) => drawing.classList[1]),
    empty: drawings.filter((drawing) => ![...drawing.querySelectorAll("path, use")].some(
      (one) => box(one).width > 20)).map((drawing) => drawing.querySelector("title").textContent),
    over: [...document.querySelectorAll("main *")].filter(seen).filter(
      (element) => !element.closest(".scroll, [clip-path]") && element.tagName !== "g" &&
        (box(element).right > root.clientWidth + 1 || box(element).left < -1)
    ).map((element) => element.tagName + " " + element.textContent.slice(0, 40)),
    cramped: texts.filter((text) => box(text).height < 10).map((text) => text.textContent),
    touching: drawings.flatMap((drawing) => {
      const own = [...drawing.querySelectorAll("text")].filter((text) => text.textContent.trim());
      return own.flatMap((a, index) => own.slice(index + 1).filter((b) => {
        const [p, q] = [box(a), box(b)];
        return p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 4 && q.top < p.bottom - 4;
      }).map((b) => a.textContent + " | " + b.textContent));
    }),
    inks: [...new Set(texts.map(ink))],
    paper: getComputedStyle(document.body).backgroundColor,
    panel: getComputedStyle(document.querySelector("figure")).backgroundColor,
  };
})()"""


class Browser:
    """A headless Chromium, spoken to in the DevTools protocol by a pair of pipes: no port, no library.

    Messages end in NUL (chromium's --remote-debugging-pipe). The browser ends when the pipes are closed.
    """

    def __init__(self, program: str, profile: Path) -> None:
        from_us, to_browser = os.pipe()
        from_browser, to_us = os.pipe()
        options = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            "--disable-background-networking", "--no-first-run", f"--user-data-dir={profile}",
            "--remote-debugging-pipe", "about:blank",
        ]  # fmt: skip
        # The protocol has the descriptors 3 and 4; bash can put them there, dash and subprocess cannot.
        words = f'exec "$0" "$@" 3<&{from_us} 4>&{to_us}'
        self._process = subprocess.Popen(
            ["bash", "-c", words, program, *options],
            pass_fds=(from_us, to_us), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(from_us)
        os.close(to_us)
        self._out, self._in = to_browser, from_browser
        self._pending = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = ""
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    _session = ""

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command's result; events that come meanwhile are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            told = self._message()
            if told.get("id") == self._number:
                assert "error" not in told, told
                found: dict[str, Any] = told["result"]
                return found
            self.events.append(told)

    def wait_for(self, event: str) -> None:
        """Until an event has come."""
        while not any(told.get("method") == event for told in self.events):
            self.events.append(self._message())

    def complaints(self) -> list[str]:
        """Errors and warnings in the console, and exceptions."""
        found = []
        for told in self.events:
            if told.get("method") in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
                found.append(json.dumps(told["params"]))
            elif told.get("method") == "Log.entryAdded":
                found.append(told["params"]["entry"]["text"])
        return found

    def close(self) -> None:
        """End it; by force if it does not."""
        os.close(self._out)
        os.close(self._in)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    def _message(self) -> dict[str, Any]:
        deadline = time.monotonic() + ANSWER_S
        while b"\0" not in self._pending:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"the browser says nothing for {ANSWER_S:g} s"
            part = os.read(self._in, 1 << 20)
            assert part, "the browser has ended"
            self._pending += part
        first, _, self._pending = self._pending.partition(b"\0")
        told: dict[str, Any] = json.loads(first)
        return told


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"needs one of the programs {', '.join(PROGRAMS)}")
    made = Browser(program, tmp_path_factory.mktemp("profile"))
    yield made
    made.close()


def look(browser: Browser, page: Path, width: int, dark: bool, media: str = "screen") -> dict[str, Any]:
    """What the probe finds on a page shown so."""
    browser.events.clear()
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.ask("Emulation.setEmulatedMedia", media=media, features=scheme)
    browser.ask(
        "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
    )
    browser.ask("Page.navigate", url=page.resolve().as_uri())
    browser.wait_for("Page.loadEventFired")
    for shown in ("document.querySelectorAll('details').forEach((one) => { one.open = true; })", PROBE):
        told = browser.ask("Runtime.evaluate", expression=shown, returnByValue=True)
        assert "exceptionDetails" not in told, told
    if folder := os.environ.get("NETLAB_SCREENSHOTS"):
        name = f"{page.stem}-{width}-{'dark' if dark else 'light'}-{media}.png"
        close = "document.querySelectorAll('details').forEach((one) => { one.open = false; })"
        browser.ask("Runtime.evaluate", expression=close)
        size = browser.ask("Page.getLayoutMetrics")["cssContentSize"]
        whole = {"x": 0, "y": 0, "width": width, "height": size["height"], "scale": 1}
        picture = browser.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=whole)["data"]
        (Path(folder) / name).write_bytes(base64.b64decode(picture))
    found: dict[str, Any] = told["result"]["value"]
    return found


def brightness(colour: str) -> float:
    """0 to 255 of `rgb(1, 2, 3)`."""
    return sum(float(part) for part in re.findall(r"[\d.]+", colour)[:3]) / 3


@pytest.mark.parametrize("which", ["rich", "troubled"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("width", "kind"), [(390, "narrow"), (1280, "wide")])
def test_in_a_browser(
    browser: Browser, which: str, width: int, kind: str, dark: bool, page_of: Callable[[str], Path]
) -> None:
    page = page_of(which)
    found = look(browser, page, width, dark)
    assert browser.complaints() == []
    assert found["width"] == width
    assert found["scroll"] <= width
    assert found["over"] == []
    assert found["drawn"] == [kind] * found["figures"]
    assert found["figures"] > 0
    assert found["empty"] == []
    assert found["cramped"] == []
    assert found["touching"] == []
    assert (brightness(found["paper"]) < 60) is dark
    for ink in found["inks"]:
        assert abs(brightness(ink) - brightness(found["panel"])) > 60


def test_on_paper_it_is_light_and_whole(browser: Browser, page_of: Callable[[str], Path]) -> None:
    a4_within_margins = 688  # CSS pixels
    found = look(browser, page_of("rich"), a4_within_margins, dark=True, media="print")
    assert found["scroll"] <= a4_within_margins
    assert found["over"] == []
    assert found["drawn"] == ["wide"] * found["figures"]
    assert brightness(found["paper"]) > 200


WRONG = """<!doctype html><meta name="viewport" content="width=device-width"><body style="margin: 0"><main>
<script>console.error("broken")</script>
<div style="width: 2000px">wide</div>
<figure><svg class="drawing wide" viewBox="0 0 100 40" width="100" height="40"><title>nothing</title>
<text x="5" y="20" font-size="12">one</text><text x="8" y="20" font-size="12">other</text>
<text x="60" y="20" font-size="4">small</text></svg></figure></main></body>"""


def test_the_browser_sees_what_is_wrong(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "wrong.html"
    page.write_text(WRONG, encoding="utf-8")
    found = look(browser, page, 1280, dark=False)
    assert len(browser.complaints()) == 1
    assert found["scroll"] > found["width"]
    assert any("wide" in one for one in found["over"])
    assert found["touching"] == ["one | other"]
    assert found["cramped"] == ["small"]
    assert found["empty"] == ["nothing"]
