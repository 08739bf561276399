# SPDX-License-Identifier: Apache-2.0
"""Where a process that takes part in a deploy stops, so that a fault can be tried at that very moment.

Nothing of this is in the product: it is laid around it by a callback plugin (Ansible) and by sitecustomize (modules,
netlab itself), both only where ANSIBLE_FAULTS names a folder. In it:

    playbook    the one that runs now             wanted    the moment to stop at, as text
    ansible     pid of ansible-playbook           reached   {pid, moment}, once somebody has stopped there
    passed      every moment that was come by     go        made by the test: go on
    clock       seconds to add to what clocks tell

Moments:

    deploy task 3               before the third task of playbook deploy; one more than tasks: after the last
    bench before Measurement    before the first task of this name
    deploy dut step 2 intended  the second change of the dut: its undo is on disk, nothing is done yet
    deploy dut step 2 done      and once it is done, before the module goes on
    deploy dut write 2 torn     the ledger's second writing is half on disk
    netlab line 1 begun         a result has come, nothing of it is in trials.jsonl; torn: half a line; done: a line
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LONGEST = 120.0  # seconds that anybody is held

_time, _gmtime, _strftime = time.time, time.gmtime, time.strftime


def folder() -> str:
    return os.environ.get("ANSIBLE_FAULTS", "")


def text(name: str) -> str:
    try:
        with open(f"{folder()}/{name}", encoding="utf-8") as content:
            return content.read()
    except OSError:
        return ""


def there(name: str) -> bool:
    return os.access(f"{folder()}/{name}", os.F_OK)


def write(name: str, content: str) -> None:
    if not folder():
        return
    scratch = f"{folder()}/{name}.{os.getpid()}.new"
    with open(scratch, "w", encoding="utf-8") as out:
        out.write(content)
    os.replace(scratch, f"{folder()}/{name}")


def is_wanted(moment: str) -> bool:
    return text("wanted") == moment and not there("reached")


def come_by(moment: str) -> None:
    """Note the moment; if it is the one that is wanted, stop until told to go on."""
    if not folder():
        return
    with open(f"{folder()}/passed", "a", encoding="utf-8") as passed:
        passed.write(f"{moment}\n")
    if not is_wanted(moment):
        return
    space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - quick to import; boards number their processes alike
    write("reached", f'{{"pid": {os.getpid()}, "space": "{space}", "moment": "{moment}"}}')
    end = time.monotonic() + LONGEST
    # a folder that was emptied meanwhile has no use for us any more
    while there("reached") and not there("go") and time.monotonic() < end:
        time.sleep(0.01)


def next_of(what: str, after: str) -> str:
    """The next moment of a kind, such as "deploy dut write 3 torn": one more than there were."""
    begins = what if what.startswith("netlab") else f"{text('playbook')} {_board()} {what}"
    count = sum(
        line.startswith(f"{begins} ") and line.endswith(after) for line in text("passed").splitlines()
    )
    return f"{begins} {count + 1}{after}"


def next_step() -> str:
    return next_of("step", " intended").removesuffix(" intended")


def _board() -> str:
    name = os.uname().nodename
    return next((kind for kind in ("dut", "peer") if name.endswith(kind)), "machine")


def step() -> float:
    """Seconds by which clocks are wrong now."""
    try:
        return float(text("clock") or 0)
    except ValueError:
        return 0.0


def wrong_clocks() -> None:
    """From now on the clocks of this process tell what the file `clock` adds to the time."""

    def now() -> float:
        return _time() + step()

    def gmtime(seconds: float | None = None) -> time.struct_time:
        return _gmtime(now() if seconds is None else seconds)

    def strftime(form: str, *moment: Any) -> str:
        return _strftime(form, *(moment or (time.localtime(now()),)))

    replaced: dict[str, Callable[..., Any]] = {"time": now, "gmtime": gmtime, "strftime": strftime}
    for name, function in replaced.items():
        setattr(time, name, function)


def wrong_dates(module: Any) -> None:
    """The same for the datetime that a module has imported."""
    import datetime

    class Wrong(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return datetime.datetime.now(tz) + datetime.timedelta(seconds=step())

    module.datetime = Wrong
