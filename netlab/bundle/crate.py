# SPDX-License-Identifier: Apache-2.0
"""ro-crate-metadata.json: the bundle described for archives and other tools (RO-Crate 1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netlab.bundle import names
from netlab.bundle.model import Header

_PROFILE = "https://w3id.org/ro/crate/1.1"
_NETLAB = "#netlab"
_FORMATS = {
    "json": ("application/json", "JSON"),
    "jsonl": ("application/jsonl", "JSON Lines"),
    "yml": ("application/yaml", "YAML"),
    "gz": ("application/gzip", "gzip"),
    "parquet": ("application/vnd.apache.parquet", "Apache Parquet"),
}
_SAYS: Mapping[str, str] = {
    names.HEADER: "What kind of bundle this is: schema version, run, state",
    names.PLAN: "The plan, its seed, and its trials in the order in which they were run",
    names.INVENTORY: "The boards and their guests, with the variables that apply to each",
    names.ENVIRONMENT: "Versions, facts and environment of the boards, before and after",
    names.ROLES: "Versions and hashes of the roles that built and measured",
    names.GUEST_IMAGE: "What the guests booted: hash and packages",
    names.REDACTIONS: "What was replaced by aliases",
    names.SUMS: "SHA-256 of every other file",
    names.MANIFEST: "The run's manifest",
    names.TRIALS: "One result a line",
}


def metadata(
    header: Header, plan: Mapping[str, Any], started: str, finished: str | None, sizes: Mapping[str, int]
) -> dict[str, Any]:
    """The crate of a bundle whose other members have these sizes."""
    parts = sorted({*sizes, names.SUMS} - {names.CRATE})
    published = (finished or started)[:10]
    topologies = ", ".join(str(name) for name in plan.get("topologies", ()))
    what = f"Network latency over the datapaths {topologies}, measured by netlab-testbed"
    note = f". {header.note}" if header.note else ""
    root: dict[str, Any] = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"netlab-testbed run {header.run}",
        "description": f"{plan.get('description') or what} ({what}{note})"
        if plan.get("description")
        else what + note,
        "datePublished": published,
        "license": {"@id": "#license"},
        "keywords": "network latency, virtualization, reproducibility",
        "hasPart": [{"@id": name} for name in parts],
        "mentions": {"@id": "#run"},
    }
    graph: list[dict[str, Any]] = [
        {
            "@id": names.CRATE,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": {"@id": _PROFILE},
        },
        root,
        *(_file(name, sizes.get(name)) for name in parts),
        {
            "@id": "#license",
            "@type": "CreativeWork",
            "name": "Not stated",
            "description": "Whoever exported the run says under which terms it may be used.",
        },
        {
            "@id": _NETLAB,
            "@type": "SoftwareApplication",
            "name": "netlab-testbed",
            "version": header.run_netlab,
            "license": {"@id": "https://spdx.org/licenses/Apache-2.0"},
        },
        {
            "@id": "https://spdx.org/licenses/Apache-2.0",
            "@type": "CreativeWork",
            "name": "Apache License 2.0",
        },
        _action(header, started, finished),
    ]
    return {"@context": f"{_PROFILE}/context", "@graph": graph}


def _action(header: Header, started: str, finished: str | None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"netlab bench: {header.run}",
        "instrument": {"@id": _NETLAB},
        "object": [{"@id": names.PLAN}, {"@id": names.INVENTORY}],
        "startTime": started,
        "result": {"@id": names.TRIALS if header.results else names.PLAN},
    }
    return {**made, "endTime": finished} if finished else made


def _file(name: str, size: int | None) -> dict[str, Any]:
    kind, _ = _FORMATS.get(name.rpartition(".")[2], ("text/plain", "text"))
    made: dict[str, Any] = {
        "@id": name,
        "@type": "File",
        "name": name,
        "description": _SAYS.get(name) or _says(name),
        "encodingFormat": kind,
    }
    return made if size is None else {**made, "contentSize": str(size)}


def _says(name: str) -> str:
    if name.startswith(names.WRITTEN):
        return "The inventory as it was written: the testbed's own variables of one file"
    if names.RAW.fullmatch(name):
        return "What an instrument printed in one trial"
    return "The single probes of one trial"
