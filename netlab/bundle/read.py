# SPDX-License-Identifier: Apache-2.0
"""A bundle from somebody else: all of it is checked, unpacked into a private folder, and handed out as data.

    with opened(Path("theirs.zip")) as bundle:
        bundle.boards, bundle.plan, bundle.order, bundle.run

Nothing in a bundle is run, given to Ansible, or written outside the folder, which goes when the block ends. Whatever is
wrong is a BundleRefused (refusals.py), which says where.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from netlab.bundle import as_data, container, limits, names, stored_run, strict_json, sums, written
from netlab.bundle.container import Container
from netlab.bundle.model import (
    BOARDS,
    REDACTIONS,
    SCHEMA_VERSION,
    BoardEntry,
    GuestImages,
    Header,
    PlanFile,
    Redaction,
    Roles,
    Surroundings,
)
from netlab.bundle.refusals import (
    BadJson,
    Contradiction,
    ForeignMember,
    MissingMember,
    NewerSchema,
    NotABundle,
    OutsideSchema,
)
from netlab.errors import InvalidInput
from netlab.plan import Plan, TrialSpec
from netlab.results import manifest as manifests
from netlab.results.manifest import Manifest

Model = TypeVar("Model")


@dataclass(frozen=True)
class Bundle:
    """What a bundle says, checked.

    `boards`: `{name, role, groups, variables, guests}` of each, as plain data; names are aliases unless `names` is
    "kept". `order`: the trials in the order in which they were run. `run`: the folder of the run, as `RunStore.open`
    takes it; None for a bundle without results. `written`: what the inventory's own files say, by file, as data.
    """

    path: Path
    schema_version: int
    netlab: str
    run_name: str
    run_netlab: str
    partial: bool
    note: str | None
    names: str
    boards: list[dict[str, Any]]
    plan: Plan
    seed: int
    order: list[TrialSpec]
    run: Path | None
    environment: dict[str, Any]
    roles: Roles
    guest_images: dict[str, dict[str, Any]]
    redactions: list[Redaction]
    written: Mapping[str, Any] = field(default_factory=dict)
    members: Mapping[str, int] = field(default_factory=dict)

    @property
    def results(self) -> Path | None:
        """The folder that holds the run, as --results takes it."""
        return None if self.run is None else self.run.parent


@contextmanager
def opened(path: str | Path) -> Iterator[Bundle]:
    """The bundle in a file, as long as the block lasts. Raises BundleRefused."""
    held = container.open_container(Path(path))
    with held.stream, tempfile.TemporaryDirectory(prefix="netlab-bundle-") as private:  # mode 0700
        yield _Reader(held, Path(private)).bundle()


class _Reader:
    def __init__(self, held: Container, private: Path) -> None:
        self.held = held
        self.path = held.path
        self.private = private

    def bundle(self) -> Bundle:
        header = self._header()
        self._check_members(header)
        run = self.private / "results" / header.run if header.results else None
        self._unpack(run)

        boards = self._model(names.INVENTORY, BOARDS)
        as_data.check_boards(self.path, names.INVENTORY, boards)
        plan, told = self._plan()
        order = [TrialSpec.from_dict(entry.model_dump()) for entry in told.order]
        roles = self._model(names.ROLES, Roles)
        images = self._model(names.GUEST_IMAGE, GuestImages) if self._has(names.GUEST_IMAGE) else None
        surroundings = self._model(names.ENVIRONMENT, Surroundings)
        self._json(names.CRATE)
        if images and (strange := set(images.boards) - {board.name for board in boards}):
            self._contradicts(names.GUEST_IMAGE, f"the inventory has no board {min(strange)}")
        for group in (surroundings.accelerator, *_by_board(surroundings)):
            if strange := set(group) - {board.name for board in boards}:
                self._contradicts(names.ENVIRONMENT, f"the inventory has no board {min(strange)!r:.60}")
        redactions = self._model(names.REDACTIONS, REDACTIONS)
        if run is not None:
            self._check_run(run, header, boards, plan, order, surroundings)
        return Bundle(
            path=Path(self.path),
            schema_version=header.schema_version,
            netlab=header.netlab,
            run_name=header.run,
            run_netlab=header.run_netlab,
            partial=header.state == "partial",
            note=header.note,
            names=header.names,
            boards=[board.model_dump(mode="json") for board in boards],
            plan=plan,
            seed=told.seed,
            order=order,
            run=run,
            environment=surroundings.model_dump(mode="json"),
            roles=roles,
            guest_images={} if images is None else images.model_dump(mode="json")["boards"],
            redactions=redactions,
            written=self._written(),
            members={name: info.file_size for name, info in self.held.members.items()},
        )

    # -- before anything is unpacked ----------------------------------------------------------------------

    def _header(self) -> Header:
        """First of all, because a newer netlab may have other members."""
        if names.HEADER not in self.held.members and names.SUMS not in self.held.members:
            raise NotABundle(self.path, f"this zip is no bundle: it has no {names.HEADER}")
        value = self._parsed(names.HEADER, self.held.read(names.HEADER))
        version = value.get("schema_version") if isinstance(value, dict) else None
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise OutsideSchema(
                self.path, "this is no schema version", place=f"{names.HEADER}: schema_version",
                expected=f"{SCHEMA_VERSION}, not {ascii(version)[:30]}",
            )  # fmt: skip
        if version > SCHEMA_VERSION:
            made = value.get("netlab")
            by = (
                f" by netlab {made:.30}"
                if isinstance(made, str) and not strict_json.unprintable(made)
                else ""
            )
            raise NewerSchema(
                self.path,
                f"it was exported{by}, with schema version {version}; this one reads {SCHEMA_VERSION} and older",
                place=f"{names.HEADER}: schema_version",
            )
        return self._checked(names.HEADER, value, TypeAdapter(Header))

    def _check_members(self, header: Header) -> None:
        for name in self.held.members:
            names.check_known(self.path, name)
        wanted = [*names.REQUIRED, *((names.MANIFEST, names.TRIALS) if header.results else ())]
        for name in wanted:
            if name not in self.held.members:
                raise MissingMember(self.path, "the bundle has no such member", place=name)
        if not header.results:
            for name in self.held.members:
                if name.startswith(names.RUN):
                    raise Contradiction(
                        self.path, f"{names.HEADER} says that there are no results", place=name
                    )
        told = sums.parse(self.path, self.held.read(names.SUMS))
        for name in self.held.members:
            if name != names.SUMS and name not in told:
                raise ForeignMember(self.path, f"{names.SUMS} does not name this member", place=name)
        for name in told:
            if name not in self.held.members:
                raise MissingMember(self.path, f"{names.SUMS} names a member that is not there", place=name)
        self.sums = told

    def _unpack(self, run: Path | None) -> None:
        """All members, each to the place that its known name has below the private folder."""
        folders = [self.private / names.WRITTEN / name for name in ("group_vars", "host_vars")]
        if run is not None:
            folders += [run / "raw", run / "samples"]
        for folder in folders:
            folder.mkdir(parents=True, mode=0o700)
        for name in self.held.members:
            found = self.held.unpack(name, self._place(name, run))
            if name != names.SUMS:
                sums.check(self.path, name, found, self.sums[name])

    def _place(self, name: str, run: Path | None) -> Path:
        if run is not None and name.startswith(names.RUN):
            return run / name.removeprefix(names.RUN)
        return self.private / name

    # -- what the members say -----------------------------------------------------------------------------

    def _plan(self) -> tuple[Plan, PlanFile]:
        value = self._json(names.PLAN)
        as_data.refuse_templates(self.path, names.PLAN, value)
        told = self._checked(names.PLAN, value, TypeAdapter(PlanFile))
        plan = self._checked(f"{names.PLAN}: plan", told.plan, TypeAdapter(Plan))
        if told.seed != plan.seed:
            self._contradicts(f"{names.PLAN}: seed", "the plan has another seed")
        if len(told.order) > limits.TRIALS:
            raise OutsideSchema(
                self.path, f"there are {len(told.order)} trials", place=f"{names.PLAN}: order"
            )
        instruments = [(item.name, item.parameters) for item in plan.instruments]
        scenarios = {choice.name: choice.conditions for choice in plan.scenarios}
        blocks: dict[int, Counter[str]] = {}
        before = 1
        for number, entry in enumerate(told.order, start=1):
            place = f"{names.PLAN}: order[{number - 1}]"
            if entry.order != number:
                self._contradicts(place, f"trial {entry.order} stands where trial {number} should")
            if not before <= entry.block <= plan.blocks:
                self._contradicts(place, f"block {entry.block} is not in its place")
            before = entry.block
            conditions = scenarios.get(entry.scenario)
            if entry.topology not in plan.topologies:
                self._contradicts(place, f"the plan has no topology {entry.topology}")
            if conditions is None:
                self._contradicts(place, f"the plan has no scenario {entry.scenario}")
            if conditions and entry.condition not in conditions:
                self._contradicts(place, "the plan has no such condition")
            if (entry.instrument, entry.parameters) not in instruments:
                self._contradicts(place, "the plan tells its instrument something else")
            kind = entry.model_dump_json(exclude={"order", "block"})
            blocks.setdefault(entry.block, Counter())[kind] += 1
        if any(block != blocks[1] for block in blocks.values()) or len(blocks) != plan.blocks:
            self._contradicts(f"{names.PLAN}: order", "the blocks do not hold the same trials")
        return plan, told

    def _check_run(
        self, run: Path, header: Header, boards: list[BoardEntry], plan: Plan, order: list[TrialSpec],
        surroundings: Surroundings,
    ) -> None:  # fmt: skip
        """run/ is the run of this plan on these boards, and can be read by whatever reads runs."""
        self._json(names.MANIFEST, run)
        try:
            manifest = manifests.read(run / manifests.MANIFEST)
        except InvalidInput as error:
            first = error.problems[0]
            place = f"{names.MANIFEST}: {first.key}" if first.key else names.MANIFEST
            raise OutsideSchema(self.path, first.message, place=place, expected=first.expected) from None
        self._check_manifest(manifest, header, boards, plan, order, surroundings)
        files = stored_run.check_results(
            self.path, run / "trials.jsonl", order, {board.name for board in boards}
        )
        for kind, told, pattern in (("raw", files.raw, names.RAW), ("samples", files.samples, names.SAMPLES)):
            there = {name.removeprefix(names.RUN) for name in self.held.members if pattern.fullmatch(name)}
            if missing := told - there:
                self._contradicts(
                    names.TRIALS, f"it names a file that is not there: {ascii(min(missing))[:80]}"
                )
            if unnamed := there - told:
                self._contradicts(f"run/{min(unnamed)}", f"no line of {names.TRIALS} names this {kind}")
        left = limits.OUTPUTS_BYTES
        for name in sorted(files.raw):
            left = stored_run.check_output(self.path, run / name, f"run/{name}", left)
        stored_run.check_samples(self.path, run, sorted(files.samples))

    def _check_manifest(
        self, manifest: Manifest, header: Header, boards: list[BoardEntry], plan: Plan, order: list[TrialSpec],
        surroundings: Surroundings,
    ) -> None:  # fmt: skip
        of_plan = self._checked(f"{names.MANIFEST}: plan", manifest.plan, TypeAdapter(Plan))
        try:
            trials = [TrialSpec.from_dict(spec) for spec in manifest.order]
        except (KeyError, TypeError, ValueError):
            self._contradicts(f"{names.MANIFEST}: order", "an entry of it is no trial")
        inventory = {
            board.name: board.model_dump(mode="json", exclude={"name"}) | {"connection": None}
            for board in boards
        }
        around = surroundings.model_dump(mode="json")
        own = manifest.model_dump(mode="json")
        for key, same in (
            ("run", manifest.run == header.run),
            ("netlab", manifest.netlab == header.run_netlab),
            ("plan", of_plan == plan),
            ("seed", manifest.seed == plan.seed),
            ("order", trials == order),
            ("inventory", manifest.inventory == inventory),
            *((key, own[key] == value) for key, value in around.items()),
        ):
            if not same:
                self._contradicts(f"{names.MANIFEST}: {key}", "the bundle says something else elsewhere")

    def _written(self) -> dict[str, Any]:
        found = {}
        for name in sorted(self.held.members):
            if name.startswith(names.WRITTEN):
                found[name.removeprefix(names.WRITTEN)] = written.read(self.path, name, self.private / name)
        return found

    # -- JSON ---------------------------------------------------------------------------------------------

    def _has(self, name: str) -> bool:
        return name in self.held.members

    def _json(self, name: str, run: Path | None = None) -> Any:
        return self._parsed(name, self._place(name, run).read_bytes())

    def _parsed(self, name: str, content: bytes) -> Any:
        try:
            value = strict_json.parse(content)
        except strict_json.Unfit as error:
            raise BadJson(self.path, str(error), place=name) from None
        if not isinstance(value, dict | list):
            raise BadJson(self.path, "it is no object", place=name)
        for place, text in strict_json.strings(value):
            if letter := strict_json.unprintable(text):
                raise OutsideSchema(
                    self.path, f"the text has the character {letter}, which is not for reading",
                    place=f"{name}: {place}", expected="text that a terminal can show",
                )  # fmt: skip
        return value

    def _model(self, name: str, kind: type[BaseModel] | TypeAdapter[Any]) -> Any:
        value = self._json(name)
        if name in (names.INVENTORY, names.ROLES, names.GUEST_IMAGE):
            as_data.refuse_templates(self.path, name, value)
        return self._checked(name, value, kind if isinstance(kind, TypeAdapter) else TypeAdapter(kind))

    def _checked(self, place: str, value: Any, adapter: TypeAdapter[Model]) -> Model:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
            message = "there is no such key" if first["type"] == "extra_forbidden" else first["msg"]
            if first["type"] == "string_pattern_mismatch":
                message = f"{ascii(first['input'])[:60]} cannot stand here"
            raise OutsideSchema(
                self.path, message, place=f"{place}: {ascii(steps)[1:-1].lstrip('.')}"[:200]
            ) from None

    def _contradicts(self, place: str, message: str) -> None:
        raise Contradiction(self.path, message, place=place)


def _by_board(surroundings: Surroundings) -> Iterator[Mapping[str, Any]]:
    """Every mapping of environment.json whose keys are boards."""
    for when in ("before", "after"):
        for told in (surroundings.facts.get(when), surroundings.environment.get(when)):
            if isinstance(told, Mapping):
                yield told
    blocks = surroundings.environment.get("blocks")
    if isinstance(blocks, Mapping):
        yield from (told for told in blocks.values() if isinstance(told, Mapping))
