# SPDX-License-Identifier: Apache-2.0
"""Enter a local board: the ``local`` connection, with nsenter(1) in front."""

from __future__ import annotations

DOCUMENTATION = r"""
name: local_board
short_description: Run in a local board's namespaces
description:
  - Runs tasks in a board that M(netlab.testbed.local_boards) made on this machine.
  - Enters all of the board's namespaces. A network-only nsenter would leave the machine's /sys in view.
  - In check mode a board that is not up is answered for by a throwaway twin, made for the one command.
  - Needs root; a user other than root needs sudo without a password.
author: netlab-testbed maintainers (@netlab-testbed)
options:
  board:
    description: The board's name.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      # of a task that is delegated to a board, inventory_hostname is still the board it is done for
      - name: ansible_host
      - name: local_board_name
  cables:
    description: The cables of the lab, which tell what interfaces a twin has.
    type: list
    elements: dict
    default: []
    vars:
      - name: local_board_cables
  emulated_cables:
    description: The cables that lead to emulated boards, of which the same is to be told.
    type: list
    elements: dict
    default: []
    vars:
      - name: emulated_board_cables
  twin:
    description: Whether the play only asks, as in check mode.
    type: bool
    default: false
    vars:
      - name: ansible_check_mode
      - name: local_board_twin
  become_success_timeout:
    description: Seconds to wait for become to succeed. The local connection plugin reads it.
    version_added: 0.1.0
    default: 10
    type: int
    ini:
      - {section: local_become_plugin, key: become_success_timeout}
    env:
      - name: ANSIBLE_LOCAL_BECOME_SUCCESS_TIMEOUT
    vars:
      - name: ansible_local_become_success_timeout
  become_strip_preamble:
    description: Whether to strip what become wrote before the module's output. The local connection plugin reads it.
    version_added: 0.1.0
    default: true
    type: bool
    ini:
      - {section: local_become_plugin, key: become_strip_preamble}
    env:
      - name: ANSIBLE_LOCAL_BECOME_STRIP_PREAMBLE
    vars:
      - name: ansible_local_become_strip_preamble
"""

import os
import shlex

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as LocalConnection

from ansible_collections.netlab.testbed.plugins.module_utils.local_board import board_pid, twin_command


class Connection(LocalConnection):
    """``local``, inside the namespaces of a board."""

    transport = "netlab.testbed.local_board"

    def _init_pid(self) -> int | None:
        # Options are set after _connect, so the board is looked up at each use.
        return board_pid(self.get_option("board"))

    def _enter(self) -> list[str]:
        name, pid = self.get_option("board"), self._init_pid()
        if pid is not None:
            return ["nsenter", "-t", str(pid), "-a", "--"]
        if self.get_option("twin"):
            cables = [*self.get_option("cables"), *self.get_option("emulated_cables")]
            return twin_command(name, [cable[name] for cable in cables if name in cable])
        raise AnsibleConnectionFailure(f"local board {name} is not up; `netlab deploy` starts it")

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        argv = [*self._enter(), "/bin/sh", "-c", cmd]
        if os.geteuid() != 0:
            argv = ["sudo", "-n", *argv]
        return super().exec_command(shlex.join(argv), in_data=in_data, sudoable=sudoable)

    def _inside(self, path: str) -> str:
        """The board's view of an absolute path: its /run and /dev are its own."""
        pid = self._init_pid()
        return os.path.abspath(path) if pid is None else f"/proc/{pid}/root{os.path.abspath(path)}"

    def put_file(self, in_path: str, out_path: str) -> None:
        super().put_file(in_path, self._inside(out_path))

    def fetch_file(self, in_path: str, out_path: str) -> None:
        super().fetch_file(self._inside(in_path), out_path)
