"""The data field of T514 CREATE FILE, byte by byte (ref 11 §5.2)."""

from __future__ import annotations

from dataclasses import dataclass

from sscard_ic.profile.cos.t514 import T514Dialect
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.cos.t514_security import rule
from sscard_ic.simulator.files import (
    MF_FID,
    Directory,
    DirectorySpec,
    FileSpec,
    Role,
    Structure,
)

_HEADER = 16
_NAME_LENGTHS = range(5, 17)
_MF_OR_DDF, _ADF = 0x01, 0x02
_DES = 0x01
_ADMINISTRATION = 2
"""Bytes of a size that hold no contents, in all files but transparent ones."""


@dataclass(frozen=True, slots=True)
class T514DirectorySpec(DirectorySpec):
    """A directory with the short identifiers of its internal files."""

    fci_sfi: int = 0
    key_sfi: int = 0
    amount_sfi: int = 0


def parse_create(
    data: bytes, dialect: T514Dialect, parent: Directory | None
) -> DirectorySpec | FileSpec:
    """What CREATE FILE in ``parent`` asks for; refuses 6700 and 6A80."""
    if len(data) < _HEADER:
        raise Refusal(0x6700)
    if data[0] or data[8]:
        raise Refusal(0x6A80)
    if data[7] in (_MF_OR_DDF, _ADF):
        return _directory(data, dialect)
    return _file(data, dialect, parent.spec if parent is not None else None)


def _directory(data: bytes, dialect: T514Dialect) -> T514DirectorySpec:
    name = data[_HEADER:]
    fid = int.from_bytes(data[5:7], "big")
    adf = data[7] == _ADF
    if len(name) not in _NAME_LENGTHS:
        raise Refusal(0x6700)
    reserved = data[11], data[12], data[14]
    if any(reserved) or data[4] != _DES or data[9] > 1 or _is_bad(fid) or (adf and fid == MF_FID):
        raise Refusal(0x6A80)
    internal = dialect.internal_files
    return T514DirectorySpec(
        fid=fid,
        kind="ADF" if adf else ("MF" if fid == MF_FID else "DDF"),
        name=name,
        create=rule(0, data[2], 0),
        delete=rule(0, data[3], 0),
        lock=rule(0, data[1], 0),
        locked_with_card=data[9] == 1,
        fci_sfi=data[10] or internal.fci & 0xFF,
        key_sfi=data[13] or internal.keys & 0xFF,
        amount_sfi=data[15] or internal.amount & 0xFF,
    )


def _file(data: bytes, dialect: T514Dialect, place: DirectorySpec | None) -> FileSpec:
    structure = _structures(dialect).get(data[7])
    if structure is None:
        raise Refusal(0x6A80)
    if len(data) != _HEADER:
        raise Refusal(0x6700)
    fid = int.from_bytes(data[5:7], "big")
    size, record_length = int.from_bytes(data[3:5], "big"), data[11]
    if data[1] or data[2] or _is_bad(fid) or fid == MF_FID:
        raise Refusal(0x6A80)
    transparent = structure == "transparent"
    smallest = {"transparent": 1, "variable": 2, "internal": 2}.get(structure, record_length + 2)
    if size < smallest or (structure in ("fixed", "cyclic") and record_length == 0):
        raise Refusal(0x6A80)
    return FileSpec(
        fid=fid,
        sfi=data[9],
        structure=structure,
        size=size if transparent else size - _ADMINISTRATION,
        record_length=record_length,
        read=rule(data[12], data[13], data[10] >> 4),
        write=rule(data[14], data[15], data[10] & 0x0F),
        role=_role(data, dialect, place),
        tagged=structure != "fixed",
    )


def _role(data: bytes, dialect: T514Dialect, place: DirectorySpec | None) -> Role:
    """What the COS does with a file, by its type and its short identifier."""
    if data[7] == dialect.file_types.directory:
        return "directory"
    if data[7] != dialect.file_types.internal or not isinstance(place, T514DirectorySpec):
        return "data"
    roles: dict[int, Role] = {
        place.amount_sfi: "amount",
        place.fci_sfi: "fci",
        place.key_sfi: "keys",
    }
    return roles.get(data[9], "data")


def _structures(dialect: T514Dialect) -> dict[int, Structure]:
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
