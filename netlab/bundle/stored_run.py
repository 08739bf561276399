# SPDX-License-Identifier: Apache-2.0
"""A bundle's run/, once it is unpacked: that the analysis can read it, and that it is the run of the plan."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from netlab.bundle import limits, strict_json
from netlab.bundle.refusals import (
    BadJson,
    BadOutput,
    BadSamples,
    Bomb,
    Contradiction,
    OutsideSchema,
    TooLarge,
)
from netlab.errors import InvalidInput, NetlabError
from netlab.plan import TrialSpec
from netlab.results import shape
from netlab.results.columns import STORED_SAMPLES
from netlab.results.parquet import looks_whole
from netlab.results.trial import check as check_trial


@dataclass(frozen=True)
class Files:
    """What the lines of trials.jsonl name."""

    raw: set[str] = field(default_factory=set)
    samples: set[str] = field(default_factory=set)


def check_results(bundle: str, file: Path, order: Sequence[TrialSpec], boards: set[str]) -> Files:
    """Every line, one at a time; the files that they name."""
    planned = {spec.order: spec.as_dict() for spec in order}
    found = Files()
    for number, content in _lines(bundle, file):
        place = f"run/trials.jsonl:{number}"
        value = _parsed(bundle, place, content)
        _check_line(bundle, place, value)
        spec = planned.get(value["order"])
        if spec is None:
            raise Contradiction(bundle, f"the plan has no trial {value['order']}", place=place)
        try:
            check_trial(value, spec)
        except NetlabError as error:
            raise Contradiction(bundle, str(error), place=place) from None
        if value.get("parameters", {}) != spec["parameters"]:
            raise Contradiction(bundle, "its parameters are not the plan's", place=place)
        if value.get("board") is not None and value["board"] not in boards:
            raise Contradiction(bundle, "the inventory has no such board", place=f"{place}: board")
        for kind, known in (("raw", found.raw), ("samples", found.samples)):
            name = value.get(kind)
            if name is not None and name in known:
                raise Contradiction(bundle, "another line names this file too", place=f"{place}: {kind}")
            if name is not None:
                known.add(name)
    return found


def _lines(bundle: str, file: Path) -> Iterator[tuple[int, bytes]]:
    values = 0
    with file.open("rb") as stream:
        number = 0
        while content := stream.readline(limits.RESULT_LINE_BYTES + 1):
            number += 1
            place = f"run/trials.jsonl:{number}"
            if len(content) > limits.RESULT_LINE_BYTES:
                raise TooLarge(bundle, "the line is too long for a result", place=place)
            if not content.endswith(b"\n"):
                raise BadJson(bundle, "the line has no end: it is cut off", place=place)
            values += strict_json.count(content)
            if values > limits.RESULT_VALUES:
                raise TooLarge(bundle, "there are too many values in the results", place=place)
            yield number, content


def _parsed(bundle: str, place: str, content: bytes) -> dict[str, Any]:
    try:
        value = strict_json.parse(content)
    except strict_json.Unfit as error:
        raise BadJson(bundle, str(error), place=place) from None
    if not isinstance(value, dict):
        raise BadJson(bundle, "the line is not an object", place=place)
    for where, text in strict_json.strings(value):
        if letter := strict_json.unprintable(text):
            raise OutsideSchema(
                bundle, f"the text has the character {letter}, which is not for reading",
                place=f"{place}: {where}", expected="text that a terminal can show",
            )  # fmt: skip
    return value


def _check_line(bundle: str, place: str, value: Mapping[str, Any]) -> None:
    try:
        shape.check_line(value, Path(place), 0)
    except InvalidInput as error:
        first = error.problems[0]
        key = f"{place}: {first.key}" if first.key else place
        raise OutsideSchema(bundle, first.message, place=key) from None
    for name in ("started", "finished"):
        moment = value.get(name)
        try:
            zoned = moment is None or datetime.fromisoformat(moment).tzinfo is not None
        except ValueError:
            zoned = False
        if not zoned:
            raise OutsideSchema(bundle, "this is no time in UTC", place=f"{place}: {name}")


def check_output(bundle: str, file: Path, name: str, left: int) -> int:
    """An instrument's output is one gzip stream of text; how much of `left` bytes it leaves."""
    engine = zlib.decompressobj(wbits=31)
    most = min(left, limits.OUTPUT_BYTES)
    packed = file.read_bytes()
    try:
        content = engine.decompress(packed, most + 1)
    except zlib.error as error:
        raise BadOutput(bundle, f"it is not gzip: {error}", place=name) from None
    if len(content) > most or len(content) > max(limits.RATIO_FREE_BYTES, limits.RATIO * len(packed)):
        raise Bomb(bundle, f"{len(packed)} bytes of gzip would become {len(content)} or more", place=name)
    if not engine.eof:
        raise BadOutput(bundle, "it is cut off", place=name)
    if engine.unused_data:
        what = "a second stream" if engine.unused_data.startswith(b"\x1f\x8b") else "something"
        raise BadOutput(bundle, f"{what} stands behind the end of it", place=name)
    try:
        content.decode("utf-8", "surrogateescape").encode("utf-8")
    except UnicodeError:
        raise BadOutput(bundle, "it is not UTF-8", place=name) from None
    return left - len(content)


