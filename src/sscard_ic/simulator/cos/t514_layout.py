"""The data field of T514 CREATE FILE, byte by byte (ref 11 §5.2)."""

from __future__ import annotations

from sscard_ic.profile.dialect import Dialect
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.files import MF_FID, DirectorySpec, FileSpec, Structure
from sscard_ic.simulator.rules import Kind, Rule

MASTER_LEVEL = 1 << 15
"""The level of master keys: rights and follow-up states write it FF."""

_HEADER = 16
_NAME_LENGTHS = range(5, 17)
_MF_OR_DDF, _ADF = 0x01, 0x02
_LOGIC: dict[int, Kind] = {0: "or", 4: "and"}
_DES = 0x01


def levels(byte: int) -> int:
    """The set Y to X of a range byte XY; empty when X < Y (``EF``: never)."""
    upper, lower = byte >> 4, byte & 0x0F
    return sum(1 << level for level in range(max(lower, 1), upper + 1))


_LEVELS = tuple(levels(byte) for byte in range(256))


def rule(parent: int, current: int, logic: int) -> Rule:
    """The rule of two range bytes and a logic nibble; refuses 6A80 for another nibble.

    In OR mode a 00 byte next to another does not open the file (ref 11 §5.2).
    """
    kind = _LOGIC.get(logic)
    if kind is None:
        raise Refusal(0x6A80)
    if parent == 0 and current == 0:
        return Rule("free")
    sets = _LEVELS[parent], _LEVELS[current]
    closed = any(byte and not held for byte, held in zip((parent, current), sets, strict=True))
    if not any(sets) or (kind == "and" and closed):
        return Rule("never")
    return Rule(kind, *sets)


def parse_create(data: bytes, dialect: Dialect) -> DirectorySpec | FileSpec:
    """What CREATE FILE asks for; refuses 6700 and 6A80."""
    if len(data) < _HEADER:
        raise Refusal(0x6700)
    if data[0] or data[8]:
        raise Refusal(0x6A80)
    if data[7] in (_MF_OR_DDF, _ADF):
        return _directory(data, dialect)
    return _file(data, dialect)


def _directory(data: bytes, dialect: Dialect) -> DirectorySpec:
    name = data[_HEADER:]
    fid = int.from_bytes(data[5:7], "big")
    adf = data[7] == _ADF
    if len(name) not in _NAME_LENGTHS:
        raise Refusal(0x6700)
    reserved = data[11], data[12], data[14]
    if any(reserved) or data[4] != _DES or data[9] > 1 or _is_bad(fid) or (adf and fid == MF_FID):
        raise Refusal(0x6A80)
    internal = dialect.internal_files
    return DirectorySpec(
        fid=fid,
        kind="ADF" if adf else ("MF" if fid == MF_FID else "DDF"),
        name=name,
        lock_level=data[1],
        create=rule(0, data[2], 0),
        delete=rule(0, data[3], 0),
        fci_sfi=data[10] or internal.fci & 0xFF,
        key_sfi=data[13] or internal.keys & 0xFF,
    )


def _file(data: bytes, dialect: Dialect) -> FileSpec:
    structure = _structures(dialect).get(data[7])
    if structure is None:
        raise Refusal(0x6A80)
    if len(data) != _HEADER:
        raise Refusal(0x6700)
    fid = int.from_bytes(data[5:7], "big")
    size, record_length = int.from_bytes(data[3:5], "big"), data[11]
    if data[1] or data[2] or _is_bad(fid) or fid == MF_FID:
        raise Refusal(0x6A80)
    smallest = {"transparent": 1, "variable": 2, "internal": 2}.get(structure, record_length + 2)
    if size < smallest or (structure in ("fixed", "cyclic") and record_length == 0):
        raise Refusal(0x6A80)
    return FileSpec(
        fid=fid,
        sfi=data[9],
        structure=structure,
        size=size,
        record_length=record_length,
        read=rule(data[12], data[13], data[10] >> 4),
        write=rule(data[14], data[15], data[10] & 0x0F),
    )


def _structures(dialect: Dialect) -> dict[int, Structure]:
    types = dialect.file_types
    return {
        types.internal: "internal",
        types.transparent: "transparent",
        types.fixed: "fixed",
        types.variable: "variable",
        types.cyclic: "cyclic",
        types.directory: "variable",
    }


def _is_bad(fid: int) -> bool:
    return fid in (0x0000, 0xFFFF)
