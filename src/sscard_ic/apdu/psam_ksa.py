"""Personalization commands of the PSAM dialect KS-A: every byte of their layouts (ref 02 §7.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from construct import Byte, Bytes, Construct, ConstructError, Int16ub, Struct

from sscard_ic.apdu.command import Command

_DIRECTORY = Struct(
    "fid" / Int16ub,
    "kind" / Byte,
    "middle" / Bytes(12),
    "name_length" / Byte,
    "name" / Bytes(16),
    "tail" / Bytes(10),
).compile()

_FILE = Struct(
    "fid" / Int16ub,
    "kind" / Byte,
    "form" / Byte,
    "size" / Int16ub,
    "read" / Byte,
    "update" / Byte,
).compile()

DIRECTORY_LENGTH = 0x2A
FILE_LENGTH = 0x08
LOAD_KEY = b"\x84\xd4\x00"
"""CLA INS P1; P2 is the low byte of the key file's identifier."""

END, RECYCLE = b"\x84\x1c\x00\x00", b"\x84\x8a\x01\x00"
"""Headers of the commands that carry nothing but a MAC."""


@dataclass(frozen=True, slots=True)
class DirectoryHeader:
    """What creates MF or ADF, 42 bytes.

    ``kind`` is 10 for the MF and 20 for others. The meaning of ``middle`` (12 bytes after the
    kind) and ``tail`` (10 bytes after the name) is unknown; they come from the profile.
    """

    fid: int
    kind: int
    middle: bytes
    name: bytes
    tail: bytes

    def __bytes__(self) -> bytes:
        return _build(
            _DIRECTORY,
            fid=self.fid,
            kind=self.kind,
            middle=self.middle,
            name_length=len(self.name),
            name=self.name.ljust(16, b"\xff"),
            tail=self.tail,
        )

    @classmethod
    def parse(cls, raw: bytes) -> DirectoryHeader:
        """The header in 42 bytes; raises ``ValueError`` for anything else."""
        fields = _parse(_DIRECTORY, raw, DIRECTORY_LENGTH)
        if not 5 <= fields.name_length <= 16:
            raise ValueError("a directory name has 5 to 16 bytes")
        name = fields.name[: fields.name_length]
        return cls(fields.fid, fields.kind, fields.middle, name, fields.tail)


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What creates an elementary file, 8 bytes; ``form`` is 30 for key files, else 00."""

    fid: int
    kind: int
    form: int
    size: int
    read: int
    update: int

    def __bytes__(self) -> bytes:
        return _build(
            _FILE,
            fid=self.fid,
            kind=self.kind,
            form=self.form,
            size=self.size,
            read=self.read,
            update=self.update,
        )

    @classmethod
    def parse(cls, raw: bytes) -> FileHeader:
        """The header in 8 bytes; raises ``ValueError`` for another length."""
        fields = _parse(_FILE, raw, FILE_LENGTH)
        return cls(*(fields[name] for name in ("fid", "kind", "form", "size", "read", "update")))


def create_mf(header: DirectoryHeader) -> Command:
    """Create the MF."""
    return Command(0x80, 0x8A, 0x00, 0x00, bytes(header))


def create(header: DirectoryHeader | FileHeader) -> Command:
    """Create an ADF or an elementary file in the current directory."""
    return Command(0x80, 0x80, 0x00, 0x00, bytes(header))


def load_key_head(key_file: int) -> bytes:
    """CLA INS P1 P2 of the command that adds a record to a key file."""
    return LOAD_KEY + bytes((key_file & 0xFF,))


def _build(layout: Construct, **fields: object) -> bytes:
    return cast(bytes, layout.build(fields))


def _parse(layout: Construct, raw: bytes, length: int) -> Construct:
    if len(raw) != length:
        raise ValueError(f"{length} bytes are needed, not {len(raw)}")
    try:
        return layout.parse(raw)
    except ConstructError as error:
        raise ValueError(str(error)) from error
