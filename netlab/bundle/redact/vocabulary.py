# SPDX-License-Identifier: Apache-2.0
"""Words that a run is written in. A board or user that is called like one cannot be searched for in texts: it would
be found in every table. Such a name is replaced where it stands for the board, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources

import yaml

from netlab import collection
from netlab.plan import Plan
from netlab.results.columns import VIEWS
from netlab.results.manifest import Accelerator, Environment, Facts, Manifest

# Words of facts, readings and instruments; users and hosts are called so on many machines, so they tell of none.
_ORDINARY = """
    root nobody admin user users guest guests host hosts localhost board boards dut duts peer peers
    local linux debian ubuntu fedora arch kernel system systemd idle nice steal test lab default
    main bridge veth virtio qemu libvirt kvm none null true false name version state status reason
    before after order block topology scenario instrument trial trials parameters command metrics
    counters flags rule text severity started finished samples raw interfaces available absent
    changing links memory services versions virtualization deployment guest1 daemon bin sys mail
    www-data python ansible netlab machine server client network ethernet address running ready
    complete failed skipped latency eth eth0 eth1 lo
"""
_SPLIT = re.compile(r"[^a-z0-9]+")


@cache
def _words() -> frozenset[str]:
    found = set(_ORDINARY.split())
    for model in (Manifest, Facts, Environment, Accelerator, Plan):
        found.update(model.model_fields)
    for columns in VIEWS.values():
        found.update(column.name for column in columns)
    keys = resources.files("netlab.analysis").joinpath("environment_keys.yml").read_text(encoding="utf-8")
    for places in yaml.safe_load(keys):
        found.update(word for place in places["keys"] for word in place.lower().split("/"))
    known = collection.find()
    for name in (*known.topologies(), *known.instruments()):
        found.add(name)
    return frozenset(part for word in found for part in (word, *_SPLIT.split(word)) if part)


def is_ordinary(name: str, more: Iterable[str] = ()) -> bool:
    """Whether a text would be destroyed if every place of this name in it were replaced."""
    word = name.lower()
    return len(word) < 3 or word.isdigit() or word in _words() or word in {other.lower() for other in more}
