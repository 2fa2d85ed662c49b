"""Commands of the bank's debit application (ref 14 §4, 04 §4.2).

Script commands come without their MAC; :func:`with_mac` ends them. ``data`` of GPO, GENERATE AC
and INTERNAL AUTHENTICATE are the values of PDOL, CDOL and DDOL.
"""

from __future__ import annotations

from sscard_ic.apdu.command import Command
from sscard_ic.apdu.iso import READ_ALL
from sscard_ic.base.secret import Secret
from sscard_ic.codec.pboc.bits import Kind
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto.pboc.symmetric import SCRIPT_MAC_LENGTH, pin_block

PIN_PLAIN = 0x80
"""P2 of VERIFY: the PIN in plain."""
UNBLOCK, CHANGE_WITH_CURRENT, CHANGE = 0x00, 0x01, 0x02
"""P2 of PIN CHANGE/UNBLOCK: reset of the tries; new PIN, the current one in its data or not."""
_COMMAND_TEMPLATE = 0x83
_COMBINED = 0x10
"""P1 of GENERATE AC: combined dynamic signature asked."""


def select(name: bytes, *, next_match: bool = False) -> Command:
    """SELECT an application or directory by 5 to 16 bytes; P2 = 02 the next that fits."""
    return Command(0x00, 0xA4, 0x04, 0x02 if next_match else 0x00, name, READ_ALL)


def read_record(sfi: int, number: int) -> Command:
    """READ RECORD of a file."""
    return Command(0x00, 0xB2, number, sfi << 3 | 4, b"", READ_ALL)


def get_processing_options(data: bytes = b"") -> Command:
    """GPO (取处理选项): ``83 L`` and the values of the PDOL."""
    return Command(0x80, 0xA8, 0x00, 0x00, encode_ber(_COMMAND_TEMPLATE, data), READ_ALL)


def get_data(tag: int) -> Command:
    """GET DATA of a primitive object; the answer is TLV."""
    return Command(0x80, 0xCA, tag >> 8, tag & 0xFF, b"", READ_ALL)


def verify(pin: Secret) -> Secret:
    """VERIFY of the offline PIN in plain: 4 to 12 ASCII digits."""
    block = pin_block(pin.reveal().decode("ascii"))
    return Secret(bytes(Command(0x00, 0x20, 0x00, PIN_PLAIN, block)))


def internal_authenticate(data: bytes) -> Command:
    """INTERNAL AUTHENTICATE: the answer is the signed dynamic application data."""
    return Command(0x00, 0x88, 0x00, 0x00, data, READ_ALL)


def external_authenticate(data: bytes) -> Command:
    """EXTERNAL AUTHENTICATE with tag 91: ARPC 8 ‖ ARC 2."""
    return Command(0x00, 0x82, 0x00, 0x00, data)


def generate_ac(kind: Kind, data: bytes, *, combined: bool = False) -> Command:
    """GENERATE AC (生成应用密文) of a kind, with a combined signature (CDA) where asked."""
    return Command(0x80, 0xAE, kind << 6 | _COMBINED * combined, 0x00, data, READ_ALL)


def application_block() -> Command:
    """APPLICATION BLOCK."""
    return Command(0x84, 0x1E, 0x00, 0x00)


def application_unblock() -> Command:
    """APPLICATION UNBLOCK."""
    return Command(0x84, 0x18, 0x00, 0x00)


def card_block() -> Command:
    """CARD BLOCK: for good."""
    return Command(0x84, 0x16, 0x00, 0x00)


def change_pin(p2: int = CHANGE, data: bytes = b"") -> Command:
    """PIN CHANGE/UNBLOCK: enciphered block of 16 bytes, none for :data:`UNBLOCK`."""
    return Command(0x84, 0x24, 0x00, p2, data)


def put_data(tag: int, value: bytes) -> Command:
    """PUT DATA of a tag of two bytes."""
    return Command(0x04, 0xDA, tag >> 8, tag & 0xFF, value)


def update_record(sfi: int, number: int, record: bytes) -> Command:
    """UPDATE RECORD with the whole record."""
    return Command(0x04, 0xDC, number, sfi << 3 | 4, record)


def with_mac(command: Command, mac: bytes) -> Command:
    """A script command with its MAC, 4 bytes, behind its data."""
    if len(mac) != SCRIPT_MAC_LENGTH:
        raise ValueError(f"a script MAC has {SCRIPT_MAC_LENGTH} bytes, not {len(mac)}")
    return Command(command.cla, command.ins, command.p1, command.p2, command.data + mac)
