# SPDX-License-Identifier: Apache-2.0
"""C to BPF on the board, kept by the hash of what it was made from: the same source is compiled once."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import tempfile
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

CACHE = Path("/var/cache/netlab-testbed/xdp")
# -g for the maps' BTF, without which libbpf does not read their definitions.
FLAGS = ("-target", "bpf", "-O2", "-g", "-Wall", "-Werror")
TIMEOUT_S = 120


def object_hash(source: str) -> str:
    """Names what compiling this source here gives: 16 hexadecimal digits."""
    made_from = "\0".join((source, *FLAGS, platform.machine()))
    return hashlib.sha256(made_from.encode()).hexdigest()[:16]


def object_path(name: str) -> Path:
    return CACHE / f"{name}.o"


def compiled() -> frozenset[str]:
    """The objects that are in the cache."""
    return frozenset(path.stem for path in CACHE.glob("*.o"))


def architecture_headers() -> list[str]:
    """Where Debian keeps <asm/types.h>: clang looks there for the board's own target, not for BPF."""
    folder = Path("/usr/include") / f"{platform.machine()}-linux-gnu"
    return [f"-I{folder}"] if folder.is_dir() else []


def compile_source(source: str, name: str) -> None:
    """Compile to ``object_path(name)``, with the source beside it for whoever reads a verifier's log.

    The object takes its place whole or not at all. Raises BoardError, with clang's own first error.
    """
    if object_path(name).exists():
        return
    CACHE.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Boards may share the cache and compile at the same time: each in a folder of its own.
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="partial-") as scratch:
        text, compiled = Path(scratch) / f"{name}.bpf.c", Path(scratch) / f"{name}.o"
        text.write_text(source, encoding="utf-8")
        try:
            done = subprocess.run(
                ["clang", *FLAGS, *architecture_headers(), "-c", str(text), "-o", str(compiled)],
                capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise BoardError("clang is missing: install the package clang") from error
        except subprocess.TimeoutExpired as error:
            raise BoardError(f"clang has not compiled the XDP program within {TIMEOUT_S} s") from error
        if done.returncode:
            raise BoardError(f"clang cannot compile the XDP program: {_first_error(done.stderr)}")
        os.replace(text, CACHE / text.name)
        os.replace(compiled, object_path(name))


def _first_error(output: str) -> str:
    lines = output.strip().splitlines() or ["it says nothing"]
    return next((line for line in lines if "error:" in line), lines[-1])
