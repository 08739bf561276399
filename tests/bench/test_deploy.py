# SPDX-License-Identifier: Apache-2.0
"""How long a deploy takes, against the same thing done by hand, and against Ansible doing nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bench.stopwatch import alternate, median, seconds

BY_HAND_LIMIT = 2.0  # times a bare shell script
NO_OP_LIMIT = 4.0  # times an empty play
IMAGES = Path("/var/cache/netlab-testbed/guest-image/x86_64")

pytestmark = [
    pytest.mark.root,
    pytest.mark.guest,
    pytest.mark.needs("unshare", "tini"),
    pytest.mark.timeout(600),
]


@pytest.fixture
def lab(repository: Path) -> Iterator[Callable[..., float]]:
    """Times `netlab WORDS` on the tests' own lab."""

    def netlab(*words: str) -> float:
        return seconds([repository / ".venv/bin/netlab", *words, "-i", "tests/inventory"], repository)

    netlab("deploy", "-t", "tap")  # whatever is built once is built
    netlab("destroy")
    yield netlab
    netlab("destroy")


def test_deploy_against_a_shell_script(
    lab: Callable[..., float], repository: Path, figure: Callable[..., None]
) -> None:
    image = IMAGES / json.loads((IMAGES / "current.json").read_text(encoding="utf-8"))["hash"]

    def deploy() -> float:
        took = lab("deploy", "-t", "tap")
        lab("destroy")
        return took

    ours, by_hand = alternate(
        deploy, lambda: seconds([repository / "tests/bench/by_hand.sh", image], repository), 5
    )
    figure("deploy of tap from nothing, seconds", median(ours), "for information")
    figure("the same by hand, seconds", median(by_hand), "for information")
    ratio = median([a / b for a, b in zip(ours, by_hand, strict=True)])
    figure("deploy of tap from nothing, times by hand", ratio, f"at most {BY_HAND_LIMIT}")
    assert ratio <= BY_HAND_LIMIT


def test_redeploy_against_an_empty_play(
    lab: Callable[..., float], repository: Path, tmp_path: Path, figure: Callable[..., None]
) -> None:
    play = tmp_path / "empty.yml"
    play.write_text("- hosts: all\n  gather_facts: false\n  tasks: []\n", encoding="utf-8")
    empty = [repository / ".venv/bin/ansible-playbook", "-i", "tests/inventory", play]
    lab("deploy", "-t", "tap")
    ours, nothing = alternate(lambda: lab("deploy", "-t", "tap"), lambda: seconds(empty, repository), 7)
    figure("redeploy that changes nothing, seconds", median(ours), "for information")
    ratio = median([a / b for a, b in zip(ours, nothing, strict=True)])
    figure("redeploy that changes nothing, times an empty play", ratio, f"at most {NO_OP_LIMIT}")
    assert ratio <= NO_OP_LIMIT
