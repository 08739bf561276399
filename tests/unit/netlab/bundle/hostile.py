# SPDX-License-Identifier: Apache-2.0
"""Bundles that must be refused: a good one, with one thing wrong. The same bytes each time.

Wherever Ansible would run something, CANARY stands: a command that leaves a file behind.
"""

from __future__ import annotations

import gzip
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from tests.unit.netlab.bundle import zips
from tests.unit.netlab.bundle.zips import Entry, Members, entries, pack, summed

CANARY_FILE = "/tmp/netlab-canary-of-the-hostile-bundles"
CANARY = f"touch {CANARY_FILE}"
LOOKUP = f"{{{{ lookup('ansible.builtin.pipe', '{CANARY}') }}}}"

Make = Callable[[Members], bytes]
CORPUS: dict[str, Make] = {}
GUEST_RAW = "run/raw/0002-tap-netperf.txt.gz"


def case(name: str) -> Callable[[Make], Make]:
    def register(make: Make) -> Make:
        assert name not in CORPUS
        CORPUS[name] = make
        return make

    return register


def whole(name: str, change: Callable[[bytes], bytes]) -> None:
    """The file's bytes are changed."""
    CORPUS[name] = lambda members: change(pack(entries(members)))


def with_entry(name: str, entry: Entry) -> None:
    """One member more, whose checksum is right."""

    def make(members: Members) -> bytes:
        return pack([*entries(summed(members)), entry])

    CORPUS[name] = make


def with_first(name: str, **changes: object) -> None:
    """The first member's entry is changed."""

    def make(members: Members) -> bytes:
        first, *rest = entries(members)
        return pack([first.with_(**changes), *rest])

    CORPUS[name] = make


def with_bytes(name: str, member: str, change: Callable[[bytes], bytes]) -> None:
    """A member's content is changed; its checksum is right."""
    CORPUS[name] = lambda members: pack(
        entries(summed({**members, member: change(members.get(member, b""))}))
    )


def with_json(name: str, member: str, change: Callable[[Any], Any]) -> None:
    """A member's JSON is changed."""

    def edit(content: bytes) -> bytes:
        value = json.loads(content)
        return json.dumps(change(value) or value).encode()

    with_bytes(name, member, edit)


def with_line(name: str, change: Callable[[Any], Any]) -> None:
    """The first result is changed."""

    def edit(content: bytes) -> bytes:
        first, rest = content.split(b"\n", 1)
        value = json.loads(first)
        return json.dumps(change(value) or value).encode() + b"\n" + rest

    with_bytes(name, "run/trials.jsonl", edit)


def put(*path: Any) -> Callable[[Any], None]:
    """Sets what stands under a path: put("plan", "seed", 3)."""
    *steps, value = path

    def change(found: Any) -> None:
        for step in steps[:-1]:
            found = found[step]
        found[steps[-1]] = value

    return change


def without(members: Members, name: str) -> Members:
    return {key: value for key, value in members.items() if key != name}


# -- the file ---------------------------------------------------------------------------------------------

