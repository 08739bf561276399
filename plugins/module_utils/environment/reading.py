# SPDX-License-Identifier: Apache-2.0
"""Reading a board's files, and keeping account of what was not there and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

Value = TypeVar("Value", str, int)


class Files:
    """The files below ``root``: the board's own, or a tree that a test has made."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def text(self, name: str) -> str | None:
        """Without the white space around it; None where there is no such file, or it cannot be read."""
        try:
            return self.path(name).read_text(encoding="utf-8", errors="replace").strip("\0 \t\r\n")
        except OSError:
            return None

    def number(self, name: str) -> int | None:
        text = self.text(name)
        try:
            return int(text) if text else None
        except ValueError:
            return None

    def switch(self, name: str) -> bool | None:
        """A file that says 0 or 1, N or Y, off or on."""
        return {"0": False, "n": False, "off": False, "1": True, "y": True, "on": True}.get(
            (self.text(name) or "").lower()
        )

    def chosen(self, name: str) -> str | None:
        """The one in brackets: ``always [madvise] never``."""
        words = (self.text(name) or "").split()
        return next((word[1:-1] for word in words if word[0] in "[(" and word[-1] in "])"), None)

    def names(self, folder: str) -> list[str]:
        """What a folder holds, sorted; nothing where there is none."""
        try:
            return sorted(entry.name for entry in self.path(folder).iterdir())
        except OSError:
            return []


class Reading:
    """What was read, by place (``cpu/governor``), and for each place without a value the reason."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.absent: dict[str, str] = {}

    def put(self, place: str, value: Any, why: str) -> None:
        """``why`` stands in for a value that is None."""
        *folders, name = place.split("/")
        inside = self.values
        for folder in folders:
            inside = inside.setdefault(folder, {})
        inside[name] = value
        if value is None:
            self.absent[place] = why


def cpu_numbers(text: str | None) -> list[int]:
    """``0-2,5`` as numbers."""
    numbers: list[int] = []
    for span in (text or "").split(","):
        first, _, last = span.strip().partition("-")
        if first.isdecimal() and (not last or last.isdecimal()):
            numbers += range(int(first), int(last or first) + 1)
    return numbers


def cpu_list(numbers: Iterable[int]) -> str:
    """Numbers as ``0-2,5``, the kernel's way to write them."""
    spans: list[list[int]] = []
    for number in sorted(set(numbers)):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def mask_list(mask: str | None) -> str | None:
    """A CPU mask (``00000000,0000000f``) as a list (``0-3``); empty where no bit is set."""
    try:
        bits = int((mask or "").replace(",", ""), 16)
    except ValueError:
        return None
    return cpu_list(number for number in range(bits.bit_length()) if bits >> number & 1)


def alike(by_cpu: Mapping[int, Value | None]) -> Value | str | None:
    """What all CPUs say; where they differ, ``0-3: performance; 4-7: powersave``. None where none says anything."""
    said: dict[Value, list[int]] = {}
    for cpu, value in by_cpu.items():
        if value is not None:
            said.setdefault(value, []).append(cpu)
    if not said:
        return None
    if len(said) == 1:
        return next(iter(said))
    return "; ".join(
        f"{cpu_list(cpus)}: {value}" for value, cpus in sorted(said.items(), key=lambda one: one[1])
    )
