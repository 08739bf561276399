# SPDX-License-Identifier: Apache-2.0
"""Action plugins that take a board's lock with the module that they run, so that it costs no task of its own."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible import context  # type: ignore[attr-defined]  # Ansible has it for this
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.netlab.testbed.plugins.module_utils import lock_holder
from ansible_collections.netlab.testbed.plugins.module_utils.lock import DEPLOY

Result = dict[str, Any]
Variables = Mapping[str, Any]


def holder(variables: Variables) -> dict[str, Any]:
    """Who asks: the process that the wrapper names, or else ansible-playbook itself."""
    pid = variables.get("testbed_lock_pid")
    if pid is not None:
        purpose, user = (variables.get(f"testbed_lock_{name}") for name in ("purpose", "user"))
        return lock_holder.holder_of(int(pid), str(purpose or "netlab"), user)
    parent = multiprocessing.parent_process()
    playbooks = " ".join(Path(name).name for name in context.CLIARGS.get("args", ()))
    return lock_holder.holder_of(
        parent.pid or os.getpid() if parent else os.getpid(), f"ansible-playbook {playbooks}"
    )


def deploy_id() -> str:
    """This run of ansible-playbook, for the modules that change boards in it."""
    parent = multiprocessing.parent_process()
    pid = (parent.pid if parent else None) or os.getpid()
    return f"{lock_holder.Machine.this().boot_id} {pid} {lock_holder.start_time(pid)}"


def told(variables: Variables, name: str) -> bool:
    return bool(boolean(variables.get(f"testbed_lock_{name}", False), strict=False))


def maker(variables: Variables, board: str) -> str:
    """The machine that keeps a board's lock: the board, or the machine that it shares its packages with."""
    return str(variables["hostvars"][board].get("board_package_host", board))


def lock_name(variables: Variables, board: str) -> str:
    """What the lock is called there."""
    return "" if maker(variables, board) == board else board


def boards_together(variables: Variables) -> list[str]:
    """The play's boards whose locks the same machine keeps as this board's: they are taken at once, all or none."""
    this = str(variables["inventory_hostname"])
    where = maker(variables, this)
    known = {*variables["groups"].get("duts", ()), *variables["groups"].get("peers", ())}
    mine = [
        board
        for board in variables["ansible_play_hosts_all"]
        if board in known and maker(variables, board) == where
    ]
    return sorted({this, *mine})


def several_makers(variables: Variables) -> bool:
    """Whether the locks of the play's boards are on more than one machine, and so not taken in one step."""
    groups = variables["groups"]
    known = {*groups.get("duts", ()), *groups.get("peers", ())} & set(variables["ansible_play_hosts_all"])
    return len({maker(variables, board) for board in known}) > 1


def refusal(
    held: Mapping[str, Mapping[str, Any]], me: Mapping[str, Any], *, break_lock: bool
) -> list[dict[str, Any]]:
    """Of the locks, by board, those that may not be taken: one entry a holder, with its boards."""
    found: dict[str, dict[str, Any]] = {}
    for board, lock in sorted(held.items()):
        stands = lock_holder.standing(lock, me)
        if lock_holder.may_take(lock, me, stands, break_lock=break_lock):
            continue
        entry = found.setdefault(
            str(lock["token"]),
            {"boards": [], "standing": stands, "says": lock_holder.says(lock, stands), "holder": dict(lock)},
        )
        entry["boards"].append(board)
    return list(found.values())


class LockingAction(ActionBase):
    """``self.locked_module`` runs a module with the option ``lock``, until its lock is taken or refused."""

    _supports_check_mode = True

    def plain_or_locked(
        self, module: str, variables: Variables, boards: Iterable[str], *, wanted: bool = True, **lock: Any
    ) -> Result:
        """The task's module with its arguments; with the boards' locks where the task says ``lock: true``.

        Not in check mode, which takes none, nor where a lock is not ``wanted`` after all.
        """
        arguments = dict(self._task.args)
        if arguments.pop("lock", False) and wanted and not self._task.check_mode:
            return self.locked_module(module, arguments, variables, boards, **lock)
        result: Result = self._execute_module(
            module_name=f"netlab.testbed.{module}", module_args=arguments, task_vars=dict(variables)
        )
        return result

    def locked_module(
        self,
        module: str,
        arguments: Mapping[str, Any],
        variables: Variables,
        boards: Iterable[str],
        deploys: bool = False,
        **lock: Any,
    ) -> Result:
        """``boards``: whose locks. Other words are suboptions of the module's ``lock``.

        ``deploys``: what follows in this run of Ansible may change the boards, see lock.outdated.
        """
        me = {**holder(variables), DEPLOY: deploy_id() if deploys else None}
        names = {lock_name(variables, board): board for board in boards}
        break_lock = told(variables, "break")
        meeting = several_makers(variables)
        replacing: list[str] = []
        while True:
            asked = {"boards": list(names), "holder": me, "replacing": replacing, "meeting": meeting, **lock}
            result: Result = self._execute_module(
                module_name=f"netlab.testbed.{module}",
                module_args={**arguments, "lock": asked},
                task_vars=dict(variables),
            )
            for key in ("locked", "unlocked"):
                if key in result:
                    result[key] = [names.get(name, name) for name in result[key]]
            held = {names.get(name, name): other for name, other in (result.pop("held", None) or {}).items()}
            if not held:
                return result
            refused = refusal(held, me, break_lock=break_lock)
            tokens = [other["token"] for other in held.values()]
            if refused or set(tokens) <= set(replacing):
                return self.refused(refused)
            replacing = tokens

    def refused(self, refused: list[dict[str, Any]]) -> Result:
        """What a task fails with."""
        lines = [f"{', '.join(entry['boards'])}: {entry['says']}" for entry in refused]
        return {"failed": True, "changed": False, "msg": "\n".join(lines), "refused_by": refused}
