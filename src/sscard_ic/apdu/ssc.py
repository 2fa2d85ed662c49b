"""Authentication and PIN commands of the social security application (ref 02 §1.3, §3, §5)."""

from __future__ import annotations

from sscard_ic.apdu.command import Command
from sscard_ic.base.secret import Secret

PIN_REFERENCE = 0x00
"""P2 of VERIFY and CHANGE PIN: the PIN of the SSSE."""

ALGORITHM_MARK = bytes.fromhex("9F0C86")
"""Comes before the algorithm flag in the FCI of the SSSE (ref 02 §1.2)."""


def external_authenticate(
    key_id: int, cryptogram: bytes, text: bytes, version: int | None = None
) -> Command:
    """EXTERNAL AUTHENTICATE: cryptogram 8 ‖ text 8 [‖ key version 1] (ref 02 §3.3)."""
    tail = b"" if version is None else bytes((version,))
    return Command(0x00, 0x82, 0x00, key_id, cryptogram + text + tail)


def internal_authenticate(
    key_id: int, challenge: bytes, text: bytes, version: int | None = None
) -> Command:
    """INTERNAL AUTHENTICATE: challenge 8 ‖ text 8 [‖ key version 1], answer 8 (ref 02 §3.5)."""
    tail = b"" if version is None else bytes((version,))
    return Command(0x00, 0x88, 0x00, key_id, challenge + text + tail, 8)


def pin_block(pin: str) -> bytes:
    """BCD of a PIN of 4 to 12 digits; an odd number of digits is filled with F (ref 02 §5.1).

    Raises ``ValueError`` (which never shows the PIN) for anything else.
    """
    if not (4 <= len(pin) <= 12 and pin.isascii() and pin.isdigit()):
        raise ValueError("a PIN has 4 to 12 digits")
    return bytes.fromhex(pin + "F" * (len(pin) % 2))


def verify(pin: Secret) -> Secret:
    """VERIFY with the BCD block in ``pin``; the finished command is secret."""
    return Secret(bytes(Command(0x00, 0x20, 0x00, PIN_REFERENCE, pin.reveal())))


def change_pin(old: Secret, new: Secret) -> Secret:
    """CHANGE PIN: old ‖ FF ‖ new; the finished command is secret (ref 02 §5.1)."""
    data = old.reveal() + b"\xff" + new.reveal()
    return Secret(bytes(Command(0x80, 0x5E, 0x01, PIN_REFERENCE, data)))
