"""Interindustry commands as the card uses them (ref 01 §11, 02 §1.2-1.3)."""

from __future__ import annotations

from sscard_ic.apdu.command import ApduError, Command

READ_ALL = 256
"""Le that asks for everything there is."""

MAX_WRITE = 255
"""Data bytes of the longest short write."""


_LAST_OFFSET = 0x7FFF
"""Above it P1 would name a short file identifier."""


def select_name(name: bytes, le: int | None = None) -> Command:
    """SELECT a directory by its name of 1 to 16 bytes."""
    return Command(0x00, 0xA4, 0x04, 0x00, name, le)


def select_fid(fid: int, p1: int = 0x00) -> Command:
    """SELECT by file identifier: ``p1`` 00 any file, 02 EF under the current directory."""
    return Command(0x00, 0xA4, p1, 0x00, fid.to_bytes(2, "big"))


def read_record(number: int, le: int = READ_ALL, sfi: int = 0) -> Command:
    """READ RECORD by number; ``sfi`` 0 reads the current file."""
    return Command(0x00, 0xB2, number, sfi << 3 | 0x04, b"", le)


def read_record_by_tag(tag: int, le: int = READ_ALL, sfi: int = 0) -> Command:
    """READ RECORD of the first record with ``tag``."""
    return Command(0x00, 0xB2, tag, sfi << 3, b"", le)


def read_all_records(first: int, le: int = READ_ALL, sfi: int = 0) -> Command:
    """READ RECORD of every record from number ``first`` to the last, joined."""
    return Command(0x00, 0xB2, first, sfi << 3 | 0x05, b"", le)


def update_record(number: int, record: bytes, sfi: int = 0) -> Command:
    """UPDATE RECORD by number with the whole record (tag and length included)."""
    return Command(0x00, 0xDC, number, sfi << 3 | 0x04, record)


def update_record_by_tag(tag: int, record: bytes, sfi: int = 0) -> Command:
    """UPDATE RECORD of the first record with ``tag`` (ref 01 §11.2)."""
    return Command(0x00, 0xDC, tag, sfi << 3, record)


def add_record(record: bytes, sfi: int = 0) -> Command:
    """UPDATE RECORD with P2 low bits 011: the newest record of a cyclic file (ref 11 §5.1)."""
    return Command(0x00, 0xDC, 0x00, sfi << 3 | 0x03, record)


def append_record(record: bytes, sfi: int) -> Command:
    """APPEND RECORD to the file with ``sfi``."""
    return Command(0x00, 0xE2, 0x00, sfi << 3, record)


def read_binary(offset: int, le: int = READ_ALL, sfi: int | None = None) -> Command:
    """READ BINARY of the current file, or from offset 0-255 of the file with ``sfi``."""
    return Command(0x00, 0xB0, *_binary_address(offset, sfi), b"", le)


def update_binary(offset: int, data: bytes, sfi: int | None = None) -> Command:
    """UPDATE BINARY of the current file, or at offset 0-255 of the file with ``sfi``."""
    return Command(0x00, 0xD6, *_binary_address(offset, sfi), data)


def _binary_address(offset: int, sfi: int | None) -> tuple[int, int]:
    if sfi is None:
        if offset > _LAST_OFFSET:
            raise ApduError(f"offset {offset} is out of reach")
        return offset >> 8, offset & 0xFF
    return 0x80 | sfi, offset


def get_challenge(length: int = 8) -> Command:
    """GET CHALLENGE of ``length`` bytes."""
    return Command(0x00, 0x84, 0x00, 0x00, b"", length)


def get_response(length: int) -> Command:
    """GET RESPONSE of ``length`` waiting bytes (T=0)."""
    return Command(0x00, 0xC0, 0x00, 0x00, b"", length)