def check_samples(bundle: str, folder: Path, names: Sequence[str]) -> None:
    """Files of samples have the columns that they have, as many rows as can be, and can be read to their ends."""
    if not names:
        return
    import duckdb

    for name in names:
        if why := looks_whole(folder / name):
            raise BadSamples(bundle, f"the samples {why}", place=f"run/{name}")
    paths = ", ".join(_quoted(str(folder / name)) for name in names)
    left = limits.ALL_SAMPLES_ROWS
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
        "memory_limit": "200MB",
        "threads": 1,
    }
    with duckdb.connect(":memory:", config=config) as database:
        database.execute(f"SET allowed_paths = [{paths}]")
        database.execute("SET temp_directory = ''")
        database.execute("SET enable_external_access = false")
        for name in names:
            place = f"run/{name}"
            try:
                left -= _check_rows(bundle, database, str(folder / name), place)
            except duckdb.Error as error:
                words = str(error).splitlines()[0].replace(f"{folder}/", "")
                raise BadSamples(bundle, f"it cannot be read: {words:.200}", place=place) from None
            if left < 0:
                raise TooLarge(bundle, "there are too many samples in all", place=place)


def _check_rows(bundle: str, database: Any, path: str, place: str) -> int:
    if why := samples_problem(database, path):
        raise BadSamples(bundle, f"the samples {why}", place=place)
    rows = int(database.execute("SELECT num_rows FROM parquet_file_metadata(?)", [path]).fetchone()[0])
    if not 0 <= rows <= limits.SAMPLES_ROWS:
        raise TooLarge(
            bundle,
            f"it says that it has {rows} samples",
            place=place,
            expected=f"at most {limits.SAMPLES_ROWS}",
        )
    every = ", ".join(f'"{column.name}"' for column in STORED_SAMPLES)
    # A hash of all values: counts and extremes would be answered from the footer, without a look at the pages.
    query = f"SELECT bit_xor(hash({every})), count(*) FROM read_parquet(?)"  # noqa: S608 - names of our own
    if database.execute(query, [path]).fetchone()[1] != rows:
        raise BadSamples(bundle, "the samples are not as many as it says", place=place)
    return rows


def samples_problem(database: Any, path: str) -> str | None:
    """What a file of samples holds beside numbers; None for one that is as netlab writes it."""
    columns = database.execute("DESCRIBE SELECT * FROM read_parquet(?)", [path]).fetchall()
    if [(row[0], row[1]) for row in columns] != [(column.name, column.kind) for column in STORED_SAMPLES]:
        found = ", ".join(f"{row[0]} {row[1]}" for row in columns[:8])
        return f"have other columns than samples have: {ascii(found)[1:-1]:.80}"
    if database.execute("SELECT count(*) FROM parquet_kv_metadata(?)", [path]).fetchone()[0]:
        return "have metadata of somebody else's"
    return None


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
