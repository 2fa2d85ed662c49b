"""The transport code of a blank: 8 bytes of each chip, shown at each power-up (ref 11 §4, §5.1)."""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.crypto import des
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState

TRIES = "chip/transport/tries"
CODE = "transport_code"
"""Name of the code in the header of an image."""

_LENGTH = 8


def header(serial: bytes, key: bytes) -> dict[str, str]:
    """The code of the chip with the 6-byte factory ``serial``: 3DES(Ktran, 0000 ‖ serial)."""
    return {CODE: des.encrypt(key, b"\x00\x00" + serial).hex().upper()}


def present(card: CardState, command: Command, counter: int) -> None:
    """Check the code and open the card; refuses 6700, 6983 and 63Cx.

    ``counter``: high nibble tries after a success, low nibble tries of a new chip.
    """
    if len(command.data) != _LENGTH:
        raise Refusal(0x6700)
    tries = int(card.memory.states.get(TRIES, counter & 0x0F))
    if tries == 0:
        raise Refusal(0x6983)
    if command.data.hex().upper() != card.memory.header[CODE]:
        card.memory.put(TRIES, tries - 1)
        raise Refusal(0x63C0 | (tries - 1))
    if tries != counter >> 4:
        card.memory.put(TRIES, counter >> 4)
    card.opened = True
