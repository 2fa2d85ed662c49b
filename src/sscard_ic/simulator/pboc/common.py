"""What every application of the bank does alike: unknown commands, READ RECORD (ref 14 §4)."""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.codec.pboc.groups import LAST_RECORD_FILE
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc.stored import StoredApplication

_CLASSES = frozenset({0x00, 0x04, 0x80, 0x84})
_BY_NUMBER = 0x04


def unknown(command: Command) -> Refusal:
    """6D00 for an unknown instruction, 6E00 for a class that no application of the bank knows."""
    return Refusal(0x6D00 if command.cla in _CLASSES else 0x6E00)


def wanted_record(command: Command) -> tuple[int, int]:
    """SFI and number of READ RECORD; refuses 6A86 (P1 P2) and 6700 (data)."""
    sfi = command.p2 >> 3
    if command.p2 & 7 != _BY_NUMBER or not command.p1 or not 1 <= sfi <= LAST_RECORD_FILE:
        raise Refusal(0x6A86)
    if command.data:
        raise Refusal(0x6700)
    return sfi, command.p1


def no_record(store: StoredApplication, sfi: int) -> Refusal:
    """6A83 beyond the records of a file, 6A82 where there is no such file."""
    return Refusal(0x6A83 if store.has_file(sfi) else 0x6A82)