CORPUS["empty"] = lambda _: b""
CORPUS["a text"] = lambda _: b"this is not a zip\n" * 9
CORPUS["another zip"] = lambda _: pack([Entry(b"readme.txt", b"hello")])
CORPUS["a zip without members"] = lambda _: pack([])
whole("cut in half", lambda content: content[: len(content) // 2])
whole("cut within the end", lambda content: content[:-9])
whole("only its beginning", lambda content: content[:9])
whole("a program before it", lambda content: f"#!/bin/sh\n{CANARY}\nexit\n".encode() + content)
whole("something behind it", lambda content: content + f"\n{CANARY}\n".encode())
whole("the list is overwritten", lambda content: content.replace(b"PK\1\2", b"PK\1\3"))
CORPUS["a comment"] = lambda members: pack(entries(members), comment=CANARY.encode())
CORPUS["zip64"] = lambda members: pack(entries(members), count=0xFFFF)
CORPUS["one of several parts"] = lambda members: pack(entries(members), disk=1)
CORPUS["fewer members than it says"] = lambda members: pack(entries(members), count=len(members) + 1)
CORPUS["the list is elsewhere"] = lambda members: pack(entries(members), shift=7)
CORPUS["too many members"] = lambda members: pack(
    [*entries(members), *(Entry(f"run/raw/{number:05d}.txt.gz".encode(), b"") for number in range(20_001))]
)
CORPUS["hidden behind the last member"] = lambda members: pack(entries(members), behind=CANARY.encode())
with_first("a first member that is encrypted", flags=1)
with_first("sizes behind the content", flags=8)
with_first("bzip2", method=zipfile.ZIP_BZIP2)
with_first("lzma", method=zipfile.ZIP_LZMA)
with_first("an extra field", extra=struct.pack("<2H4s", 0x7075, 4, b"evil"))
with_first("a member's comment", comment=b"hello")
with_first("another name in its header", local_name=b"BUNDLE256S")
with_first("another size in its header", local_size=3)
with_first("a wrong CRC", crc=1)


@case("hidden between members")
def _(members: Members) -> bytes:
    first, second, *rest = entries(members)
    return pack([first, second.with_(before=CANARY.encode()), *rest])


@case("two members in the same bytes")
def _(members: Members) -> bytes:
    first, second, *rest = entries(members)
    return pack([first, second.with_(offset=0), *rest])


@case("a member that is no deflate")
def _(members: Members) -> bytes:
    return pack([
        entry.with_(method=8, packed=b"\xff\xff\xff\xff") if entry.name == b"plan.json" else entry
        for entry in entries(members)
    ])  # fmt: skip


@case("a member that is smaller than it says")
def _(members: Members) -> bytes:
    return pack([
        entry.with_(method=8, packed=zips.deflated(b"{}"), size=len(entry.content))
        if entry.name == b"plan.json"
        else entry
        for entry in entries(members)
    ])  # fmt: skip


@case("a member that is larger than it says")
def _(members: Members) -> bytes:
    big = zips.deflated(b" " * 60_000_000)
    return pack([
        entry.with_(method=8, packed=big, size=len(entry.content)) if entry.name == b"plan.json" else entry
        for entry in entries(members)
    ])  # fmt: skip


@case("a bomb")
def _(members: Members) -> bytes:
    zeros = b"\0" * 15_000_000
    return pack([*entries(without(members, "plan.json")), Entry(b"plan.json", zeros, method=8)])


with_entry("a member of 4 GB", Entry(b"run/samples/big.parquet", b"x", size=0xFFFFFFF0))


@case("too large in all")
def _(members: Members) -> bytes:
    packed = b"\0" * 1_400_000
    many = [
        Entry(f"run/samples/{number}.parquet".encode(), b"", packed=packed, method=8, size=250 * 1024 * 1024)
        for number in range(5)
    ]
    return pack([*entries(members), *many])


# -- names and kinds --------------------------------------------------------------------------------------

for words, evil in {
    "a name that leads out": b"run/../../../etc/cron.d/evil",
    "a name that leads out of raw": b"run/raw/../../../evil.txt.gz",
    "an absolute name": b"/etc/cron.d/evil",
    "a name with backslashes": b"run\\..\\..\\evil",
    "a drive": b"C:evil",
    "a NUL": b"plan.json\0.txt",
    "a line feed in a name": b"run/raw/a\nb.txt.gz",
    "an escape in a name": b"run/raw/\x1b[2Jb.txt.gz",
    "a long name": b"run/raw/" + b"a" * 200 + b".txt.gz",
    "letters that look like others": "рlan.json".encode(),
    "full-width letters": "ｐlan.json".encode(),
    "a dot part": b"run/./plan.json",
    "an empty part": b"run//plan.json",
    "a name that ends with a dot": b"plan.json.",
    "a name that ends with a blank": b"plan.json ",
    "a name that is an option": b"run/raw/-rf.txt.gz",
    "no name": b"",
    "the same name twice": b"plan.json",
    "the same name in capitals": b"PLAN.json",
    "a zip inside": b"run/raw/more.zip",
    "a tar inside": b"more.tar",
    "a module of Python's": b"run/netlab.py",
    "an ansible.cfg": b"ansible.cfg",
    "an inventory script": b"inventory/written/hosts",
    "an inventory plugin": b"inventory/written/hosts.aws_ec2.yml",
    "a vars plugin": b"inventory/written/vars_plugins/evil.py",
    "a name with quotes": b"run/raw/'$(id)'.txt.gz",
    "a member below a file": b"plan.json/more",
}.items():
    with_entry(words, Entry(evil, b"x"))

for words, mode in {
    "a link": 0o120777,
    "a pipe": 0o010644,
    "a device": 0o020644,
    "a program": 0o100755,
    "a set-user-id file": 0o104644,
    "a file that all may write": 0o100666,
}.items():
    with_entry(words, Entry(b"run/raw/x.txt.gz", b"/etc/shadow", mode=mode))
with_entry("a folder", Entry(b"run/more/", b"", mode=0o040755))

# -- the list of members, the checksums, the version ------------------------------------------------------

CORPUS["no bundle.json"] = lambda members: pack(entries(summed(without(members, "bundle.json"))))
for left_out in (
    "plan.json",
    "inventory/rendered.json",
    "roles.json",
    "ro-crate-metadata.json",
    "run/manifest.json",
):
    CORPUS[f"no {left_out}"] = lambda members, name=left_out: pack(entries(summed(without(members, name))))
CORPUS["no checksums"] = lambda members: pack(entries(without(members, "SHA256SUMS")))
CORPUS["a member without a checksum"] = lambda members: pack(
    entries({**members, "run/raw/9999-more.txt.gz": gzip.compress(b"", mtime=0)})
)
CORPUS["a checksum without its member"] = lambda members: pack(entries(without(members, GUEST_RAW)))
CORPUS["a wrong checksum"] = lambda members: pack(
    entries({**members, "roles.json": members["roles.json"] + b"\n"})
)
CORPUS["checksums that are none"] = lambda members: pack(
    entries({**members, "SHA256SUMS": b"\xff\xfe nonsense\n"})
)
CORPUS["a checksum twice"] = lambda members: pack(
    entries(
        {**members, "SHA256SUMS": members["SHA256SUMS"] + members["SHA256SUMS"].splitlines(keepends=True)[0]}
    )
)
with_json("a newer schema", "bundle.json", put("schema_version", 2))
with_json(
    "a schema of the far future", "bundle.json", lambda told: told.update(schema_version=10**9, netlab="99.0")
)
with_json("schema version 0", "bundle.json", put("schema_version", 0))
with_json("a schema version that is a text", "bundle.json", put("schema_version", "1"))
with_json("a schema version that is true", "bundle.json", put("schema_version", True))
with_json("a key that no schema has", "bundle.json", put("post_install", CANARY))
with_json("a run's name that leads out", "bundle.json", put("run", "../../evil"))
with_json("a run's name that is dots", "bundle.json", put("run", ".."))
with_json("results that there should not be", "bundle.json", put("results", False))

# -- JSON -------------------------------------------------------------------------------------------------

for words, content in {
    "not JSON": b"{nonsense",
    "a number for an object": b"7",
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "NaN": b'{"a": NaN}',
    "a number without end": b'{"a": 1e999}',
    "an integer of a million digits": b'{"a": ' + b"9" * 1_000_000 + b"}",
    "a key twice": b'{"a": 1, "a": 2}',
    "nested a hundred thousand times": b"[" * 100_000 + b"]" * 100_000,
    "four million values": b"[" + b"[]," * 4_000_000 + b"1]",
    "a NUL in a text": b'{"a": "\\u0000"}',
    "an escape in a text": b'{"a": "\\u001b]0;evil\\u0007"}',
    "a text that runs backwards": '{"a": "\u202egnp.exe"}'.encode(),
    "half a character": b'{"a": "\\ud800"}',
}.items():
    with_bytes(f"environment.json: {words}", "environment.json", lambda _, content=content: content)

with_bytes(
    "nested behind quotes", "roles.json", lambda _: b'["\\"", ' + b'{"a":' * 50 + b"1" + b"}" * 50 + b"]"
)

# -- the inventory, in which Ansible would run things -----------------------------------------------------

RENDERED = "inventory/rendered.json"


def variable(name: str, value: Any, words: str = "") -> None:
    with_json(words or f"variable {name}", RENDERED, put(0, "variables", name, value))


for name in (
    "ansible_connection", "ansible_python_interpreter", "ansible_ssh_executable", "ansible_ssh_common_args",
    "ansible_ssh_extra_args", "ansible_sftp_extra_args", "ansible_scp_executable", "ansible_become_exe",
    "ansible_become_flags", "ansible_become_method", "ansible_shell_executable", "ansible_shell_type",
    "ansible_remote_tmp", "ansible_host", "ansible_user", "ansible_password_file", "ansible_ssh_private_key_file",
    "ansible_ssh_pipelining", "ansible_ssh_proxy_command", "ansible_facts_modules", "ansible_perl_interpreter",
    "ansible_local_tmp", "ansible_winrm_kinit_cmd", "ansible_vault_password_file", "ansible_module_lang",
):  # fmt: skip
    variable(name, f"/bin/sh -c '{CANARY}' -o ProxyCommand='{CANARY}'")
for name in ("environment", "vars_files", "hostvars", "omit", "my_own", "testbed_trials", "testbed_topology",
             "board_future", "guest_image__files", "plugin"):  # fmt: skip
    variable(name, CANARY)
for name in ("board_nic", "board_address", "guest_arch", "guest_disk", "guest_accelerator", "board_package_host",
             "datapath_xdp_mode", "board_quiet_wait_s"):  # fmt: skip
    variable(name, LOOKUP, f"a template in {name}")
variable(
    "guest_disk",
    "{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}",
    "a statement of Jinja's",
)
variable(
    "guest_disk", "#jinja2: variable_start_string: '['\n/[ lookup('pipe', 'id') ]", "a header of Jinja's"
)
variable("guest_disk", f"/lookup('pipe', '{CANARY}')", "a bare lookup")
variable("guest_disk", "/{# a comment #}", "a comment of Jinja's")
variable("guest_disk", "!unsafe /x", "a tag as a text")
variable("guest_list", [{"name": {"__ansible_vault": "x"}}], "a vault as JSON")
variable("guest_list", [{"name": LOOKUP}], "a template in guest_list")
variable("guest_list", [{"name": "g", "command": CANARY}], "a guest with a command")
variable("local_board_cables", [{LOOKUP: "eth1", "beta": "eth1"}], "a template as a key")
variable("guest_count", 10**9, "a billion guests")
variable("board_nic", "eth0; reboot", "a command as a NIC")
variable("board_nic", ["eth0"], "a list for a NIC")
variable("board_nic", "../../proc", "a path for a NIC")
variable("board_address", "999.0.0.1/24", "an address that is none")
variable("board_package_host", "elsewhere", "packages from a host that is not there")
with_json("a template for a board's name", RENDERED, put(0, "name", LOOKUP))
with_json("a board called like a path", RENDERED, put(0, "name", "../evil"))
with_json("a board that is an option", RENDERED, put(0, "name", "-oProxyCommand=id"))
with_json("a group that is a template", RENDERED, put(0, "groups", ["duts", LOOKUP]))
with_json("a connection of a board's", RENDERED, put(0, "connection", "local"))
with_json(
    "a board without an address", RENDERED, lambda told: told[0]["variables"].pop("board_address") and None
)
with_json("two boards of one name", RENDERED, lambda told: told[1].update(name=told[0]["name"]))
with_json("no peer", RENDERED, lambda told: told[:1])
with_json("a dut that is a peer", RENDERED, put(0, "groups", ["duts", "peers"]))
with_json("a guest in another network", RENDERED, put(0, "guests", 0, "address", "198.51.100.9/24"))
with_json("a guest with a template", RENDERED, put(0, "guests", 0, "name", LOOKUP))
with_json("a guest with more keys", RENDERED, put(0, "guests", 0, "xml", "<domain/>"))
with_json(
    "a thousand boards", RENDERED, lambda told: [{**told[0], "name": f"b{number}"} for number in range(1000)]
)


# -- the inventory as it was written ----------------------------------------------------------------------

WRITTEN = "inventory/written/hosts.yml"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}, *{chr(97 + n)}, *{chr(97 + n)}, *{chr(97 + n)},"
    f" *{chr(97 + n)}, *{chr(97 + n)}, *{chr(97 + n)}, *{chr(97 + n)}]\n"
    for n in range(8)
)
for words, text in {
    "an object of Python's": f"duts: {{vars: {{board_nic: !!python/object/apply:os.system ['{CANARY}']}}}}\n",
    "a vault": "duts: {vars: {board_nic: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162}}\n",
    "an unsafe tag": "duts: {vars: {board_nic: !unsafe eth1}}\n",
    "a plugin's configuration": "plugin: ansible.builtin.generator\nhosts: {name: x}\n",
    "a constructed inventory": "plugin: {vars: {}, compose: {x: y}}\n",
    "a connection": f"duts: {{hosts: {{dut1: {{ansible_ssh_common_args: -o ProxyCommand='{CANARY}'}}}}}}\n",
    "an interpreter": f"duts: {{vars: {{ansible_python_interpreter: \"/bin/sh -c '{CANARY}'\"}}}}\n",
    "a template": f'duts: {{vars: {{board_nic: "{LOOKUP}"}}}}\n',
    "a template for a host": f'duts: {{hosts: {{"{LOOKUP}": {{}}}}}}\n',
    "a script": f"#!/bin/sh\n{CANARY}\n",
    "a list": "- duts\n",
    "a bomb of aliases": BOMB,
    "two documents": "duts: {}\n---\nduts: {}\n",
    "an alias of itself": "duts: &a {vars: *a}\n",
    "a key twice": "duts: {}\nduts: {}\n",
    "nested deep": "a: " + "[" * 500 + "]" * 500 + "\n",
    "a child with hosts": "duts: {children: {more: {hosts: {x: {}}}}}\n",
    "not YAML": "duts: [\n",
    "a control character": "duts: {}\n# \x1b[2J\n",
    "a variable of a user's": "all: {vars: {my_own: 1}}\n",
}.items():
    with_bytes(f"hosts.yml: {words}", WRITTEN, lambda _, text=text: text.encode())
