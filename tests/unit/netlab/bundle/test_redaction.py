# SPDX-License-Identifier: Apache-2.0
"""What must not be in a bundle is planted everywhere, and looked for in every byte of it."""

from __future__ import annotations

import gzip
import json
import os
import pwd
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from netlab.bundle import opened, provenance
from netlab.bundle.export import export
from netlab.bundle.redact import Identities, Redactor
from netlab.results import RunStore
from tests.unit.netlab.bundle import runs, zips

Json = dict[str, Any]

# What each kind looks like where it is planted.
PASSWORD, TOKEN, BECOME = "hunter2-correct-horse", "ghp_aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789", "Tr0ub4dor&3"
IN_ENVIRONMENT = "env-s3cret-value-77"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7uLrkYlXo0sN3pYkQ eve@laptop"
PEM = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nQyNTUxOQ==\n-----END OPENSSH PRIVATE KEY-----"
VAULT = "$ANSIBLE_VAULT;1.1;AES256\n33363965326261303234\n6231303262"
DUT, PEER, OTHER, HOSTNAME = "rack7-arm-a", "rack7-arm-b", "buildhost9", "macchiatobin-0042"
CONTROLLER, USER, LOGIN = "admins-thinkpad", "mallory", "labuser42"
DOMAIN = "lab.example-corp.com"
HOME = f"/home/{USER}"
PATHS = (
    f"{HOME}/lab/hosts.yml",
    "/srv/measurements/2026/run",
    f"{HOME}/my lab/key file",
    "/opt/acme/bin/tool",
)
MANAGEMENT, MANAGEMENT6, GATEWAY = "10.77.3.21", "2001:db8:77::21", "172.29.9.254"
BOARD_MAC, BOOT = "00:51:82:11:22:33", "251b494e-2149-458e-a0ad-fd49a0338ed7"

SECRETS = (
    PASSWORD,
    TOKEN,
    BECOME,
    IN_ENVIRONMENT,
    "AAAAC3NzaC1lZDI1NTE5",
    "b3BlbnNzaC1rZXkt",
    "33363965326261303234",
)
NAMES = (
    DUT, PEER, OTHER, HOSTNAME, CONTROLLER, USER, LOGIN, DOMAIN, "example-corp", *PATHS, HOME, "my lab", "acme",
    MANAGEMENT, MANAGEMENT6, GATEWAY, BOARD_MAC, BOOT, runs.MAC, "rack7", "eve@laptop",
)  # fmt: skip

HOSTS = f"""
all:
  vars:
    ansible_become_password: "{BECOME}"   # {PASSWORD} is that of {USER}
    my_api_token: {TOKEN}
  hosts:
    {OTHER}.{DOMAIN}:
duts:
  hosts:
    {DUT}:
      ansible_host: {MANAGEMENT}
      ansible_user: {LOGIN}
      ansible_password: {PASSWORD}
      ansible_ssh_private_key_file: "{HOME}/my lab/key file"
      board_nic: eth1
      board_address: 192.0.2.2/24
      guest_disk: /srv/measurements/2026/run/disk.qcow2
      datapath_xdp_mode: "{{{{ 'generic' }}}}"
peers:
  hosts:
    {PEER}:
      ansible_host: {PEER}.{DOMAIN}
      board_nic: eth1
      board_address: 192.0.2.1/24
rack7_boards:
  hosts: {{{DUT}: , {PEER}: }}
"""

