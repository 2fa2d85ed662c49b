"""Personalization commands of FMCOS 2.0 and TimeCOS/PBOC 2.8, byte by byte (ref 02 §9.1, 11 §7)."""

from __future__ import annotations

from sscard_ic.apdu.command import Command

_NONE = 0xFF
_EMPTY = 256
"""Written as a fifth byte 00."""


def create_directory(fid: int, kind: int, name: bytes, *, create: int, erase: int) -> Command:
    """CREATE FILE of a directory; its size FFFF means nothing, three bytes are reserved."""
    head = bytes((kind, 0xFF, 0xFF, create, erase, _NONE, _NONE, _NONE))
    return _create(fid, head + name)


def create_file(fid: int, kind: int, size: int, *, read: int, update: int) -> Command:
    """CREATE FILE of a transparent file or one of variable records, without line protection."""
    rights = bytes((read, update, _NONE, _NONE))
    return _create(fid, bytes((kind,)) + size.to_bytes(2, "big") + rights)


def create_record_file(
    fid: int, kind: int, count: int, length: int, *, read: int, update: int
) -> Command:
    """CREATE FILE of a cyclic file or one of fixed records."""
    return _create(fid, bytes((kind, count, length, read, update, _NONE, _NONE)))


def create_key_file(fid: int, kind: int, size: int, *, announced: int, add: int) -> Command:
    """CREATE FILE of the KEY file; ``announced`` says what the FCI tells (FF: the name alone)."""
    rest = bytes((announced, add, _NONE, _NONE))
    return _create(fid, bytes((kind,)) + size.to_bytes(2, "big") + rest)


def _create(fid: int, data: bytes) -> Command:
    return Command(0x80, 0xE0, fid >> 8, fid & 0xFF, data)


def erase() -> Command:
    """ERASE DF: everything in the current directory goes, the directory stays."""
    return Command(0x80, 0x0E, 0x00, 0x00, le=_EMPTY)


def write_key_head(key_id: int) -> bytes:
    """CLA INS P1 P2 of WRITE KEY that adds a key, in plain form."""
    return bytes((0x80, 0xD4, 0x01, key_id))


def key_header(kind: int, *, use: int, change: int, fourth: int, fifth: int) -> bytes:
    """The 5 bytes before the value in a key record.

    ``fourth`` and ``fifth``: follow-up state and error counter, or version and algorithm.
    """
    return bytes((kind, use, change, fourth, fifth))
