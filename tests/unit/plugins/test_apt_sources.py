# SPDX-License-Identifier: Apache-2.0
"""APT sources of a machine, in both forms, and what is derived from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netlab.testbed.plugins.module_utils.apt.sources import (
    Source,
    SourcesSyntaxError,
    of_debian,
    parse_deb822,
    parse_one_line,
    render_deb822,
    with_backports,
    with_components,
)

MIRROR = "http://mirror.example/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

ONE_LINE = f"""\
# comment
deb {MIRROR} bookworm main contrib
deb [arch=amd64 signed-by={KEYRING}] {MIRROR} bookworm-updates main # why
deb-src {MIRROR} bookworm main

deb [ trusted=yes  lang=de ] file:/srv/debian/ ./
"""

DEB822 = f"""\
Types: deb deb-src
# a comment inside a stanza
URIs: {MIRROR} http://second.example/debian
Suites: bookworm bookworm-updates
Components: main
Architectures: amd64
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abcdef
 -----END PGP PUBLIC KEY BLOCK-----
X-Unknown: kept

Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main
"""


def test_one_line_form() -> None:
    assert parse_one_line(ONE_LINE) == [
        Source(MIRROR, "bookworm", ("main", "contrib")),
        Source(MIRROR, "bookworm-updates", ("main",), {"signed-by": KEYRING}),
        Source("file:/srv/debian/", "./", (), {"trusted": "yes"}),
    ]


def test_deb822_form_has_a_source_for_each_place_and_suite() -> None:
    sources = parse_deb822(DEB822)
    assert [(source.uri, source.suite) for source in sources] == [
        (MIRROR, "bookworm"),
        (MIRROR, "bookworm-updates"),
        ("http://second.example/debian", "bookworm"),
        ("http://second.example/debian", "bookworm-updates"),
    ]
    assert sources[0].components == ("main",)


def test_embedded_key_comes_through_unchanged() -> None:
    text = render_deb822(parse_deb822(DEB822)[:1], "arm64")
    block = "PGP PUBLIC KEY BLOCK-----"
    assert f"Signed-By: \n -----BEGIN {block}\n .\n abcdef\n -----END {block}\n" in text
    assert "Architectures: arm64\n" in text
    assert "amd64" not in text
    assert parse_deb822(text) == parse_deb822(DEB822)[:1]


@pytest.mark.parametrize("line", ["nonsense", "deb http://only.example", "rpm http://a b c"])
def test_what_apt_would_refuse_is_refused_with_the_line(line: str) -> None:
    with pytest.raises(SourcesSyntaxError, match="line 2"):
        parse_one_line(f"# first\n{line}\n")


def test_third_party_is_told_apart_by_what_its_release_file_says() -> None:
    debian = Source(MIRROR, "bookworm", ("main",))
    # The vendor calls its suite and component as Debian does.
    vendor = Source("https://vendor.example/debian/12/prod", "bookworm", ("main",))
    other_component = Source("https://docker.example/linux/debian", "bookworm", ("stable",))
    other_release = Source(MIRROR, "bullseye", ("main",))
    origins = {(MIRROR, "bookworm"): "Debian", (vendor.uri, "bookworm"): "vendor"}
    given_sources = [vendor, debian, other_component, other_release, debian]
    assert of_debian(given_sources, "bookworm", origins, {}) == [debian]
    assert of_debian([vendor], "bookworm", {}, {}) == [vendor], "without Release files, names decide"


def test_suite_called_by_its_class_is_known_by_its_codename() -> None:
    stable = Source(f"{MIRROR}/", "stable", ("main",))
    assert of_debian([stable], "bookworm", {}, {}) == []
    assert of_debian([stable], "bookworm", {}, {(MIRROR, "stable"): "bookworm"}) == [stable]
    assert of_debian([stable], "bookworm", {}, {(MIRROR, "stable"): "trixie"}) == []


def test_components_and_backports_keep_place_and_key() -> None:
    sources = [
        Source(MIRROR, "bookworm", ("main",), {"signed-by": KEYRING}),
        Source(f"{MIRROR}-security", "bookworm-security", ("main",)),
    ]
    derived = with_backports(with_components(sources, ["main", "non-free"]), "bookworm")
    assert [(source.uri, source.suite) for source in derived] == [
        (MIRROR, "bookworm"),
        (f"{MIRROR}-security", "bookworm-security"),
        (MIRROR, "bookworm-backports"),
    ]
    assert derived[2].options == {"signed-by": KEYRING}
    assert {source.components for source in derived} == {("main", "non-free")}
    assert with_backports(derived, "bookworm") == derived


WORD = st.from_regex(r"[a-z][a-z0-9.-]{0,8}", fullmatch=True)


@given(
    st.lists(
        st.builds(
            Source,
            WORD.map("http://{}.example/debian".format),
            WORD,
            st.lists(WORD, min_size=1, max_size=3).map(tuple),
            st.dictionaries(st.sampled_from(["signed-by", "trusted", "check-valid-until"]), WORD),
        ),
        max_size=4,
    )
)
def test_what_is_written_is_what_is_read(sources: list[Source]) -> None:
    assert parse_deb822(render_deb822(sources, "amd64")) == sources
