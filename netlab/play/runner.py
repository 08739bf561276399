# SPDX-License-Identifier: Apache-2.0
"""Runs one play with ansible-runner; the only file that imports it.

What ansible-runner does by itself and we do not want: it hands the whole environment on (and writes it to a
file), turns SSH host-key checking off, puts extra variables on the command line where `ps` shows them, and on
cancel kills ansible-playbook without its workers. Each is set right here.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netlab import collection, settings
from netlab.play import leftovers
from netlab.play.events import Event, Printed, from_runner
from netlab.play.interrupt import Interrupt
from netlab.play.outcome import Outcome
from netlab.play.processes import kill_below, mark
from netlab.play.terminal import closed_at_once

POLL = 0.2  # seconds between two looks at the interrupt, the deadline and the clock of the progress display
GRACE = 10.0  # seconds that Ansible has to end by itself after SIGINT, before it and all below it are killed
LARGEST_RESULT = 64_000_000  # bytes; above runner's own 700000 a task's result silently arrives empty

# All that Ansible gets of our environment: who and where we are, how SSH signs in, which proxy apt takes.
# The user's own ANSIBLE_* variables go through as well (keys, remote user, vault); ours override them.
PASSED = frozenset(
    [
        *("HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "XDG_RUNTIME_DIR"),
        *("SSH_AUTH_SOCK", "SSH_AGENT_PID", "KRB5CCNAME"),
        *("http_proxy", "https_proxy", "ftp_proxy", "no_proxy"),
        *("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY"),
    ]
)

# A board that answers nothing for a minute is gone (ssh_config(5)); what the user says in other places comes first.
KEEP_ALIVE = "-o ServerAliveInterval=10 -o ServerAliveCountMax=6"

# Ansible's default ANSIBLE_COLLECTIONS_PATH, which setting the variable would otherwise take away.
ANSIBLES_OWN = os.pathsep.join(("~/.ansible/collections", "/usr/share/ansible/collections"))


@dataclass(frozen=True)
class Play:
    """One call of ansible-playbook: a playbook of the collection over an inventory."""

    playbook: str  # without the collection's name: "deploy"
    inventory: str
    extravars: Mapping[str, Any] = field(default_factory=dict)
    check: bool = False
    diff: bool = False

    @property
    def name(self) -> str:
        """The playbook as Ansible is asked for it."""
        return f"{collection.NAME}.{self.playbook}"


class Listener:
    """Is told of each event, and called a few times a second in between. The base class does nothing."""

    def event(self, event: Event) -> None: ...

    def tick(self) -> None: ...

    def interrupted(self, *, warned: bool) -> None: ...


def run(play: Play, listeners: Sequence[Listener], interrupt: Interrupt) -> Outcome:
    """Runs `play` to its end, and says how it went; raises nothing for a play that fails."""
    leftovers.sweep()
    private = leftovers.make()
    try:
        return _Run(play, private, listeners, interrupt).outcome()
    finally:
        shutil.rmtree(private, ignore_errors=True)


class _Run:
    def __init__(
        self, play: Play, private: Path, listeners: Sequence[Listener], interrupt: Interrupt
    ) -> None:
        self.play = play
        self.private = private
        self.listeners = listeners
        self.interrupt = interrupt
        self.pid: int | None = None  # ansible-playbook's, once its first event has said it
        self.stopping: str | None = None  # why: "canceled" or "timeout"
        self.kill_at = 0.0
        self.broken: Exception | None = None  # what a listener raised
        self.warned = False
        self.limit = settings.positive(settings.TIMEOUT)
        self.started = time.monotonic()
        self.result = Outcome(play=play.name, inventory=play.inventory)

    def outcome(self) -> Outcome:
        from ansible_runner import Runner

        config = self._configuration()
        runner = Runner(config, event_handler=self._event, cancel_callback=self._stop_now)
        with closed_at_once():
            runner.run()
        result = self.result
        result.broken = self.broken
        result.status = self.stopping or runner.status
        result.limit = self.limit
        result.seconds = time.monotonic() - self.started
        log = Path(config.artifact_dir) / "stdout"
        result.log_text = log.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
        return result

    def _configuration(self) -> Any:
        from ansible_runner import RunnerConfig

        folder = self.private / "env"
        folder.mkdir(mode=0o700)
        # As files: runner forgets settings given as an argument, and shows variables in `ps`.
        (folder / "settings").write_text(json.dumps({"pexpect_timeout": POLL}), encoding="utf-8")
        (folder / "extravars").write_text(json.dumps(dict(self.play.extravars)), encoding="utf-8")
        flags = [
            flag for flag, wanted in (("--check", self.play.check), ("--diff", self.play.diff)) if wanted
        ]
        config = RunnerConfig(
            str(self.private),
            playbook=self.play.name,
            inventory=str(Path(self.play.inventory).absolute()),
            cmdline=shlex.join(flags) or None,
            ident="play",
            quiet=True,
            fact_cache_type="memory",
            envvars=environment(self.private),
        )
        config.prepare()
        ours = environment(self.private).keys()
        runners = {"AWX_ISOLATED_DATA_DIR", "RUNNER_OMIT_EVENTS", "RUNNER_ONLY_FAILED_EVENTS"}
        config.env = {
            name: value
            for name, value in config.env.items()
            if name in PASSED or name in ours or name in runners or name.startswith("ANSIBLE_")
        }
        return config

    def _event(self, raw: dict[str, Any]) -> bool:
        """Returns False: runner then writes no file for the event, which nobody would read."""
        if self.pid is None and raw.get("pid") and raw.get("event") == "playbook_on_start":
            self.pid = int(raw["pid"])
        event = from_runner(raw)
        if event is None or (isinstance(event, Printed) and not event.text.strip()):
            return False
        self.result.add(event)
        self._tell(lambda listener: listener.event(event))
        return False

    def _tell(self, call: Callable[[Listener], None]) -> None:
        """An exception that went through runner would leave Ansible running: keep it, stop, tell later."""
        try:
            for listener in self.listeners:
                call(listener)
        except Exception as error:  # noqa: BLE001 - it is in the outcome
            if self.broken is None:
                self.broken = error

    def _stop_now(self) -> bool:
        """Polled by runner; True makes it kill. Ansible is asked first: it can end its own workers."""
        self._tell(lambda listener: listener.tick())
        if self.interrupt.warned and not self.warned:
            self.warned = True
            self._tell(lambda listener: listener.interrupted(warned=True))
        now = time.monotonic()
        if self.stopping is None:
            if self.interrupt.wanted:
                self.stopping = "canceled"
                self._tell(lambda listener: listener.interrupted(warned=False))
            elif now - self.started > self.limit:
                self.stopping = "timeout"
            elif self.broken is not None:
                self.stopping = "canceled"
            else:
                return False
            self.kill_at = now + GRACE
            if self.pid is None:
                return True  # it has not come to its first play: no worker, no board
            os.kill(self.pid, signal.SIGINT)
            return False
        if now < self.kill_at:
            return False
        if self.pid is not None:
            kill_below(self.pid)
        return True


def environment(private: Path) -> dict[str, str]:
    """What we set for Ansible, whatever the user's environment and ansible.cfg say."""
    paths = [str(Path(sys.executable).parent), *os.environ.get("PATH", os.defpath).split(os.pathsep)]
    paths += [folder for folder in ("/usr/sbin", "/sbin") if folder not in paths]
    others = os.environ.get("ANSIBLE_COLLECTIONS_PATH") or ANSIBLES_OWN
    return {
        "PATH": os.pathsep.join(paths),
        "LANG": "C.UTF-8",  # Ansible refuses to run without UTF-8
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "MAX_EVENT_RES": str(LARGEST_RESULT),
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join([str(collection.find().search_path), others]),
        "ANSIBLE_LOCAL_TEMP": str(private / "tmp"),
        "ANSIBLE_HOST_KEY_CHECKING": "True",  # runner's own default is False
        "ANSIBLE_PIPELINING": "True",
        # A connection that is cut says nothing: without this, a task would be waited for until the play's time is over.
        "ANSIBLE_SSH_EXTRA_ARGS": os.environ.get("ANSIBLE_SSH_EXTRA_ARGS") or KEEP_ALIVE,
        "ANSIBLE_FORKS": str(settings.positive(settings.FORKS)),
        # Where an inventory names no interpreter: discovery may pick one without the board's own libraries.
        "ANSIBLE_PYTHON_INTERPRETER": os.environ.get("ANSIBLE_PYTHON_INTERPRETER") or "/usr/bin/python3",
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "True",
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_NOCOLOR": "True",
        # by which it is told that a holder of boards, even if it was killed, still has something running
        "NETLAB_HOLDER": mark(),
        "ANSIBLE_NOCOWS": "True",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_CALLBACKS_ENABLED": f"{collection.NAME}.module_cache",
    }
