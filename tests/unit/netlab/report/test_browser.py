# SPDX-License-Identifier: Apache-2.0
"""The report in a real browser: nothing runs over the edge, and the right drawing is seen."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from netlab import report
from netlab.results import RunStore

# Runs in a frame of the width to be tested: a browser's own window has a least width. What it finds goes into
# the title, which --dump-dom prints.
PROBE = """
<script>
addEventListener("load", () => {
  const root = document.documentElement, shown = [];
  for (const drawing of document.querySelectorAll("svg.drawing")) {
    const box = drawing.getBoundingClientRect();
    if (box.width > 0 && box.height > 0) shown.push(drawing.classList[1]);
  }
  const over = [...document.querySelectorAll("main *")].filter(
    (element) => element.getBoundingClientRect().right > root.clientWidth + 1 && element.checkVisibility());
  const cramped = [...document.querySelectorAll("svg.drawing text")].filter(
    (element) => { const box = element.getBoundingClientRect(); return box.height > 0 && box.height < 10; });
  parent.postMessage(JSON.stringify({
    width: root.clientWidth, scroll: root.scrollWidth, shown: shown, over: over.map((e) => e.tagName),
    cramped: cramped.length, paper: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.body).color }), "*");
});
</script>
"""
FRAME = """<!doctype html><title>waiting</title>
<script>addEventListener("message", (event) => {{ document.title = event.data; }});</script>
<iframe src="page.html" style="width:{width}px;height:4000px;border:0"></iframe>
"""


@pytest.fixture(scope="module")
def browser() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("needs the program chromium")


def seen(browser: str, page: Path, width: int, dark: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        markup = page.read_text(encoding="utf-8")
        markup = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", markup)
        (Path(folder) / "page.html").write_text(
            markup.replace("</body>", f"{PROBE}</body>"), encoding="utf-8"
        )
        (Path(folder) / "frame.html").write_text(FRAME.format(width=width), encoding="utf-8")
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
            "--no-first-run", "--hide-scrollbars", "--disable-dev-shm-usage",
            f"--user-data-dir={folder}/profile",
            "--window-size=1400,4200", "--virtual-time-budget=5000",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            "--dump-dom", (Path(folder) / "frame.html").as_uri(),
        ]  # fmt: skip
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    title = re.search(r"<title>(.*?)</title>", ran.stdout)
    assert title, ran.stderr
    assert title[1] != "waiting", ran.stderr
    found: dict[str, Any] = json.loads(unescape(title[1]))
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("width", "drawing"), [(390, "narrow"), (1280, "wide")])
def test_in_a_browser(browser: str, troubled: RunStore, width: int, drawing: str, dark: bool) -> None:
    found = seen(browser, report.write_html(troubled), width, dark)
    assert found["width"] == width
    assert found["scroll"] <= width
    assert found["over"] == []
    assert found["shown"] == [drawing]
    assert found["cramped"] == 0
    darkness = sum(int(part) for part in re.findall(r"\d+", found["paper"])[:3])
    assert (darkness < 200) is dark
