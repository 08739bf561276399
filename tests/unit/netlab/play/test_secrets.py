# SPDX-License-Identifier: Apache-2.0
"""What an inventory keeps secret is in no argument of a process, no log, no result, and in no file that is left."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
import yaml

from netlab.cli.main import run

PLAIN, VAULTED, KEY, BECOME = "pl4in-passw0rd", "vau1ted-passw0rd", "k3y-material", "bec0me-passw0rd"
SECRETS = [word.encode() for word in (PLAIN, VAULTED, KEY, BECOME)]


class Watch:
    """Looks at the arguments of every process, and at the folders below a place, until it is told to stop."""

    def __init__(self, temporary: Path) -> None:
        self.temporary = temporary
        self.arguments: set[bytes] = set()
        self.open_folders: set[str] = set()
        self.private: set[str] = set()
        self.looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def _look(self) -> None:
        while not self._stop.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    words = path.read_bytes()
                except OSError:  # it ended
                    continue
                self.arguments.update(secret for secret in SECRETS if secret in words)
            for path in self.temporary.iterdir():
                try:
                    mode = path.stat().st_mode
                except OSError:
                    continue
                self.private.add(path.name)
                if mode & 0o077:
                    self.open_folders.add(path.name)
            self.looks += 1
            time.sleep(0.005)


@pytest.fixture
def secret(lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The lab's inventory with four secrets in it; a folder for what is temporary."""
    lab.role("datapath_plain", "Nothing in between")
    password = tmp_path / "vault-password"
    password.write_text("opens the vault\n")
    vault = subprocess.run(
        [Path(sys.executable).with_name("ansible-vault"), "encrypt_string", "--vault-password-file", password, VAULTED],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    key = tmp_path / "id_board"
    key.write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{KEY}\n-----END OPENSSH PRIVATE KEY-----\n")
    key.chmod(0o600)
    lab.hosts(
        everywhere={
            "ansible_password": PLAIN,
            "ansible_become_password": BECOME,
            "ansible_ssh_private_key_file": str(key),
        }
    )
    indented = "".join(f"  {line}\n" for line in vault.splitlines()[1:])
    lab.file("group_vars/peers.yml", "x: 1\n")
    (lab.folder / "group_vars/peers.yml").write_text(f"ansible_sudo_pass: !vault |\n{indented}")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(password))
    monkeypatch.chdir(lab.folder)
    yield temporary
    key.unlink()
    password.unlink()


def test_the_secrets_are_really_there(lab, secret: Path) -> None:
    inventory = yaml.safe_load((lab.folder / "hosts.yml").read_text())
    assert inventory["all"]["vars"]["ansible_password"] == PLAIN
    assert "$ANSIBLE_VAULT" in (lab.folder / "group_vars/peers.yml").read_text()


@pytest.mark.parametrize("verbose", [False, True])
def test_no_secret_is_in_arguments_logs_or_files_that_are_left(
    lab, secret: Path, capfd, verbose: bool
) -> None:
    """A play that goes on for a while, then fails, so that its log is kept."""
    lab.tasks(
        "deploy",
        """
        - {name: Work, ansible.builtin.command: "sleep 0.3"}
        - name: What is decrypted
          ansible.builtin.command: {argv: ["true", "{{ told | length }}"]}
          vars: {told: "{{ ansible_sudo_pass | default('') }}"}
        - {name: Break, ansible.builtin.command: "false"}
        """,
        hosts="all",
    )
    capfd.readouterr()
    with Watch(secret) as watch:
        status = run(["deploy", "-t", "plain", "-i", str(lab.inventory), *(["--verbose"] if verbose else [])])
    out, err = capfd.readouterr()
    assert status == 1, err
    assert watch.looks > 5
    assert any(name.startswith("netlab-") for name in watch.private), "the private folder was seen"
    assert watch.open_folders == set(), "and nobody else could look into it"
    assert watch.arguments == set()
    assert list(secret.iterdir()) == [], "it is gone"
    logs = [path for path in lab.logs.rglob("*") if path.is_file()]
    assert logs, "the log is kept"
    assert all(path.stat().st_mode & 0o077 == 0 for path in (lab.logs, *logs))
    everything = [path.read_bytes() for path in logs] + [out.encode(), err.encode()]
    assert [word for word in SECRETS if any(word in text for text in everything)] == []


def test_no_secret_is_in_a_run(lab, secret: Path) -> None:
    from netlab import plan
    from netlab.cli import inputs
    from netlab.results import RunStore

    meta = "{description: there and back, conditions: {}, guests: 0, on_host: true}"
    lab.file(f"{lab.root}/roles/scenario_latency/meta/scenario.yml", meta)
    lab.file("small.yml", "topologies: [host]\nblocks: 1\naa_pair: false\n")
    inventory = inputs.checked_inventory(str(lab.inventory))
    with RunStore.create(
        lab.folder / "results", plan.load(lab.folder / "small.yml"), inventory=inventory.rendered()
    ) as store:
        store.set_facts("before", {"board1": {"kernel": "6.1", "ssh": {"password": PLAIN, "api_token": KEY}}})
    texts = [path.read_bytes() for path in (lab.folder / "results").rglob("*") if path.is_file()]
    assert texts
    assert [word for word in SECRETS if any(word in text for text in texts)] == []


def test_host_keys_are_checked(lab, secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the user's environment says: ansible-runner switches it off by itself."""
    from netlab.play.runner import environment

    monkeypatch.setenv("ANSIBLE_HOST_KEY_CHECKING", "False")
    assert environment(secret)["ANSIBLE_HOST_KEY_CHECKING"] == "True"
    assert os.environ["ANSIBLE_HOST_KEY_CHECKING"] == "False"