with_bytes("hosts.yml: not UTF-8", WRITTEN, lambda _: b"duts: {}\n# \xff\n")
with_bytes("hosts.yml: a megabyte", WRITTEN, lambda _: zlib.compress(bytes(range(256)) * 4000, 0)[:900_000])
with_bytes("group_vars: a connection", "inventory/written/group_vars/all.yml",
           lambda _: b"ansible_connection: local\n")  # fmt: skip
with_bytes("host_vars: a lookup", "inventory/written/host_vars/dut1.yml",
           lambda _: f'guest_disk: "/{LOOKUP}"\n'.encode())  # fmt: skip

# -- the plan ---------------------------------------------------------------------------------------------

PLAN = "plan.json"
with_json(
    "a template in the plan's parameters",
    PLAN,
    put("plan", "instruments", 0, "parameters", {"duration_s": LOOKUP}),
)
with_json("a template in the plan's description", PLAN, put("plan", "description", LOOKUP))
with_json("a template in a trial's parameters", PLAN, put("order", 0, "parameters", {"x": LOOKUP}))
with_json("a topology that is a path", PLAN, put("plan", "topologies", ["host", "../../evil"]))
with_json("a key that plans have not", PLAN, put("plan", "pre_tasks", [CANARY]))
with_json("another seed", PLAN, put("seed", 99))
with_json("a million blocks", PLAN, put("plan", "blocks", 10**6))
with_json("no trials", PLAN, put("order", []))
with_json("trials out of order", PLAN, put("order", 0, "order", 2))
with_json("a trial of another topology", PLAN, put("order", 0, "topology", "ovs"))
with_json("a trial of another scenario", PLAN, put("order", 0, "scenario", "pressure"))
with_json("a trial that is told something else", PLAN, put("order", 0, "parameters", {"duration_s": 9}))
with_json("blocks that differ", PLAN, lambda told: told["order"].pop() and None)
with_json("a block that is none", PLAN, put("order", 0, "block", 7))

