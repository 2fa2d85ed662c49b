"""Key-loading commands, plain and protected (ref 11 §3.4, §5.3)."""

from __future__ import annotations

from collections.abc import Callable

from sscard_ic.apdu.command import Command
from sscard_ic.base.secret import Secret
from sscard_ic.crypto import mac
from sscard_ic.crypto.suites import SUITES
from sscard_ic.keys.capabilities import Protection

VALUE_LENGTH = 16


def key_record(header: bytes, value: bytes, filled: int = VALUE_LENGTH) -> bytes:
    """The header and the value (1 to 16 bytes), filled with FF to ``filled`` bytes."""
    if not 1 <= len(value) <= VALUE_LENGTH:
        raise ValueError("the value of a key record has 1 to 16 bytes")
    return header + value.ljust(filled, b"\xff")


def loading_command(
    head: bytes,
    record: bytes,
    protection: Protection,
    encipher: Callable[[bytes], bytes],
    authenticate: Callable[[bytes], bytes],
) -> Secret:
    """The finished command, secret even when enciphered.

    An enciphered record is its length, itself and 80 00… up to whole blocks of the protecting
    key's algorithm: 8 bytes (3DES) or 16 (SM4). ``encipher`` is ECB with the protecting key,
    ``authenticate`` the 4-byte MAC over whatever it is given (header with the final Lc, then the
    data).
    """
    _, ins, p1, p2 = head
    data = record
    if protection.enciphered and protection.under is not None:
        block = SUITES[protection.under.algorithm].block
        data = encipher(mac.pad80_if_needed(bytes((len(record),)) + record, block))
    if protection.with_mac:
        final_lc = len(data) + mac.MAC_LENGTH
        data += authenticate(bytes((protection.class_byte, ins, p1, p2, final_lc)) + data)
    return Secret(bytes(Command(protection.class_byte, ins, p1, p2, data)))
