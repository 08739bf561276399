# SPDX-License-Identifier: Apache-2.0
"""Speed. Every figure is a ratio or a difference measured in one run, so that it holds on any machine."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture
def figure(
    record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> Callable[..., None]:
    """Print one measured figure beside its bound, whether it holds or not, and keep it with the results."""

    def tell(name: str, value: float, bound: str) -> None:
        record_property(name, value)
        with capsys.disabled():
            print(f"\n  {name}: {value:.3f} ({bound})", end="")

    return tell
