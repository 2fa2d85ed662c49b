"""Key-loading commands, plain and protected (ref 11 §3.4, §5.3)."""

from __future__ import annotations

from collections.abc import Callable

from sscard_ic.apdu.command import Command
from sscard_ic.base.secret import Secret
from sscard_ic.crypto import mac
from sscard_ic.keys.capabilities import Protection

HEADER_LENGTH = 8
VALUE_LENGTH = 16


def key_record(header: bytes, value: bytes) -> bytes:
    """24 bytes: the 8-byte header and the value, filled with FF to 16 bytes."""
    if len(header) != HEADER_LENGTH or not 1 <= len(value) <= VALUE_LENGTH:
        raise ValueError("a key record is a header of 8 and a value of 1 to 16 bytes")
    return header + value.ljust(VALUE_LENGTH, b"\xff")


def loading_command(
    head: bytes,
    record: bytes,
    protection: Protection,
    encipher: Callable[[bytes], bytes],
    authenticate: Callable[[bytes], bytes],
) -> Secret:
    """The finished command, secret even when enciphered.

    ``encipher`` is ECB with the protecting key, ``authenticate`` the 4-byte MAC over whatever it
    is given (header with the final Lc, then the data).
    """
    _, ins, p1, p2 = head
    data = record
    if protection.enciphered:
        data = encipher(mac.pad80_if_needed(bytes((len(record),)) + record))
    if protection.with_mac:
        final_lc = len(data) + mac.MAC_LENGTH
        data += authenticate(bytes((protection.class_byte, ins, p1, p2, final_lc)) + data)
    return Secret(bytes(Command(protection.class_byte, ins, p1, p2, data)))
