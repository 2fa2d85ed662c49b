"""CREATE FILE and key records of TimeCOS and FMCOS, byte by byte (ref 02 §9.1.3, §9.1.4, 11 §7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from sscard_ic.crypto.suites import Algorithm
from sscard_ic.profile.cos.timecos import RegisterDialect
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.cos.register_security import rule
from sscard_ic.simulator.files import MF_FID, Directory, DirectorySpec, FileSpec, Role, Structure
from sscard_ic.simulator.keys import KeyRecord
from sscard_ic.simulator.rules import NEVER, MacRule, Rule

LINE_KEY, UNBLOCK_KEY, RELOAD_KEY = 0x36, 0x37, 0x38
"""Types of keys: line protection, unblocking and reloading of a PIN (ref 02 §9.1.4)."""
_VERSIONED = frozenset((0x30, 0x31, 0x32, 0x34, 0x3C, 0x3D, 0x3E, 0x3F))
"""Types of keys whose header ends with version and algorithm, not state and counter."""
_COUNTED = frozenset((LINE_KEY, UNBLOCK_KEY, RELOAD_KEY, 0x39, 0x3B))

_PROTECTION, KIND = 0xC0, 0x3F
_MAC, _READ_TOO = 0x80, 0x80
_HEADER = 5
_EF_BODY = 7
_DIRECTORY_BODY = 8
_PURSE_SIZE = 0x0208
_NO_NAME = b"\xff"
MF_NAME: Final = b"1PAY.SYS.DDF01"
_NAME_LENGTHS = range(5, 17)
_LEVELS = 3
_PIN_LENGTHS = range(2, 9)
_LENGTHS = (8, 16)


@dataclass(frozen=True, slots=True)
class RegisterFileSpec(FileSpec):
    """A file with the byte of a KEY file that says what the FCI tells."""

    announced: int = 0xFF


def parse_create(
    data: bytes, dialect: RegisterDialect, parent: Directory | None
) -> DirectorySpec | RegisterFileSpec:
    """What CREATE FILE asks for; ``data`` is P1 P2 and the data field. Refuses 6700 and 6A80."""
    fid, body = int.from_bytes(data[:2], "big"), data[2:]
    if len(body) < _EF_BODY:
        raise Refusal(0x6700)
    types, kind = dialect.file_types, body[0] & KIND
    if fid == 0xFFFF or (fid == dialect.internal_files.keys) != (kind == types.keys):
        raise Refusal(0x6A80)
    if kind == types.directory:
        return _directory(fid, body, parent)
    structures: dict[int, Structure] = {
        types.transparent: "transparent",
        types.variable: "variable",
        types.fixed: "fixed",
        types.cyclic: "cyclic",
        types.purse: "internal",
        types.keys: "internal",
    }
    structure = structures.get(kind)
    if structure is None or fid == MF_FID or parent is None:
        raise Refusal(0x6A80)
    if len(body) != _EF_BODY:
        raise Refusal(0x6700)
    return _file(fid, body, dialect, parent, structure)


def _file(
    fid: int, body: bytes, dialect: RegisterDialect, parent: Directory, structure: Structure
) -> RegisterFileSpec:
    is_keys = body[0] & KIND == dialect.file_types.keys
    size, record_length = int.from_bytes(body[1:3], "big"), 0
    if structure in ("fixed", "cyclic"):
        size, record_length = body[1] * body[2], body[2]
    elif is_keys:
        size -= dialect.key_file_overhead
    elif structure == "internal" and size != _PURSE_SIZE:
        raise Refusal(0x6A80)
    if size <= 0:
        raise Refusal(0x6A80)
    read, write = (NEVER, rule(body[4])) if is_keys else _rules(body, parent)
    return RegisterFileSpec(
        fid=fid,
        sfi=fid & 0x1F,
        structure=structure,
        size=size,
        record_length=record_length,
        read=read,
        write=write,
        role=_role(fid, is_keys, dialect, parent),
        tagged=structure == "variable",
        announced=body[3] if is_keys else 0xFF,
    )


def _rules(body: bytes, parent: Directory) -> tuple[Rule, Rule]:
    """Read and write right; with the MAC that the type byte asks for (ref 11 §7).

    The last byte: bit 8 is 0 when reading asks for it, too; two bits each name the key of reading
    and of writing, 3 less the identifier. Encipherment of contents is not done here: 6A80.
    """
    read, write = rule(body[3]), rule(body[4])
    protection, last = body[0] & _PROTECTION, body[6]
    if protection == _MAC:
        write = MacRule(write, (parent.name, 3 - (last & 3)))
        if not last & _READ_TOO:
            read = MacRule(read, (parent.name, 3 - (last >> 2 & 3)))
    elif protection:
        raise Refusal(0x6A80)
    return read, write


def _directory(fid: int, body: bytes, parent: Directory | None) -> DirectorySpec:
    name = body[_DIRECTORY_BODY:]
    if len(body) < _DIRECTORY_BODY:
        raise Refusal(0x6700)
    if fid == MF_FID and not name.strip(_NO_NAME):
        name = MF_NAME
    if len(name) not in _NAME_LENGTHS:
        raise Refusal(0x6700)
    if (fid == MF_FID) != (parent is None) or _depth(parent) >= _LEVELS:
        raise Refusal(0x6A80)
    inner: Literal["DDF", "ADF"] = "ADF" if parent is not None and parent.parent else "DDF"
    return DirectorySpec(
        fid=fid,
        kind="MF" if parent is None else inner,
        name=name,
        create=rule(body[3]),
        delete=rule(body[4]),
    )


def _depth(directory: Directory | None) -> int:
    """Levels down to ``directory``: 1 for the MF."""
    depth = 0
    while directory is not None:
        depth, directory = depth + 1, directory.parent
    return depth


def _role(fid: int, is_keys: bool, dialect: RegisterDialect, parent: Directory) -> Role:
    if is_keys:
        return "keys"
    if fid == dialect.internal_files.atr and parent.parent is None:
        return "atr"
    if fid == dialect.internal_files.directory and parent.parent is None:
        return "directory"
    return "data"


# Keys


def group_of(identifier: int, dialect: RegisterDialect) -> tuple[int, int]:
    """Identifier of a key as P2 names it, and its group from 1 on (setting ``group_bits``)."""
    bits = dialect.settings.group_bits
    counted = identifier & bits
    return identifier & ~bits & 0xFF, 1 + (counted // (bits & -bits) if bits else 0)


def parse_record(data: bytes, dialect: RegisterDialect) -> KeyRecord:
    """A key record after its identifier: header of 5 bytes and the value; refuses 6700, 6A80.

    The record of an SM4 key has its algorithm byte; where the header has none, after it. A type
    byte alone refers to the key of a directory above.
    """
    body = data[1:]
    id_, version = group_of(data[0], dialect)
    space = dialect.key_overhead + len(body)
    if len(body) == 1:
        kind = body[0] & KIND
        return KeyRecord(kind, id_, version, 0, 0, 0, b"", data, space=space, counted=False)
    if len(body) < _HEADER + 2:
        raise Refusal(0x6700)
    kind = body[0] & KIND
    if kind == dialect.key_types.pin:
        return _pin_record(data, id_, version, dialect)
    value, algorithm = _value(body, dialect)
    if kind not in _VERSIONED | _COUNTED or len(value) not in _LENGTHS:
        raise Refusal(0x6A80)
    counted = kind in _COUNTED
    maximum, tries = (body[4] >> 4, body[4] & 0x0F) if counted else (0, 0)
    if tries > maximum:
        raise Refusal(0x6A80)
    return KeyRecord(
        kind,
        id_,
        version,
        tries,
        maximum,
        body[3] if counted else 0,
        value,
        data,
        algorithm,
        space=space,
        usable=rule(body[1]),
        counted=counted,
    )


def _value(body: bytes, dialect: RegisterDialect) -> tuple[bytes, Algorithm]:
    sm4 = dialect.settings.key_record_sm4
    if body[0] & KIND in _VERSIONED:
        return body[_HEADER:], "sm4" if body[4] == sm4 else "3des"
    if len(body) == _HEADER + 1 + _LENGTHS[-1] and body[_HEADER] == sm4:
        return body[_HEADER + 1 :], "sm4"
    return body[_HEADER:], "3des"


def _pin_record(data: bytes, id_: int, version: int, dialect: RegisterDialect) -> KeyRecord:
    """A PIN; its change right is what PIN CHANGE/UNBLOCK asks for besides the MAC."""
    _, use, change, state, counter = data[1 : 1 + _HEADER]
    value = data[1 + _HEADER :].rstrip(b"\xff")
    maximum, tries = counter >> 4, counter & 0x0F
    if len(value) not in _PIN_LENGTHS or tries > maximum:
        raise Refusal(0x6A80)
    return KeyRecord(
        dialect.key_types.pin,
        id_,
        version,
        tries,
        maximum,
        state & 0x0F,
        value,
        data,
        space=dialect.key_overhead + len(data) - 1,
        usable=rule(use),
        unlock=rule(change),
    )


def is_reference(record: KeyRecord) -> bool:
    """Whether a record only refers to the key of a directory above."""
    return len(record.raw) == 2


def change_right(record: KeyRecord) -> Rule:
    """What must hold before the value is changed."""
    return rule(record.raw[3])


def line_protected(record: KeyRecord) -> bool:
    """Whether the type byte asks for an enciphered new value with a MAC."""
    return bool(record.raw[1] & _PROTECTION)


def with_value(record: KeyRecord, value: bytes) -> KeyRecord:
    """The record with another value; a PIN is filled to the length it had."""
    start = len(record.raw) - len(record.value)
    if record.type == 0x3A:
        start = 1 + _HEADER
    filled = value.ljust(len(record.raw) - start, b"\xff")
    return replace(record, value=value, raw=record.raw[:start] + filled)
