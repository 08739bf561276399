# SPDX-License-Identifier: Apache-2.0
"""The figures of the HTML report: matplotlib's, as SVG inside the page, each drawn for a wide and a narrow one.

Two drawings, because an SVG scaled down to a telephone has letters nobody can read. A figure is made only where
there is something to show.
"""

from __future__ import annotations

from netlab.report.figures.choose import Figures, figures_of
from netlab.report.figures.model import Figure

__all__ = ["Figure", "Figures", "figures_of"]
