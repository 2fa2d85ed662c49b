"""Commands of the issuer, which carry a MAC: PIN service and locks (ref 02 §1.3, §4, §5.4).

The builders give commands without their MAC; any ISO command takes one, too (:func:`protected`).
"""

from __future__ import annotations

from dataclasses import replace

from sscard_ic.apdu.command import ApduError, Command

MAC_LENGTH = 4
_WITH_MAC = 0x04
"""Bit of CLA that announces secure messaging."""
_MAX_DATA = 255
_UNBLOCK_ONLY = 0x00


def unblock_pin() -> Command:
    """PIN CHANGE/UNBLOCK: all tries of the PIN are there again; data: MAC 4."""
    return Command(0x84, 0x24, 0x00, _UNBLOCK_ONLY)


def reset_pin(p2: int) -> Command:
    """PIN CHANGE/UNBLOCK with a new PIN; data: enciphered PIN block 8 (SM4: 16) ‖ MAC 4.

    ``p2`` tells it from unblocking: 01 or 02 (setting ``pin_reset_p2``).
    """
    return Command(0x84, 0x24, 0x00, p2)


def block_application(*, permanently: bool) -> Command:
    """APPLICATION BLOCK of the current directory; data: MAC 4."""
    return Command(0x84, 0x1E, 0x00, int(permanently))


def unblock_application() -> Command:
    """APPLICATION UNBLOCK of the current directory; data: MAC 4."""
    return Command(0x84, 0x18, 0x00, 0x00)


def block_card() -> Command:
    """CARD BLOCK; data: MAC 4. Nothing undoes it."""
    return Command(0x84, 0x16, 0x00, 0x00)


def protected(command: Command) -> Command:
    """``command`` in the class that announces a MAC: 00 becomes 04, 80 becomes 84."""
    return replace(command, cla=command.cla | _WITH_MAC)


def require_room(command: Command) -> None:
    """Raise :class:`ApduError` when the data of ``command`` leave no room for a MAC."""
    if len(command.data) + MAC_LENGTH > _MAX_DATA:
        raise ApduError(f"{len(command.data)} data bytes leave no room for a MAC")
