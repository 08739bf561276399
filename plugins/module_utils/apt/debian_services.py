# SPDX-License-Identifier: Apache-2.0
"""Keep packages from starting services that nobody wants: policy-rc.d, as invoke-rc.d(8) describes it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.netlab.testbed.plugins.module_utils.steps import BoardError

POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_MARK = "# netlab-testbed: for the time of one installation"
COMMAND_SECONDS = 60
# Package -> its service, which would listen on every interface of the machine. What a measurement needs is
# started by the measurement, on the measured address.
UNWANTED_SERVICES = {"netperf": "netperf"}


def has_service_manager() -> bool:
    """Whether systemd runs, which could run services (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def policy_text(services_run: bool) -> str:
    """A policy-rc.d that lets no package start a service, or, where a service manager runs, all but the
    unwanted. invoke-rc.d gives the service's name first; 101 is "forbidden by policy"."""
    refused = "|".join(sorted(UNWANTED_SERVICES.values())) if services_run else "*"
    return f'#!/bin/sh\n{POLICY_MARK}\ncase "$1" in {refused}) exit 101 ;; esac\nexit 0\n'


@contextlib.contextmanager
def services_held_back(policy: Path = POLICY) -> Iterator[None]:
    """For the time of an installation, let packages start no service that is not wanted. A policy of the
    machine's own stays and holds; one of ours, left by an installation that was killed, is replaced."""
    if policy.exists() and POLICY_MARK not in policy.read_text(encoding="utf-8", errors="replace"):
        yield
        return
    scratch = policy.with_name(f"{policy.name}.netlab-testbed")
    scratch.write_text(policy_text(has_service_manager()), encoding="utf-8")
    scratch.chmod(0o755)
    scratch.replace(policy)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def disable_service(name: str) -> None:
    """See that a service which came with a package just installed does not run, now or after a restart."""
    command = ["update-rc.d", name, "disable"]
    if has_service_manager():
        command = ["systemctl", "disable", "--now", f"{name}.service"]
    elif not Path(f"/etc/init.d/{name}").exists() or shutil.which(command[0]) is None:
        return
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    if done.returncode:
        raise BoardError(f"{' '.join(command)} failed: {done.stderr.strip()}")
