# SPDX-License-Identifier: Apache-2.0
"""Why SSH did not come to a board, from what ssh(1) has said, and what helps."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What Ansible puts before ssh's own words.
_AROUND = re.compile(
    r'^(?:Task failed: )?(?:Data could not be sent to remote host "(?P<host>[^"]*)"\. '
    r"Make sure this host can be reached over ssh: |Failed to connect to the host via ssh: )"
)


@dataclass(frozen=True)
class Cause:
    """`says` follows "BOARD cannot be reached: "; `helps` is a command with its reason behind it.

    In that, `{ssh}` is the command that signs in by hand, `{host}` the address, `{known}` what known hosts call
    it, and `{file}` an option that names their file, or nothing.
    """

    pattern: str
    says: str
    helps: str


CAUSES = (
    Cause(
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "its SSH host key is not the one that this machine knows: it was installed anew, or another machine answers",
        "ssh-keygen{file} -R {known}   (if it was installed anew: forgets the old key; then sign in by hand once)",
    ),
    Cause(
        r"Host key verification failed|No \S+ host key is known for",
        "this machine does not know its SSH host key yet",
        "{ssh}   (once, by hand: compare the fingerprint with the board's own, answer yes)",
    ),
    Cause(
        r"Permission denied",
        "its SSH server does not let this user in",
        "{ssh}   (by hand: which key or password does it take?)",
    ),
    Cause(
        "Could not resolve hostname", "there is no such host", "getent hosts {host}   (is the name right?)"
    ),
    Cause(
        "Connection refused",
        "no SSH server answers there",
        "{ssh}   (is the port right, and does openssh-server run on the board?)",
    ),
    Cause(
        r"timed out|No route to host|Network is unreachable|Host is down",
        "nothing answers at its address",
        "ping {host}   (is it switched on, and is the address right?)",
    ),
)


def own_words(message: str) -> str:
    """What ssh itself said."""
    return _AROUND.sub("", message).replace("\r", "").strip()


def host(message: str) -> str | None:
    """The address that Ansible tried, where it says so."""
    found = _AROUND.match(message)
    return found["host"] if found else None


def cause(message: str) -> Cause | None:
    """None where ssh has said nothing that is known."""
    return next((cause for cause in CAUSES if re.search(cause.pattern, message)), None)


def says(message: str) -> str:
    """In words, and in ssh's own."""
    known, words = cause(message), own_words(message)
    if known is None:
        return words
    last = words.splitlines()[-1].removeprefix("ssh: ") if words else ""
    return f"{known.says}\n  ssh: {last}" if last else known.says
