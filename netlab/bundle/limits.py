# SPDX-License-Identifier: Apache-2.0
"""What a bundle stays below. A run of a thousand blocks does, by far; what does not is a slip or an attack.

They are checked before anything is unpacked, and again while it is: a header may lie.
"""

from __future__ import annotations

MIB = 1024 * 1024

FILE_BYTES = 1024 * MIB
TOTAL_BYTES = 1024 * MIB  # unpacked
MEMBERS = 20_000
NAME_BYTES = 100
RATIO = 200  # unpacked to packed, above RATIO_FREE_BYTES; JSON of counters that hardly change reaches 40
RATIO_FREE_BYTES = 64 * 1024

JSON_BYTES = 16 * MIB
JSON_VALUES = 400_000  # about 100 bytes of memory each
JSON_DEPTH = 40
TEXT_BYTES = 512 * 1024  # an inventory file, the checksums
RESULT_BYTES = 256 * MIB  # trials.jsonl
RESULT_LINE_BYTES = 2 * MIB
RESULT_VALUES = 2_000_000
OUTPUT_BYTES = 32 * MIB  # one instrument's output, packed or not
OUTPUTS_BYTES = 512 * MIB  # all of them, unpacked
SAMPLES_BYTES = 256 * MIB  # one Parquet file
SAMPLES_ROWS = 5_000_000  # of one file
ALL_SAMPLES_ROWS = 50_000_000
TRIALS = 100_000
