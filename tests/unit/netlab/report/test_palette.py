# SPDX-License-Identifier: Apache-2.0
"""The figures' colours: told apart by every reader, and seen on the paper, in both schemes."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from netlab.report.figures.palette import HUES, NAMES, styles

Colour = npt.NDArray[np.float64]

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
# IEEE TVCG 15(6), 2009; severity 1, on linear RGB.
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])  # D65


def linear(code: str) -> Colour:
    """sRGB as light (IEC 61966-2-1)."""
    value = np.array([int(code[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(light: Colour) -> Colour:
    """CIE L*a*b*."""
    share = TO_XYZ @ np.clip(light, 0, 1) / WHITE
    x, y, z = np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one: str, other: str) -> float:
    """WCAG 2.2."""
    low, high = sorted(float(TO_XYZ[1] @ linear(code)) for code in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest, repository: Path) -> dict[str, str]:
    """Colours by name."""
    style = (repository / "netlab/report/templates/report.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light if request.param == "light" else dark))


def test_every_name_has_a_colour(scheme: dict[str, str]) -> None:
    assert set(NAMES) <= set(scheme)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("names", [("c0", *HUES), ("p50", "p90", "p99")], ids=["rows", "percentiles"])
def test_colours_are_told_apart(scheme: dict[str, str], sight: str, names: tuple[str, ...]) -> None:
    seen = {name: lab(SIGHTS[sight] @ linear(scheme[name])) for name in names}
    near = {
        pair: round(float(np.linalg.norm(seen[pair[0]] - seen[pair[1]]))) for pair in combinations(seen, 2)
    }
    assert {pair: distance for pair, distance in near.items() if distance < 12} == {}


def test_lines_and_letters_are_seen_on_the_paper(scheme: dict[str, str]) -> None:
    for name in ("c0", *HUES, "p50", "p90", "p99", "range", "higher", "lower"):
        assert contrast(scheme[name], scheme["panel"]) >= 3, name  # WCAG 1.4.11
    for name in ("ink", "soft", "p50", "higher", "lower"):
        assert contrast(scheme[name], scheme["panel"]) >= 4.5, name  # WCAG 1.4.3


def test_no_two_rows_look_alike_even_without_colour() -> None:
    made = styles([f"topology {number}" for number in range(12)], "topology 3", "topology 4")
    assert made["topology 3"].colour == "c0"
    assert len(set(made.values())) == 12
    first = list(styles([f"topology {number}" for number in range(6)]).values())
    assert len({style.dash for style in first}) == len({style.marker for style in first}) == 6
