# SPDX-License-Identifier: Apache-2.0
"""What the analysis needs of a stored run; the store of results has it, and so has anything else of this shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Manifest(Protocol):
    """What the analysis needs of a run's manifest."""

    @property
    def plan(self) -> Mapping[str, Any]: ...
    @property
    def order(self) -> Sequence[Mapping[str, Any]]: ...


class Run(Protocol):
    """What the analysis needs of a stored run."""

    @property
    def manifest(self) -> Manifest: ...
    def trials(self) -> list[dict[str, Any]]: ...
    def outcomes(self) -> list[dict[str, Any]]: ...
    def read_samples(self, line: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The columns of a trial's samples (numpy arrays); None where it has none."""
        ...