# -- the other members ------------------------------------------------------------------------------------

with_json("a role's hash that is none", "roles.json", put("collection", "sha256", "x"))
with_json("a role with a template", "roles.json", put("collection", "version", LOOKUP))
with_json("a role with tasks", "roles.json", put("tasks", [{"shell": CANARY}]))
with_json(
    "a role that is a path", "roles.json", put("topologies", "../evil", {"version": "1", "sha256": "0" * 64})
)
with_json(
    "a guest image for another board",
    "guest-image.json",
    lambda told: {"boards": {"other": {"hash": "0" * 32}}},
)
with_json("a guest image with a command", "guest-image.json",
          lambda told: next(iter(told["boards"].values())).update(packages={"x": f"1; {CANARY}"}))  # fmt: skip
with_json("a kernel command line with a template", "guest-image.json",
          lambda told: next(iter(told["boards"].values())).update(kernel_command_line=LOOKUP))  # fmt: skip
with_json("the environment of another board", "environment.json", put("environment", "before", {"other": {}}))
with_json("another environment", "environment.json", put("versions", {"python": "2.7"}))
with_json("redactions that tell", "redactions.json", lambda told: [{**told[0], "original": "alice"}])
with_bytes("a crate that is none", "ro-crate-metadata.json", lambda _: b"<html>")

