"""Personalization commands of HDOS V2.0.01: every byte of their layouts (ref 11 §4)."""

from __future__ import annotations

from sscard_ic.apdu.command import Command
from sscard_ic.base.secret import Secret

_MF = bytes.fromhex("3F00")


def present_transport_code(code: Secret) -> Secret:
    """Verify the transport code of 8 bytes; the finished command is secret."""
    return Secret(bytes(Command(0x80, 0x00, 0x00, 0x00, code.reveal())))


def create_directory(fid: int, kind: int, name: bytes, *, dir_sfi: int, right: int) -> Command:
    """CREATE FILE of MF, DDF or ADF: type, SFI of DIR, flag 00, RFU, create and erase right."""
    return _create(fid, bytes((kind, dir_sfi, 0x00, 0x00, right)) + name)


def create_file(fid: int, kind: int, size: int, *, read: int, update: int) -> Command:
    """CREATE FILE of a transparent file or one of variable records; ``size`` is their bytes."""
    return _create(fid, bytes((kind,)) + size.to_bytes(2, "big") + bytes((read, update)))


def create_record_file(
    fid: int, kind: int, count: int, length: int, *, read: int, update: int
) -> Command:
    """CREATE FILE of a cyclic file or one of fixed records."""
    return _create(fid, bytes((kind, count, length, read, update)))


def create_key_file(fid: int, kind: int, count: int, *, read: int, add: int) -> Command:
    """CREATE FILE of the key file for ``count`` keys."""
    return _create(fid, bytes((kind, count, 0x00, read, add)))


def _create(fid: int, data: bytes) -> Command:
    return Command(0x80, 0xE0, fid >> 8, fid & 0xFF, data)


def key_header(
    key_id: int,
    kind: int,
    version: int,
    *,
    algorithm: int,
    follow_up: int,
    use: int,
    change: int,
    counter: int,
) -> bytes:
    """The 8 bytes before the value in a key record."""
    return bytes((key_id, kind, algorithm, version, follow_up, use, change, counter))


WRITE_KEY = bytes.fromhex("80D40000")
"""CLA INS P1 P2 of WRITE KEY that adds a key, in plain form."""


def end_creation() -> Command:
    """CREATE FILE END of the whole card."""
    return Command(0x80, 0x0E, 0x00, 0x01, _MF)
