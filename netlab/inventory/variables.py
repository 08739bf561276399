# SPDX-License-Identifier: Apache-2.0
"""The public variables of an inventory: types, limits, meanings, defaults.

The published JSON Schema is made from them. What a value must look like in itself is said here; what must fit
together is in checks.py, and what a role alone reads is in the role's argument_specs (roles.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from ansible_collections.netlab.testbed.plugins.module_utils import guests

# Keys that begin so are ours: one that is not known is an error. All others are Ansible's or the user's own.
PREFIXES = ("board_", "guest_", "datapath_", "instrument_", "local_board_", "emulated_board_", "testbed_")

CABLES = ("local_board_cables", "emulated_board_cables")
HOST_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_INTERFACE = r"[A-Za-z0-9_][A-Za-z0-9._@+-]{0,14}"  # never an option of ip(8)


class Expected:
    """What should stand there, in words, for an error message."""

    def __init__(self, text: str) -> None:
        self.text = text


class NotThis(ValueError):
    """A value has the right type and cannot be."""


def _check(function: Callable[[Any], Any]) -> AfterValidator:
    """A validator from a function that raises GuestError or NotThis; the value stays as it was written."""

    def validate(value: Any) -> Any:
        try:
            function(value)
        except guests.GuestError as error:
            raise PydanticCustomError(
                "netlab", "{text}", {"text": error.message, "expected": error.expected}
            ) from None
        except NotThis as error:
            raise PydanticCustomError("netlab", "{text}", {"text": str(error), "expected": None}) from None
        return value

    return AfterValidator(validate)


def check_interface(name: str) -> None:
    """An interface's name as the kernel takes one, and as `ip` and sysctl can be given one."""
    if len(name.encode()) > 15:
        raise NotThis(f"{name!r} is longer than an interface's name can be: {len(name.encode())} bytes")
    if not re.fullmatch(_INTERFACE, name):
        raise NotThis(f"{name!r} is not an interface's name")
    if name == "lo":
        raise NotThis("lo is the loopback interface: nothing can be measured through it")


def _check_disk(path: str) -> None:
    if not path.startswith("/") or path.endswith("/") or "\0" in path:
        raise NotThis(f"{path!r} is not the full path of a file")


Interface = Annotated[
    str,
    _check(check_interface),
    WithJsonSchema({"type": "string", "pattern": f"^{_INTERFACE}$"}),
    Expected("an interface's name as `ip -br link` shows it, such as eth1 (at most 15 characters)"),
]
BoardAddress = Annotated[
    str,
    _check(guests.parse_board_address),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$"}),
    Expected("an IPv4 address with its prefix length, such as 192.0.2.1/24"),
]
GuestName = Annotated[
    str,
    _check(guests.check_name),
    WithJsonSchema({"type": "string", "pattern": f"^{guests.NAME_PATTERN}$"}),
    Expected(guests.NAME_RULE),
]
Mac = Annotated[
    str,
    _check(guests.check_mac),
    WithJsonSchema({"type": "string", "pattern": f"^{guests.MAC_PATTERN}$"}),
    Expected("a unicast MAC address in quotes, such as '02:00:00:00:00:01'"),
]
GuestAddress = Annotated[
    str,
    Field(min_length=1),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,3}(\.\d{1,3}){3}(/\d{1,2})?$"}),
    Expected("an IPv4 address of the measured network, such as 192.0.2.150"),
]
PciDevice = Annotated[
    str,
    _check(guests.check_pci_device),
    WithJsonSchema({"type": "string", "pattern": f"^{guests.PCI_PATTERN}$"}),
    Expected("a PCI address in quotes, as `lspci -D` shows it, such as '0000:01:10.0'"),
]
Vcpus = Annotated[int, Field(ge=1, le=512), Expected("a whole number from 1 to 512, without quotes")]
MemoryMib = Annotated[
    int,
    Field(ge=guests.MINIMUM_MEMORY_MIB, le=1024 * 1024),
    Expected(f"a whole number of MiB, {guests.MINIMUM_MEMORY_MIB} or more, without quotes or a unit"),
]
HostName = Annotated[
    str, Field(pattern=f"^{HOST_NAME}$"), Expected("a host's name in this inventory, or localhost")
]
Cable = Annotated[
    dict[str, Interface],
    Field(min_length=2, max_length=2),
    Expected("two ends, such as {board1: eth1, board2: eth1}"),
]


class _Strict(BaseModel):
    """No conversion: a number in quotes is a text, as it is for Ansible."""

    model_config = ConfigDict(strict=True, extra="forbid")


class GuestEntry(_Strict):
    """A guest of a dut. Each key may be left out, and is then made."""

    name: GuestName | None = Field(
        None, description="Its name; libvirt's domain is called so. Made: `guest1` ..."
    )
    mac: Mac | None = Field(
        None,
        description="Its MAC address on the measured network. Made: from the dut's and the guest's name.",
    )
    address: GuestAddress | None = Field(
        None, description="Its address on the measured network. Made: counted from guest_first_host."
    )
    vcpus: Vcpus | None = Field(None, description="Virtual processors. Made: guest_vcpus.")
    memory_mib: MemoryMib | None = Field(None, description="Memory in MiB. Made: guest_memory_mib.")
    pci_device: PciDevice | None = Field(
        None,
        description="With topology sriov, the device that it is given as it is. Made: a virtual function of board_nic.",
    )