# -- the run ----------------------------------------------------------------------------------------------

MANIFEST = "run/manifest.json"
with_json("a manifest of a newer schema", MANIFEST, put("schema_version", 99))
with_json("a manifest of another run", MANIFEST, put("run", "20200101-000000-other"))
with_json("a manifest with another seed", MANIFEST, put("seed", 4))
with_json("a manifest with another order", MANIFEST, lambda told: told["order"].reverse())
with_json("a manifest with another plan", MANIFEST, put("plan", "blocks", 3))
with_json("a manifest with a connection", MANIFEST,
          lambda told: next(iter(told["inventory"].values())).update(connection="local"))  # fmt: skip
with_json("a manifest without a plan", MANIFEST, put("plan", {}))
with_json("a manifest with other facts", MANIFEST, put("facts", {"before": {}, "after": None}))
with_line("a result of no trial", put("order", 99))
with_line("a result of another topology", put("topology", "ovs"))
with_line("a result of another block", put("block", 2))
with_line("a result of another board", put("board", "other"))
with_line("a result that is told something else", put("parameters", {"duration_s": 9}))
with_line("a result without a status", put("status", "great"))
with_line("a failure without a reason", put("status", "failed"))
with_line("a figure that is a text", put("metrics", "mean_us", "20"))
with_line("a figure that is a list", put("metrics", "mean_us", [1, 2]))
with_line("a time that is none", put("started", "yesterday"))
with_line("flags that are none", put("flags", ["evil"]))
with_line("output outside the run", put("raw", "../../../etc/passwd"))
with_line("output that is not there", put("raw", "raw/9999-none.txt.gz"))
with_line("output of another trial", put("raw", "raw/0002-tap-netperf.txt.gz"))
with_line("output that nobody names", put("raw", None))
with_line("samples that nobody names", put("samples", None))
with_line("samples outside the run", put("samples", "/proc/self/mem"))
with_line("samples that are a pattern", put("samples", "samples/*.parquet"))
with_line("an escape in a reason", put("reason", "\x1b[31mred"))
with_line("a result nested deep", put("metrics", {"a": json.loads("[" * 60 + "]" * 60)}))
with_bytes("a result that is cut off", "run/trials.jsonl", lambda content: content[:-40])
with_bytes("a result that is a list", "run/trials.jsonl", lambda content: b"[]\n" + content)
with_bytes("a result that is not JSON", "run/trials.jsonl", lambda content: content + b"nonsense\n")
with_bytes("a result of three megabytes", "run/trials.jsonl",
           lambda content: b'{"order": "' + bytes(range(97, 123)) * 120_000 + b'"}\n' + content)  # fmt: skip
