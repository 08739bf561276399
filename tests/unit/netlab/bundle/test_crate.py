# SPDX-License-Identifier: Apache-2.0
"""A bundle is an RO-Crate, as two libraries made for that see it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from netlab.bundle.export import export
from tests.unit.netlab.bundle import runs

CONTEXT = Path(__file__).resolve().parents[3] / "fixtures" / "ro-crate" / "context-1.1.jsonld"
URL = "https://w3id.org/ro/crate/1.1/context"


@pytest.fixture(params=[True, False], ids=["with results", "without results"])
def crate(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A bundle's folder."""
    export(runs.make(tmp_path / "results"), tmp_path / "run.zip", results=request.param)
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        archive.extractall(tmp_path / "crate")
    return tmp_path / "crate"


def test_rocrate_reads_it(crate: Path) -> None:
    reader = pytest.importorskip("rocrate.rocrate", reason="needs the Python package rocrate")
    found = reader.ROCrate(str(crate))
    assert found.name == f"netlab-testbed run {runs.NAME}"
    assert str(found.root_dataset["datePublished"]) == runs.FINISHED[:10]
    described = {entity.id for entity in found.get_entities() if entity.type == "File"}
    there = {path.relative_to(crate).as_posix() for path in crate.rglob("*") if path.is_file()}
    assert described == there - {"ro-crate-metadata.json"}


class _Answer:
    """What the validator's HTTP client gives for the one address that it needs."""

    status_code = 200
    ok = True
    headers = {"Content-Type": "application/ld+json"}  # noqa: RUF012
    content = CONTEXT.read_bytes()
    text = content.decode()

    def json(self) -> Any:
        return json.loads(self.content)

    def raise_for_status(self) -> None:
        return None


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The context comes from this repository; no network is asked."""
    http = pytest.importorskip(
        "rocrate_validator.utils.http", reason="needs the Python package roc-validator"
    )
    context = pytest.importorskip("rdflib.plugins.shared.jsonld.context")

    def get(self: Any, address: str, *rest: Any, **more: Any) -> _Answer:
        assert address == URL
        return _Answer()

    def source_to_json(source: Any, *rest: Any, **more: Any) -> Any:
        if source == URL:
            return (json.loads(CONTEXT.read_bytes()), None)
        raise AssertionError(f"asked for {source}")

    monkeypatch.setattr(http.HttpRequester, "get", get, raising=False)
    monkeypatch.setattr(context, "source_to_json", source_to_json)


@pytest.mark.usefixtures("offline")
def test_roc_validator_finds_nothing_wrong(crate: Path, tmp_path: Path) -> None:
    """Neither what the specification demands nor what it recommends, but for one: that people are named."""
    from rocrate_validator import models, services

    settings = services.ValidationSettings(
        rocrate_uri=str(crate), profile_identifier="ro-crate-1.1", requirement_severity=models.Severity.RECOMMENDED,
        offline=True, cache_path=str(tmp_path / "cache"), skip_availability_check=True,
    )  # fmt: skip
    found = services.validate(settings)
    said = [str(issue.message) for issue in found.get_issues()]
    assert [words for words in said if "`author`" not in words and "`publisher`" not in words] == []


@pytest.mark.usefixtures("offline")
def test_roc_validator_would_find_something(crate: Path, tmp_path: Path) -> None:
    from rocrate_validator import models, services

    path = crate / "ro-crate-metadata.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    del next(entity for entity in told["@graph"] if entity["@id"] == "./")["datePublished"]
    path.write_text(json.dumps(told), encoding="utf-8")
    settings = services.ValidationSettings(
        rocrate_uri=str(crate), profile_identifier="ro-crate-1.1", requirement_severity=models.Severity.REQUIRED,
        offline=True, cache_path=str(tmp_path / "cache"), skip_availability_check=True,
    )  # fmt: skip
    assert "datePublished" in str([issue.message for issue in services.validate(settings).get_issues()])
