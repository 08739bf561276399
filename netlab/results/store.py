# SPDX-License-Identifier: Apache-2.0
"""results/<run>/: one run on disk, append-only, readable without netlab.

manifest.json                     plan, seed, order, inventory, facts, environment, versions, state
trials.jsonl                      a line a result
raw/0001-tap-netperf.txt.gz       each instrument's own output, verbatim
samples/0001-tap-irtt.parquet     each probe, from instruments that tell of single probes
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from netlab import __version__
from netlab.errors import InvalidInput, NetlabError
from netlab.results import attempts, files, lines, manifest, samples, shape, trial
from netlab.results.manifest import MANIFEST, SCHEMA_VERSION, Accelerator, Manifest, State
from netlab.results.names import find

if TYPE_CHECKING:
    from netlab.analysis.series import Series
    from netlab.report.row import Row

TRIALS = "trials.jsonl"
RAW = "raw"
SAMPLES = "samples"
PROVENANCE = "provenance.json"  # which bundle/provenance.py writes when the run is made


class Ordered(Protocol):
    """A planned trial."""

    def as_dict(self) -> dict[str, Any]: ...


class Planned(Protocol):
    """What the store needs of a plan."""

    @property
    def name(self) -> str: ...
    @property
    def seed(self) -> int: ...
    def trials(self) -> Sequence[Ordered]: ...
    def as_dict(self) -> dict[str, Any]: ...


class RunStore:
    """One run. Made by `create` or `open`; writing takes the run for this process until `close`."""

    def __init__(self, path: Path, contents: Manifest) -> None:
        self.path = path
        self.manifest = contents
        self._writer: lines.LineWriter | None = None
        self._recorded: list[dict[str, Any]] = []  # what is on disk, kept only while this process writes

    # -- making and finding -------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        results_dir: Path,
        plan: Planned,
        *,
        inventory: Any = None,
        versions: Mapping[str, str] | None = None,
        accelerator: Mapping[str, Mapping[str, str]] | None = None,
    ) -> RunStore:
        """Start a run under a name of its own, such as 20261122-101530-demo (UTC)."""
        now = datetime.now(UTC)
        path = _new_folder(results_dir, f"{now:%Y%m%d-%H%M%S}-{plan.name}")
        contents = Manifest(
            schema_version=SCHEMA_VERSION,
            run=path.name,
            netlab=__version__,
            state="running",
            started=now.isoformat(timespec="microseconds"),
            plan=plan.as_dict(),
            seed=plan.seed,
            order=[spec.as_dict() for spec in plan.trials()],
            inventory=manifest.withhold_secrets(inventory),
            versions=dict(versions or {}),
        )
        store = cls(path, contents)
        (path / RAW).mkdir()
        store._write()
        if accelerator:
            store.set_accelerator(accelerator)
        store._save()  # last: a folder without a manifest is not a run
        return store

    @classmethod
    def open(cls, results_dir: Path, name: str = "latest") -> RunStore:
        """A run by its name, `latest`, or the path of its folder; InvalidInput if there is none."""
        return cls.at(find(results_dir, name))

    @classmethod
    def at(cls, path: Path) -> RunStore:
        """The run in a folder that has a manifest. InvalidInput where it is damaged, or partly lies elsewhere."""
        shape.check_files(path, (MANIFEST, TRIALS), (RAW, SAMPLES))
        return cls(path, manifest.read(path / MANIFEST))

    @property
    def name(self) -> str:
        """The run's name, as `netlab report` takes it."""
        return self.manifest.run

    @property
    def state(self) -> State:
        """`running` only while a process really writes; a run killed without a word is `interrupted`."""
        if self.manifest.state == "running" and self._writer is None:
            return "running" if lines.is_being_written(self.path / TRIALS) else "interrupted"
        return self.manifest.state

    # -- reading ------------------------------------------------------------------------------------------

    def trials(self) -> list[dict[str, Any]]:
        """Every recorded result, in the order of recording; a line torn by a crash is not one."""
        return list(self._recorded) if self._writer else self._read()

    def outcomes(self) -> list[dict[str, Any]]:
        """The results that count, by the plan's order: of a repeated trial the good ones, else the last."""
        return list(attempts.outcomes(self.trials()))

    def missing(self, block: int | None = None) -> list[dict[str, Any]]:
        """Planned trials (of one block) that are not done, as the bench play takes them, in order.

        A trial is done when each dut has succeeded in it, or failed as often as the plan's retries allow.
        """
        found = attempts.by_order(self.trials())
        duts, retries = self.manifest.duts(), self.manifest.retries()
        return [
            dict(spec)
            for spec in self.manifest.order
            if (block is None or spec["block"] == block)
            and attempts.state(found.get(_number(spec), []), duts, retries) != "done"
        ]

    def untried(self, specs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Those of these trials that some dut has neither succeeded nor failed in yet."""
        found = attempts.by_order(self.trials())
        duts, retries = self.manifest.duts(), self.manifest.retries()
        return [
            spec for spec in specs if attempts.state(found.get(_number(spec), []), duts, retries) == "new"
        ]

    def has(self, result: Mapping[str, Any]) -> bool:
        """Whether this trial has succeeded on this board before."""
        key = attempts.identity(result)
        return any(line["status"] == "ok" and attempts.identity(line) == key for line in self.trials())

    def read_samples(self, line: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Round trips of a stored result, with their times; None where its instrument gives no samples.

        A line may come from somebody else's machine: only a file that lies in the run's own folder is opened.
        """
        if not (name := line.get("samples")):
            return None
        folder = self.path.resolve()
        path = (folder / str(name)).resolve()
        if not path.is_relative_to(folder):
            raise InvalidInput(f"{name} lies outside the run")
        return samples.read(path, ("ns", "sent", "received"))

    def rows(self) -> list[Row]:
        """What the analysis makes of the run: a row a combination of topology, scenario and instrument."""
        from netlab import analysis  # numpy and its like only when figures are wanted

        return analysis.rows(self)

    def rows_and_series(self) -> tuple[list[Row], list[Series]]:
        """The rows, and what the figures draw of each, from samples that are read once."""
        from netlab.analysis.series import rows_and_series

        return rows_and_series(self)

    def drift(self) -> list[str]:
        """What of the boards' environment changed while the run went on, in words."""
        from netlab.analysis.environment import drift

        around = self.manifest.environment
        return drift(around.before, around.after)

    # -- writing ------------------------------------------------------------------------------------------

    def resume(self) -> list[dict[str, Any]]:
        """Take a run up again, cutting off a torn last line; returns the trials that are missing."""
        self._write()
        now = _now()
        self.manifest.state = "running"
        self.manifest.finished = None
        self.manifest.resumed = [*self.manifest.resumed, now]
        self._save()
        return self.missing()

    def append(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Record one result; when this returns it is on disk. Returns what was stored.

        The raw text and the samples go to files of their own first, so that a line never names a file that is
        not there.
        Raises NetlabError for a result that is not in the plan, or is there already, and DamagedResult for one that
        could not be read again: nothing of it is stored then.
        """
        self._write()
        assert self._writer is not None
        planned = next((spec for spec in self.manifest.order if spec["order"] == result.get("order")), None)
        if planned is None:
            raise NetlabError(f"the plan of {self.name} has no trial {result.get('order')!r}")
        trial.check(result, planned)
        shape.check_depth(result)
        if self.has(result):
            raise NetlabError(f"trial {result['order']} of {self.name} is recorded already")
        earlier = [line for line in self._recorded if line["order"] == result["order"]]
        attempt = attempts.failures(earlier, result.get("board")) + 1
        several = len(self.manifest.duts()) > 1
        name = trial.file_name(result, attempt, with_board=several and bool(result.get("board")))
        stored = trial.storable({**planned, **result, "attempt": attempt, "raw": None, "samples": None})
        shape.check_result(stored)
        if result.get("raw"):
            stored["raw"] = f"{RAW}/{name}.txt.gz"
            files.replace_compressed(self.path / stored["raw"], str(result["raw"]))
        if result.get("samples"):
            stored["samples"] = f"{SAMPLES}/{name}.parquet"
            (self.path / SAMPLES).mkdir(exist_ok=True)
            samples.write(self.path / stored["samples"], result["samples"])
        self._writer.append(stored)
        self._recorded.append(stored)
        return stored

    def set_facts(self, when: Literal["before", "after"], boards: Mapping[str, Any]) -> None:
        """Store what `board_info` says of each board, by board."""
        self._write()
        setattr(self.manifest.facts, when, manifest.withhold_secrets(dict(boards)))
        self._save()

    def set_accelerator(self, boards: Mapping[str, Mapping[str, str]]) -> None:
        """Store what runs each board's guests: `{board: {accelerator: tcg, reason: …}}`."""
        self._write()
        chosen = {board: Accelerator.model_validate(dict(choice)) for board, choice in boards.items()}
        self.manifest.accelerator = {**self.manifest.accelerator, **chosen}
        self._save()

    def set_guest_image(self, boards: Mapping[str, Any]) -> None:
        """Store what each board's guests boot: `{board: {hash, arch, kernel_command_line, packages}}`."""
        self._write()
        self.manifest.guest_image = {**self.manifest.guest_image, **boards}
        self._save()

    def set_environment(self, when: Literal["before", "after"], boards: Mapping[str, Any]) -> None:
        """Store what has a say in a latency, by board."""
        self._write()
        setattr(self.manifest.environment, when, manifest.withhold_secrets(dict(boards)))
        self._save()

    def set_quiet(self, block: int, boards: Mapping[str, Any]) -> None:
        """Store how quiet each board was before a block."""
        self._write()
        self.manifest.environment.blocks[str(block)] = dict(boards)
        self._save()

    def finish(self, state: Literal["complete", "interrupted"]) -> None:
        """Say how the run ended, and let go of it."""
        self._write()
        self.manifest.state = state
        self.manifest.finished = _now()
        self._save()
        self.close()

    def discard(self) -> bool:
        """Remove a run that this process has made and that holds nothing yet; whether it was such a one."""
        if (
            self._writer is None
            or self._recorded
            or self.manifest.resumed
            or self.manifest.environment.before
        ):
            return False
        own = {MANIFEST, TRIALS, RAW, PROVENANCE}
        if {entry.name for entry in self.path.iterdir()} - own or any((self.path / RAW).iterdir()):
            return False
        shutil.rmtree(self.path)
        self.close()
        return True

    def close(self) -> None:
        """Let go of the run; another process may resume it."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._recorded = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> list[dict[str, Any]]:
        path = self.path / TRIALS
        found = lines.read(path)
        for number, line in enumerate(found, start=1):
            shape.check_line(line, path, number)
        return found

    def _write(self) -> None:
        if self._writer is not None:
            return
        shape.check_files(self.path, (MANIFEST, TRIALS), (RAW, SAMPLES))
        self._writer = lines.LineWriter(self.path / TRIALS)
        self._recorded = self._read()
        if (self.path / MANIFEST).is_file():  # another process may have written since this one read it
            self.manifest = manifest.read(self.path / MANIFEST)

    def _save(self) -> None:
        assert self._writer is not None  # the manifest has one writer too
        files.replace(self.path / MANIFEST, self.manifest.as_json())


def _new_folder(results_dir: Path, wanted: str) -> Path:
    results_dir.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = results_dir / (wanted if number == 1 else f"{wanted}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        else:
            files.sync_folder(results_dir)
            return path


def _number(spec: Mapping[str, Any]) -> int:
    return int(spec["order"])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