with_bytes("output that is no gzip", GUEST_RAW, lambda _: b"plain text")
with_bytes("output that is cut off", GUEST_RAW, lambda content: content[:-6])
with_bytes("output with something behind it", GUEST_RAW, lambda content: content + CANARY.encode())
with_bytes("output in two parts", GUEST_RAW, lambda content: content + content)
with_bytes("output that is a bomb", GUEST_RAW, lambda _: gzip.compress(b"\0" * 200_000_000, 9, mtime=0))
with_bytes("output that is not UTF-8", GUEST_RAW, lambda _: gzip.compress(b"\xff\xfe\x00", mtime=0))


def samples_case(name: str, change: Callable[[bytes], bytes]) -> None:
    def make(members: Members) -> bytes:
        member = next(name for name in sorted(members) if name.endswith(".parquet"))
        return pack(entries(summed({**members, member: change(members[member])})))

    CORPUS[name] = make


def parquet(query: str) -> bytes:
    """What DuckDB writes for a query."""
    import tempfile
    from pathlib import Path

    import duckdb

    with (
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect(":memory:", config={"threads": 1}) as database,
    ):
        path = Path(folder) / "x.parquet"
        database.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
        return path.read_bytes()


_COLUMNS = "0::SMALLINT AS flow, {0} AS seq, {0} AS intended, {0} AS sent, {0} AS received, {0} AS ns"
samples_case("samples that are no Parquet", lambda _: b"evil" * 40)
samples_case("samples with a frame only", lambda _: b"PAR1" + b"\0" * 40 + b"\x10\0\0\0PAR1")
samples_case("samples that are cut off", lambda content: content[: len(content) // 2])
samples_case("samples with other columns", lambda _: parquet("SELECT 1 AS evil"))
samples_case(
    "samples with texts", lambda _: parquet(f"SELECT {_COLUMNS.format(chr(39) + 'alice' + chr(39))}")
)
samples_case(
    "samples without end", lambda _: parquet(f"SELECT {_COLUMNS.format('0::BIGINT')} FROM range(6000000)")
)


def _damaged(content: bytes) -> bytes:
    """Its footer is whole, its pages are not."""
    length = int.from_bytes(content[-8:-4], "little")
    body = len(content) - 8 - length
    return content[:4] + b"\xa5" * (body - 4) + content[body:]


samples_case("samples with damaged pages", _damaged)


def file_name(name: str) -> str:
    """A case's name as a file's."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") + ".zip"
