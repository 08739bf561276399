# SPDX-License-Identifier: Apache-2.0
"""What the instruments need in a guest, from their own roles into the image's recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.netlab.testbed.plugins.lookup.guest_programs import ROLES, gathered
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.image import recipe_for
from ansible_collections.netlab.testbed.plugins.module_utils.guest_image.recipe import PROGRAMS, ROLE_FILES
from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

FILES = dict.fromkeys(ROLE_FILES, "text")


def test_those_of_the_collection() -> None:
    assert gathered(ROLES) == {"irtt": ["usr/bin/irtt"], "sockperf": ["usr/bin/sockperf"]}


def role(folder: Path, name: str, text: str) -> None:
    (folder / name / "meta").mkdir(parents=True)
    (folder / name / "meta/guest.yml").write_text(text, encoding="utf-8")


def test_several_may_need_the_same(tmp_path: Path) -> None:
    role(tmp_path, "instrument_a", "iputils-ping: [usr/bin/ping]\n")
    role(tmp_path, "instrument_b", "iputils-ping: [usr/bin/ping, usr/bin/ping6]\n")
    role(tmp_path, "datapath_c", "other: [usr/bin/other]\n")
    assert gathered(tmp_path) == {"iputils-ping": ["usr/bin/ping", "usr/bin/ping6"]}


@pytest.mark.parametrize("text", ["- irtt\n", "irtt: usr/bin/irtt\n", "irtt: [1]\n", "", "1: [a]\n"])
def test_another_form_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    role(tmp_path, "instrument_a", text)
    with pytest.raises(ValueError, match=r"instrument_a/meta/guest\.yml: not lists of paths by package"):
        gathered(tmp_path)


def test_they_are_part_of_the_recipe() -> None:
    plain, more = recipe_for("x86_64", FILES), recipe_for("x86_64", FILES, {"irtt": ["usr/bin/irtt"]})
    assert set(more.programs) == {*PROGRAMS, "irtt"}
    assert plain.digest() != more.digest()
    assert recipe_for("x86_64", FILES, {"b": ["x"], "a": ["y"]}).digest() == (
        recipe_for("x86_64", FILES, {"a": ["y"], "b": ["x"]}).digest()
    )


@pytest.mark.parametrize("path", ["/usr/bin/irtt", "../etc/passwd"])
def test_a_path_outside_a_package_is_refused(path: str) -> None:
    with pytest.raises(BoardError, match="is no path inside a package"):
        recipe_for("x86_64", FILES, {"irtt": [path]})
