"""CREATE FILE and key records of HDOS, byte by byte (ref 11 §4)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sscard_ic.crypto.suites import Algorithm
from sscard_ic.profile.cos.hdos import HdosDialect
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.cos.hdos_security import rule
from sscard_ic.simulator.files import MF_FID, Directory, DirectorySpec, FileSpec, Role, Structure
from sscard_ic.simulator.keys import KeyRecord
from sscard_ic.simulator.rules import Rule

KEY_RECORD = 24
_HEADER = 8
_CHANGE_AT = 6
_PROTECTION, _KIND = 0xC0, 0x1F
_ENCIPHERED_MAC = 0xC0
_NAME_LENGTHS = range(5, 17)
_3DES, _DES = 0x00, 0x01
_PIN_LENGTHS = range(2, 9)


@dataclass(frozen=True, slots=True)
class HdosDirectorySpec(DirectorySpec):
    """A directory with the short identifier of its DIR file (0 in an application)."""

    dir_sfi: int = 0


@dataclass(frozen=True, slots=True)
class HdosFileSpec(FileSpec):
    """A file with the protection that its type byte asks for."""

    protected: bool = False


def parse_create(
    data: bytes, dialect: HdosDialect, parent: Directory | None
) -> HdosDirectorySpec | HdosFileSpec:
    """What CREATE FILE asks for; ``data`` is P1 P2 and the data field. Refuses 6700 and 6A80."""
    fid, body = int.from_bytes(data[:2], "big"), data[2:]
    if len(body) < 5:
        raise Refusal(0x6700)
    types, kind = dialect.file_types, body[0] & _KIND
    if fid == 0xFFFF or (fid == 0x0000 and kind != types.keys):
        raise Refusal(0x6A80)
    if kind == types.directory:
        return _directory(fid, body)
    structures: dict[int, Structure] = {
        types.transparent: "transparent",
        types.variable: "variable",
        types.fixed: "fixed",
        types.cyclic: "cyclic",
        types.keys: "internal",
    }
    structure = structures.get(kind)
    if structure is None or fid == MF_FID:
        raise Refusal(0x6A80)
    if len(body) != 5:
        raise Refusal(0x6700)
    size, record_length = _size(structure, body)
    if size == 0:
        raise Refusal(0x6A80)
    return HdosFileSpec(
        fid=fid,
        sfi=fid & 0x1F,
        structure=structure,
        size=size,
        record_length=record_length,
        read=rule(body[3]),
        write=rule(body[4]),
        role=_role(fid, structure, dialect, parent),
        tagged=structure != "fixed",
        protected=body[0] & _PROTECTION == _ENCIPHERED_MAC,
    )


def _size(structure: Structure, body: bytes) -> tuple[int, int]:
    """Bytes for contents, and the length of a record."""
    if structure in ("fixed", "cyclic"):
        return body[1] * body[2], body[2]
    if structure == "internal":
        return body[1] * KEY_RECORD, KEY_RECORD
    return int.from_bytes(body[1:3], "big"), 0


def _directory(fid: int, body: bytes) -> HdosDirectorySpec:
    name = body[5:]
    if len(name) not in _NAME_LENGTHS:
        raise Refusal(0x6700)
    if body[2] > 1 or body[3]:
        raise Refusal(0x6A80)
    right = rule(body[4])
    return HdosDirectorySpec(
        fid=fid,
        kind="MF" if fid == MF_FID else ("DDF" if body[1] else "ADF"),
        name=name,
        create=right,
        delete=right,
        dir_sfi=body[1],
    )


def _role(fid: int, structure: Structure, dialect: HdosDialect, parent: Directory | None) -> Role:
    if structure == "internal":
        return "keys"
    if parent is not None and parent.spec.kind == "MF":
        if fid == dialect.internal_files.atr:
            return "atr"
        if fid == dialect.internal_files.directory:
            return "directory"
    return "data"


def parse_record(data: bytes, dialect: HdosDialect) -> KeyRecord:
    """A key record: header of 8 bytes, value of 2 to 16; refuses 6700 and 6A80."""
    if not _HEADER + 2 <= len(data) <= KEY_RECORD:
        raise Refusal(0x6700)
    id_, kind, algorithm, version, follow_up, use, _, counter = data[:_HEADER]
    types, value = dialect.key_types, data[_HEADER:]
    keys = (types.external, types.mac, types.internal, types.purchase, types.load, types.tac)
    maximum, tries = counter >> 4, counter & 0x0F
    if tries > maximum:
        raise Refusal(0x6A80)
    if kind == types.pin:
        value = value.rstrip(b"\xff")
        if len(value) not in _PIN_LENGTHS or not _is_pin(value):
            raise Refusal(0x6A80)
    elif kind not in keys or _lengths(dialect).get(algorithm) != len(value):
        raise Refusal(0x6A80)
    family: Algorithm = "3des"
    if kind != types.pin and algorithm == dialect.settings.key_record_sm4:
        family = "sm4"
    return KeyRecord(
        kind, id_, version, tries, maximum, follow_up, value, data, family, usable=rule(use)
    )


def change_right(record: KeyRecord) -> Rule:
    """What must hold before the key is changed."""
    return rule(record.raw[_CHANGE_AT])


def with_value(record: KeyRecord, value: bytes) -> KeyRecord:
    """The record with another value; a PIN is filled to the length it had."""
    filled = value.ljust(len(record.raw) - _HEADER, b"\xff")
    return replace(record, value=value, raw=record.raw[:_HEADER] + filled)


def _lengths(dialect: HdosDialect) -> dict[int, int]:
    """Algorithm byte → length of the value."""
    return {_3DES: 16, _DES: 8, dialect.settings.key_record_sm4: 16}


def _is_pin(value: bytes) -> bool:
    """Decimal digits; the last nibble may be F."""
    digits = value.hex()
    return (digits[:-1] + digits[-1].replace("f", "0")).isdecimal()