class Variables(BaseModel):
    """The variables that the testbed reads; others may stand beside them."""

    model_config = ConfigDict(strict=True, extra="allow")

    board_nic: Interface | None = Field(
        None,
        description="The measured NIC: the interface on the measured network. Every dut and peer has one.",
    )
    board_address: BoardAddress | None = Field(
        None,
        description="Its address on the measured network, with the prefix length. Each dut and peer has one.",
    )
    board_connection_nic: Interface | None = Field(
        None, description="The interface that carries Ansible's connection, to be told apart from board_nic."
    )
    board_package_host: HostName | None = Field(
        None, description="Where packages are installed for this board, if not on the board itself."
    )
    guest_count: Annotated[
        int,
        Field(ge=1, le=guests.MAXIMUM_GUESTS),
        Expected(f"a whole number from 1 to {guests.MAXIMUM_GUESTS}, without quotes"),
    ] = Field(1, description="How many guests a dut hosts (more, if guest_list is longer).")
    guest_list: Annotated[
        list[GuestEntry],
        Field(max_length=guests.MAXIMUM_GUESTS),
        Expected("a list of guests, each with `- name: ...`"),
    ] = Field([], description="Guests described one by one; guest_count beyond them are made.")
    guest_arch: Annotated[Literal["x86_64", "aarch64"] | None, Expected("x86_64 or aarch64")] = Field(
        None, description="The guests' processor architecture. Default: the board's own."
    )
    guest_disk: (
        Annotated[
            str,
            _check(_check_disk),
            WithJsonSchema({"type": "string", "pattern": "^/"}),
            Expected("the full path, on the board, of a qcow2 file"),
        ]
        | None
    ) = Field(None, description="A qcow2 image of your own, on the board, with a guest agent in it.")
    guest_memory_mib: MemoryMib = Field(guests.MEMORY_MIB, description="Memory of each guest, in MiB.")
    guest_vcpus: Vcpus = Field(guests.VCPUS, description="Virtual processors of each guest.")
    guest_accelerator: Annotated[Literal["auto", "kvm", "tcg"], Expected("auto, kvm or tcg")] = Field(
        "auto", description="auto: KVM where a guest kernel has booted under it, else TCG."
    )
    board_confirm_within_s: Annotated[
        int, Field(ge=10, le=86400), Expected("a whole number of seconds, 10 or more, without quotes")
    ] = Field(
        300,
        description="Seconds after which a board that lost the controller in mid deploy rolls back by itself.",
    )
    guest_boot_limit_s: Annotated[
        int, Field(ge=1, le=3600), Expected("a whole number of seconds, without quotes")
    ] = Field(90, description="Seconds in which each guest must have booted and answered.")
    guest_first_host: Annotated[
        int, Field(ge=1), Expected("the host number of the first guest's address, a whole number, 1 or more")
    ] = Field(
        guests.FIRST_HOST, description="Host number of the first guest in the network of board_address."
    )
    local_board_cables: Annotated[
        list[Cable], Expected("a list of cables, each with two ends: `- {board1: eth1, board2: eth1}`")
    ] = Field([], description="veth pairs between local boards: which interface of which board at each end.")
    local_board_name: (
        Annotated[str, Field(pattern=f"^{HOST_NAME}$"), Expected("a local board's name")] | None
    ) = Field(None, description="The local board to enter, if not the one called like the host.")
    emulated_board_cables: Annotated[
        list[Cable], Expected("a list of cables, each with two ends: `- {arm1: enp0s5, peer1: eth1}`")
    ] = Field(
        [], description="Cables of emulated boards, each to a local board, with the interface at each end."
    )
    emulated_board_memory_mib: MemoryMib = Field(2048, description="Memory of the emulated board, in MiB.")
    emulated_board_vcpus: Annotated[
        int, Field(ge=1, le=8), Expected("a whole number from 1 to 8, without quotes")
    ] = Field(2, description="Processors of the emulated board.")
    emulated_board_snapshots: Annotated[
        bool, Field(strict=True), Expected("true or false, without quotes")
    ] = Field(True, description="Whether an emulated board may start from a snapshot, and leave one.")


def expected_text(name: str, path: tuple[Any, ...] = ()) -> str:
    """What should stand at ``path`` inside the variable ``name``, in words."""
    if name == "guest_list" and len(path) == 1:
        return f"a guest with some of the keys {', '.join(guests.GUEST_KEYS)}"
    if name == "guest_list" and len(path) > 1:
        field = GuestEntry.model_fields.get(str(path[1]))
        if field is None:
            return f"one of the keys {', '.join(guests.GUEST_KEYS)}"
        return _find_expected(field.annotation, field.metadata)
    if name in CABLES and len(path) == 1:
        return _find_expected(Cable)
    if name in CABLES and len(path) > 1:
        return _find_expected(Interface)
    field = Variables.model_fields[name]
    return _find_expected(field.annotation, field.metadata)


def _find_expected(annotation: Any, metadata: Any = ()) -> str:
    """The Expected among a type's annotations; in ``X | None``, X's."""
    for item in (*metadata, *getattr(annotation, "__metadata__", ())):
        if isinstance(item, Expected):
            return item.text
    for part in getattr(annotation, "__args__", ()):
        if found := _find_expected(part):
            return found
    return ""