OUTPUT = f"""netperf to 192.0.2.1 from {DUT} ({HOSTNAME}.{DOMAIN})
ssh: connect to host {PEER}.{DOMAIN} port 22: No route to host
{USER}@{CONTROLLER}:{HOME}/lab$ sshpass -p {PASSWORD} ssh {LOGIN}@{MANAGEMENT}
default via {GATEWAY} dev eth2; inet6 {MANAGEMENT6}/64; link/ether {BOARD_MAC}; enx005182112233: up
--password {PASSWORD} --token={TOKEN} password: "{BECOME}" Authorization: Bearer {TOKEN}
{PEM}
{KEY}
{VAULT}
see '{HOME}/my lab/key file' and file://{HOME}/lab/hosts.yml, https://{LOGIN}:{PASSWORD}@git.{DOMAIN}/x.git
\x1b[31mMEAN_LATENCY=20.5\x1b[0m 2.7.0 Trans/s 1/2 rx/tx  RACK7-ARM-A
"""


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """A run that has all of it, in every part that there is."""
    monkeypatch.setattr(socket, "gethostname", lambda: f"{CONTROLLER}.{DOMAIN}")
    for name in ("USER", "LOGNAME", "SUDO_USER"):
        monkeypatch.setenv(name, USER)
    monkeypatch.setenv("HOME", HOME)
    monkeypatch.setenv("CI_DEPLOY_TOKEN", IN_ENVIRONMENT)
    entry = pwd.struct_passwd((USER, "x", 1000, 1000, "", HOME, "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: entry)
    (tmp_path / "inventory").mkdir()
    hosts = tmp_path / "inventory/hosts.yml"
    hosts.write_text(HOSTS, encoding="utf-8")

    variables = {
        "guest_disk": "/srv/measurements/2026/run/disk.qcow2",
        "datapath_xdp_mode": "{{ 'generic' }}",
    }
    boards = runs.inventory(DUT, PEER, **variables)
    boards[DUT]["groups"] = ["duts", "rack7_boards"]
    facts = {
        DUT: {
            "hostname": HOSTNAME, "kernel_command_line": f"root=/dev/mapper/{DUT}-root ip={MANAGEMENT} psk=x{PASSWORD}",
            "boot_id": BOOT, "programs": {"netperf": "/usr/bin/netperf", "tool": "/opt/acme/bin/tool"},
            "nic": {"mac": BOARD_MAC, "addresses": ["192.0.2.2/24", f"{MANAGEMENT}/24", MANAGEMENT6]},
            "os": {"id": "debian", "version": "12"}, "api_key": TOKEN,
        },
        PEER: {"hostname": PEER, "note": OUTPUT},
    }  # fmt: skip
    environment = {
        "before": {DUT: {"guests": {"guest1": {"kernel": f"{'ab' * 16}/kernel", "nics": {"1": {"mac": runs.MAC}}}},
                         "versions": {"qemu": "7.2.0.1"}, DUT: OUTPUT}, PEER: {"x": [OUTPUT, {OUTPUT: 1}]}},
        "after": {DUT: {"said": OUTPUT}},
        "blocks": {"1": {DUT: {"quiet": True, "said": f"{DUT}: quiet"}}},
    }  # fmt: skip
    more = {
        "raw": OUTPUT, "reason": None, "pacing": OUTPUT, "password": PASSWORD,
        "command": ["/usr/bin/netperf", "-H", "192.0.2.1", "--password", PASSWORD,
                    "-f", f"{HOME}/my lab/key file", DUT],
        "flags": [{"rule": "note", "text": OUTPUT, "severity": "note"}],
        "counters": {"before": {"board": {DUT: 1}}}, "pins": {PATHS[1]: OUTPUT},
        "flows": [{"guest": "guest1", "command": ["ssh", f"{LOGIN}@{MANAGEMENT}"], "note": OUTPUT}],
    }  # fmt: skip
    wanted = runs.plan(
        description=f"for {USER} on {DUT}.{DOMAIN}, in {HOME}/lab",
        instruments=[{"name": "netperf", "parameters": {"note": f"{PATHS[1]} {LOGIN}@{MANAGEMENT}"}}],
    )
    made = runs.make(
        tmp_path / "results", wanted=wanted, boards=boards, lines={number: dict(more) for number in (1, 2, 3, 4)},
        facts={"before": facts, "after": facts}, environment=environment,
        accelerator={DUT: {"accelerator": "tcg", "reason": OUTPUT}}, versions={"python": "3.11.2", "path": PATHS[0]},
        secret_of_a_later_netlab=PASSWORD,
    )  # fmt: skip
    provenance.record(made.path, hosts, made.manifest.order)
    provenance.record_image(
        made.path, DUT, {"hash": "cd" * 16, "recipe": {"arch": "aarch64", "packages": {"x": "1"}}}
    )
    return made


def every_byte(bundle: Path) -> dict[str, bytes]:
    """The file itself, each member, each member's name, and what is compressed in a member."""
    members = zips.unpack(bundle.read_bytes())
    found = {"the file": bundle.read_bytes(), "the names": "\n".join(members).encode()}
    for name, content in members.items():
        found[name] = content
        if name.endswith(".gz"):
            found[f"{name}, unpacked"] = gzip.decompress(content)
        if name.endswith((".json", ".jsonl")):  # "\\u0061" is an a, too
            found[f"{name}, as texts"] = "\n".join(
                json.dumps(json.loads(line), ensure_ascii=False)
                for line in (content.splitlines() if name.endswith("l") else [content])
            ).encode()
    return found


def places(needles: tuple[str, ...], haystack: dict[str, bytes]) -> list[tuple[str, str]]:
    return [
        (needle, name)
        for name, content in haystack.items()
        for needle in needles
        if needle.lower().encode() in content.lower()
    ]


def test_they_are_planted(planted: RunStore) -> None:
    """Else the search would find nothing for another reason."""
    there = b"".join(
        gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for path in planted.path.rglob("*")
        if path.is_file()
    ).lower()
    for needle in (PASSWORD, TOKEN, BECOME, *NAMES):
        if needle not in (GATEWAY, OTHER):
            assert needle.lower().encode() in there.replace(b"\\u0026", b"&"), needle


def test_nothing_of_it_is_in_a_default_export(planted: RunStore, tmp_path: Path) -> None:
    made = export(planted, tmp_path / "run.zip")
    assert places((*SECRETS, *NAMES), every_byte(made.path)) == []


def test_no_path_of_this_machine_is_in_it(planted: RunStore, tmp_path: Path) -> None:
    made = export(planted, tmp_path / "run.zip")
    assert places((str(tmp_path), str(Path.cwd()), os.uname().nodename * 3), every_byte(made.path)) == []


def test_secrets_are_withheld_even_where_names_are_kept(planted: RunStore, tmp_path: Path) -> None:
    made = export(planted, tmp_path / "run.zip", keep_names=True)
    found = every_byte(made.path)
    assert places(SECRETS, found) == []
    kept = {needle for needle, _ in places(NAMES, found)}
    assert {DUT, PEER, HOSTNAME, MANAGEMENT, BOARD_MAC, runs.MAC, PATHS[1]} <= kept
    with opened(made.path) as bundle:
        assert bundle.names == "kept"
        assert [board["name"] for board in bundle.boards] == [DUT, PEER]


def test_one_thing_has_one_alias_everywhere(planted: RunStore, tmp_path: Path) -> None:
    made = export(planted, tmp_path / "run.zip")
    members = zips.unpack(made.path.read_bytes())
    with opened(made.path) as bundle:
        assert [board["name"] for board in bundle.boards] == ["dut1", "peer1"]
        assert bundle.boards[0]["groups"] == ["duts", "group1"]
        assert set(bundle.environment["facts"]["before"]) == {"dut1", "peer1"}
        facts = bundle.environment["facts"]["before"]["dut1"]
        assert facts["programs"]["netperf"] == "/usr/bin/netperf"
        assert re.fullmatch(r"/redacted/path\d+", facts["programs"]["tool"])
        assert facts["os"] == {"id": "debian", "version": "12"}
        assert facts["nic"]["addresses"][0] == "192.0.2.2/24"
        assert facts["api_key"] == "(withheld)"
        mac = bundle.boards[0]["guests"][0]["mac"]
        assert (
            bundle.environment["environment"]["before"]["dut1"]["guests"]["guest1"]["nics"]["1"]["mac"] == mac
        )
        assert bundle.environment["environment"]["before"]["dut1"]["versions"]["qemu"] == "7.2.0.1"
        disk = bundle.boards[0]["variables"]["guest_disk"]
        assert bundle.written["hosts.yml"]["duts"]["hosts"]["dut1"]["guest_disk"] == disk
        assert "datapath_xdp_mode" not in bundle.boards[0]["variables"]
        assert bundle.guest_images["dut1"]["packages"] == {"x": "1"}
        assert bundle.roles.recorded == "run"
        assert bundle.run is not None
        line = RunStore.open(bundle.run.parent, str(bundle.run)).trials()[0]
        assert line["board"] == "dut1"
        assert line["command"][:5] == ["/usr/bin/netperf", "-H", "192.0.2.1", "--password", "(withheld)"]
        assert line["command"][-1] == "dut1"
        assert line["command"][-2] in line["raw"] or line["command"][-2].startswith("/redacted/path")
    raw = gzip.decompress(
        next(content for name, content in members.items() if name.endswith(".txt.gz"))
    ).decode()
    assert raw.startswith("netperf to 192.0.2.1 from dut1 (host")
    assert "MEAN_LATENCY=20.5 2.7.0 Trans/s 1/2 rx/tx  dut1\n" in raw
    assert "connect to host peer1.domain1.example port 22" in raw
    assert line["command"][-2] in raw


def test_the_list_tells_kinds_and_counts_and_no_originals(planted: RunStore, tmp_path: Path) -> None:
    made = export(planted, tmp_path / "run.zip")
    told = {item.kind: item for item in made.redactions}
    assert {
        "secret",
        "key",
        "dut",
        "peer",
        "host",
        "user",
        "path",
        "address",
        "mac",
        "machine-id",
        "group",
    } <= set(told)
    assert told["dut"].aliases == ["dut1"]
    assert told["dut"].count > 20
    assert told["secret"].aliases == ["(withheld)"]
    written = zips.unpack(made.path.read_bytes())["redactions.json"]
    assert json.loads(written) == [item.model_dump(mode="json") for item in made.redactions]


def test_what_is_written_is_the_testbeds_own(planted: RunStore, tmp_path: Path) -> None:
    made = export(planted, tmp_path / "run.zip")
    text = zips.unpack(made.path.read_bytes())["inventory/written/hosts.yml"].decode()
    assert text.startswith("# 8 values that are not the testbed's, or are templates, were left out.\n")
    with opened(made.path) as bundle:
        assert bundle.written["hosts.yml"]["duts"] == {
            "hosts": {
                "dut1": {
                    "board_address": "192.0.2.2/24",
                    "board_nic": "eth1",
                    "guest_disk": bundle.boards[0]["variables"]["guest_disk"],
                }
            }
        }


# -- single rules -----------------------------------------------------------------------------------------


def redactor(**known: Any) -> Redactor:
    return Redactor(Identities(**known))


@pytest.mark.parametrize(
    "text",
    [
        "MIN_LATENCY=11\nMEAN_LATENCY=31.88\n",
        "31334.509 Trans/s, 1.5 us/op, rx/tx, 192.168.20.1/24 apart",
        "started 2026-11-22T14:51:35.196570+00:00, 12:34:56",
        "netperf -t TCP_RR -k P50_LATENCY,P99_LATENCY -- -D 0,1:2",
        "6.1.0-56-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2",
        "/usr/bin/netperf /proc/net/dev /sys/class/net/eth1 /dev/kvm /dev/net/tun",
        "127.0.0.1 0.0.0.0 255.255.255.0 ff:ff:ff:ff:ff:ff ::1",
        "eth0@if5: <BROADCAST,UP> passed: 3, compass=north, tokens: 5, bypass",
        "../../target/i386/kvm/kvm.c:3183: Assertion `ret == cpu->kvm' failed.",
        "a/b </tag> and/or n/a",
    ],
)
def test_what_is_no_ones_stays(text: str) -> None:
    made = redactor(boards={"alpha": "dut"})
    made._networks = []
    kept = text.replace("192.168.20.1", "127.0.0.1")
    assert made.finish(made.text(kept)) == kept


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ALPHA and alpha.example", "dut1 and dut1.example"),
        ("alphabet", "dut1bet"),  # a name inside a word is a name
        ("10.1.2.3:5201", "address1:5201"),
        ("fe80::5054:ff:fe12:3456%eth0", "address1"),
        ("/home/x/y.txt: no such file", "/redacted/path1: no such file"),
        ("-o /tmp/a,b -i=/srv/x", "-o /redacted/path1,b -i=/redacted/path2"),
        ("~/lab/hosts.yml", "/redacted/path1"),
        ("bob@10.1.2.3's password:", "user1@address1's password:"),
        ("02-00-5E-10-00-01 02:00:5e:10:00:01", "02:00:00:00:00:01 02:00:00:00:00:01"),
        ("enp0s31f6 enx02005e100001", "enp0s31f6 enx020000000001"),
        ('{"password": "x y z"}', '{"password": (withheld)}'),
        ("ANSIBLE_BECOME_PASS=abc", "ANSIBLE_BECOME_PASS=(withheld)"),
        ("https://a.example/b?c=d now", "url1 now"),
    ],
)
def test_what_is_someones_goes(text: str, expected: str) -> None:
    made = redactor(boards={"alpha": "dut"})
    assert made.finish(made.text(text)) == expected


def test_an_alias_is_never_somebody_elses_name() -> None:
    """The peer is called dut1: were it the dut's alias, two boards would be one."""
    made = redactor(boards={"dut1": "peer", "other": "dut"})
    assert made.finish(made.text("other measures dut1")) == "dut2 measures peer1"


def test_a_name_that_is_a_word_of_the_format_stands_for_the_board_only() -> None:
    made = redactor(boards={"host": "dut", "peer": "peer"})
    assert made.finish({made.board("host"): made.text("the host topology")}) == {"dut1": "the host topology"}
    assert "word of the format" in str({item.kind: item.note for item in made.aliases.redactions()}["dut"])


def test_public_measured_networks_are_renumbered() -> None:
    import ipaddress

    networks = [ipaddress.IPv4Network("8.8.4.0/24"), ipaddress.IPv4Network("192.168.20.0/24")]
    made = Redactor(Identities(boards={"alpha": "dut"}), measured=networks)
    assert made.finish(made.text("8.8.4.7/24 192.168.20.2 1.1.1.1")) == "198.18.0.7/24 192.168.20.2 address1"
