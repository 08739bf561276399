# SPDX-License-Identifier: Apache-2.0
"""Why a bundle is not read: one class for each kind of refusal, so that each says something else.

All end with status 2. When one is raised nothing has been run and nothing is left on disk.
"""

from __future__ import annotations

from netlab.errors import InvalidInput, Problem

AGAIN = "ask whoever made it to export it again"


class BundleRefused(InvalidInput):
    """The base of all. ``place`` is where in the bundle: a member, and what of it."""

    expected = "a file that `netlab export` has written"

    def __init__(
        self, bundle: str, message: str, *, place: str | None = None, expected: str | None = None
    ) -> None:
        super().__init__([Problem(message, bundle, None, place, expected or self.expected)], hint=AGAIN)


class NotABundle(BundleRefused):
    """It is no file, no zip, or a zip without bundle.json."""


class TornZip(BundleRefused):
    """The zip's own structure is damaged, or says one thing here and another there."""

    expected = "the file as `netlab export` wrote it, all of it"


class HiddenData(BundleRefused):
    """Bytes before, between or behind the members, which another program might take for something."""

    expected = "nothing in the file but its members"


class EncryptedMember(BundleRefused):
    expected = "members that anybody can read"


class ForeignFeature(BundleRefused):
    """A feature of zip files that netlab does not use: a comment, an extra field, another compression."""

    expected = "a zip with nothing in it that `netlab export` does not use"


class UnsafeName(BundleRefused):
    """A name that leads out of the folder, or that file systems and people take in different ways."""

    expected = "names of lower-case letters, digits and . _ - below the bundle's own folders"


class NotAFile(BundleRefused):
    """A link, a folder, a device."""

    expected = "plain files"


class DuplicateName(BundleRefused):
    expected = "each name once"


class TooLarge(BundleRefused):
    """More or larger than any run makes, before anything is unpacked."""


class Bomb(BundleRefused):
    """A member that grows out of proportion when it is unpacked."""

    expected = "members that were compressed by `netlab export`"


class NewerSchema(BundleRefused):
    expected = "a newer netlab (`pip install --upgrade netlab-testbed`), or a bundle of this version's"


class MissingMember(BundleRefused):
    expected = "all members that the bundle's list names"


class ForeignMember(BundleRefused):
    expected = "the members of a bundle, and no others (docs/bundles.md lists them)"


class WrongChecksum(BundleRefused):
    expected = "the bytes that were exported"


class BadJson(BundleRefused):
    """A member that is not the JSON that netlab writes."""

    expected = "JSON as `netlab export` writes it"


class OutsideSchema(BundleRefused):
    """A key, a type or a value that the schema does not have."""

    expected = "what docs/schemas/bundle.schema.json says"


class Templated(BundleRefused):
    """Something that Ansible would evaluate."""

    expected = "the value itself; a bundle is data, and nothing in it is evaluated"


class Contradiction(BundleRefused):
    """Two members that should say the same and do not."""

    expected = "members of one run"


class BadOutput(BundleRefused):
    """An instrument's output that is not compressed text."""

    expected = "gzipped UTF-8 text"


class BadSamples(BundleRefused):
    """A file of samples that is not one."""

    expected = "a Parquet file with the columns of docs/results.md"
