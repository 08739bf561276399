# SPDX-License-Identifier: Apache-2.0
"""Bundles: one file from which a run can be repeated elsewhere.

    export → redact, crate, write        a run becomes a file; the same run the same bytes
    read → container → as_data, stored_run    a file from anybody becomes data, or a refusal (refusals.py)

docs/bundles.md describes the format.
"""

from netlab.bundle.read import Bundle, opened

__all__ = ["Bundle", "opened"]
