# SPDX-License-Identifier: Apache-2.0
"""An interval where there are too few blocks for one by ranks: the spread of all rows together stands for each.

A run of two blocks has but one difference in each of its rows; what its rows scatter by has been seen several times.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from netlab.analysis import sides
from netlab.analysis.ranks import Shift
from netlab.analysis.sides import Logs, Side


@dataclass(frozen=True)
class Pooled:
    """Standard deviation of a row from block to block, with its degrees of freedom.

    What strikes a block strikes all its rows alike. So the degrees of freedom are those of the blocks, as if the rows
    of one block were one.
    """

    deviation: float
    freedom: int

    def shift(self, values: Sequence[float], reference: Sequence[float], confidence: float) -> Shift | None:
        """Difference of the means, with Student's interval; without an end where nothing is known of the spread."""
        if not values or not reference:
            return None
        estimate = float(np.mean(values) - np.mean(reference))
        if self.freedom < 1:
            return Shift(estimate, None, None)
        from scipy import stats

        reach = float(stats.t.ppf((1 + confidence) / 2, self.freedom)) * self.deviation
        reach *= math.sqrt(1 / len(values) + 1 / len(reference))
        return Shift(estimate, estimate - reach, estimate + reach)


def of(both: Iterable[Side], key: str) -> Pooled:
    """The spread of a figure's logarithm in all rows of these runs, second halves of A/A pairs included."""
    each = [[side.logs(own, key) for own in side.blocks] for side in both]
    blocks = sum(max((sides.count(logs) for logs in rows), default=1) - 1 for rows in each)
    spread = of_rows([logs for rows in each for logs in rows])
    return Pooled(spread.deviation, min(spread.freedom, max(blocks, 0)))


def of_rows(rows: Iterable[Logs]) -> Pooled:
    """The spread of these rows, each around its own mean."""
    squares, freedom = 0.0, 0
    for logs in rows:
        values = np.asarray(_each_once(logs))
        if values.size > 1:
            squares += float(np.sum((values - values.mean()) ** 2))
            freedom += values.size - 1
    return Pooled(math.sqrt(squares / freedom) if freedom else 0.0, freedom)


def _each_once(logs: Logs) -> list[float]:
    """A value a block, each board centred by itself."""
    return [own.value for own in sides.by_block(logs, logs)[0]]
