"""The data field of MCOS CREATE FILE, byte by byte (ref 11 §3.3).

It is kept with the type, which is P2 of the command, in front.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sscard_ic.profile.cos.mcos import McosDialect
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.cos.mcos_security import FlagRule, rule
from sscard_ic.simulator.files import (
    MF_FID,
    Directory,
    DirectorySpec,
    FileSpec,
    Role,
    Structure,
)
from sscard_ic.simulator.rules import NEVER, MacRule, Rule

DIRECTORY_HEADER, FILE_HEADER, SECURE_HEADER = 48, 16, 12
"""Bytes that a file takes besides its body (ref 11 §3.1)."""
PURSE_SPACE = {0x09: 16, 0x0A: 20}
"""EP and ED."""
OWN_SPACE = 336
"""Bytes of the memory that the COS keeps for itself."""

WITH_MAC, ENCIPHERED = 0x20, 0x10
ADD_WITH_MAC, ADD_ENCIPHERED = 0x02, 0x01
OF_PARENT, OF_DIRECTORY = 0x80, 0x40
"""PMK and CMK of a secure file: the master key that a change asks for."""
_LONG_KEY, _RELOAD_KEY_ABOVE, _HAS_KEY = 0x08, 0x04, 0x01
_NO_APPEND, _NO_UPDATE = 0x08, 0x04
_MAX_LIMIT = 0x0F
_NAME_MAX = 16

BY_MASTER = FlagRule(environment_master=True)
_BY_OWN_MASTER = FlagRule(application_master=True)


@dataclass(frozen=True, slots=True)
class McosDirectorySpec(DirectorySpec):
    """A directory with its body, its control byte and the keys of its management."""

    space: int = 0
    """Bytes of its body."""
    control: int = 0
    reload_key: int = 0
    block_key: int = 0
    limit: int = 0
    dir_sfi: int = 0
    fci_sfi: int = 0

    @property
    def long_key(self) -> bool:
        """Whether the master key has 16 bytes, and not 8."""
        return bool(self.control & _LONG_KEY)

    @property
    def has_key(self) -> bool:
        """Whether it comes with a master key, all zeros; the MF always does."""
        return self.kind == "MF" or bool(self.control & _HAS_KEY)

    @property
    def reload_key_above(self) -> bool:
        """Whether the key that protects another master key is the parent's."""
        return bool(self.control & _RELOAD_KEY_ABOVE)


@dataclass(frozen=True, slots=True)
class McosFileSpec(FileSpec):
    """A file with the space that it takes, and what is asked of WRITE KEY or secure messaging."""

    space: int = 0
    """Bytes of body and header."""
    control: int = 0
    """ACw."""
    read_key: int = 0
    write_key: int = 0
    """Identifiers of transport keys; 0 is the master key."""
    read_enciphered: bool = False
    write_enciphered: bool = False


def parse(
    data: bytes, dialect: McosDialect, parent: Directory | None
) -> McosDirectorySpec | McosFileSpec:
    """What ``data`` creates in ``parent``; refuses 6700 and 6A80."""
    kind, body = data[0], data[1:]
    if kind in _DIRECTORIES:
        return _DIRECTORIES[kind](body, dialect)
    if kind not in _FILES:
        raise Refusal(0x6A86)
    fid = int.from_bytes(body[:2], "big")
    if len(body) < 2:
        raise Refusal(0x6700)
    if fid in (0x0000, 0xFFFF, MF_FID):
        raise Refusal(0x6A80)
    return _FILES[kind](fid, kind, body[2:], dialect, parent)


# Directories


def _master_file(body: bytes, dialect: McosDialect) -> McosDirectorySpec:
    header, name = _split(body, 11)
    if header[:2] != MF_FID.to_bytes(2, "big") or any(header[2:4]):
        raise Refusal(0x6A80)
    _, dir_sfi, fci_sfi, *tail = header[4:]
    user = dialect.settings.eeprom - OWN_SPACE
    return _directory(
        "MF", MF_FID, user - DIRECTORY_HEADER, name, bytes(tail), dir_sfi=dir_sfi, fci_sfi=fci_sfi
    )


def _environment(body: bytes, dialect: McosDialect) -> McosDirectorySpec:
    header, name = _split(body, 13)
    if any(header[4:7]):
        raise Refusal(0x6A80)
    fid, space = int.from_bytes(header[:2], "big"), int.from_bytes(header[2:4], "big")
    return _directory("DDF", fid, space, name, header[9:], dir_sfi=header[7], fci_sfi=header[8])


def _application(body: bytes, dialect: McosDialect) -> McosDirectorySpec:
    header, name = _split(body, 13)
    if any(header[4:8]):
        raise Refusal(0x6A80)
    fid, space = int.from_bytes(header[:2], "big"), int.from_bytes(header[2:4], "big")
    return _directory("ADF", fid, space, name, header[9:], dir_sfi=0, fci_sfi=header[8])


def _directory(
    kind: str, fid: int, space: int, name: bytes, tail: bytes, *, dir_sfi: int, fci_sfi: int
) -> McosDirectorySpec:
    control, reload_key, block_key, limit = tail
    if limit > _MAX_LIMIT or fid in (0x0000, 0xFFFF) or (kind != "MF" and fid == MF_FID):
        raise Refusal(0x6A80)
    application = kind == "ADF"
    own_master = _BY_OWN_MASTER if application else BY_MASTER
    return McosDirectorySpec(
        fid=fid,
        kind="ADF" if application else ("MF" if kind == "MF" else "DDF"),
        name=name,
        create=own_master,
        delete=own_master,
        key_bit=0x80 if application else 0x00,
        space=space,
        control=control,
        reload_key=reload_key,
        block_key=block_key,
        limit=limit,
        dir_sfi=dir_sfi,
        fci_sfi=fci_sfi,
    )


def _split(body: bytes, header: int) -> tuple[bytes, bytes]:
    if not header <= len(body) <= header + _NAME_MAX:
        raise Refusal(0x6700)
    return body[:header], body[header:]


# Files


def _transparent(
    fid: int, kind: int, body: bytes, dialect: McosDialect, parent: Directory | None
) -> McosFileSpec:
    if len(body) != 11:
        raise Refusal(0x6700)
    size = int.from_bytes(body[:2], "big")
    if body[2] or size == 0:
        raise Refusal(0x6A80)
    is_atr = parent is not None and parent.parent is None and fid == dialect.internal_files.atr
    role: Role = "atr" if is_atr else "data"
    return _file(fid, "transparent", size, 0, body[3:], parent, role=role)


def _fixed(
    fid: int, kind: int, body: bytes, dialect: McosDialect, parent: Directory | None
) -> McosFileSpec:
    if len(body) != 13:
        raise Refusal(0x6700)
    length, count, opened, reserved, tagged = body[:5]
    if reserved or tagged > 1 or length == 0 or not opened <= count or count == 0:
        raise Refusal(0x6A80)
    return _file(
        fid,
        "fixed",
        length * count,
        length,
        body[5:],
        parent,
        tagged=bool(tagged),
        opened=(length,) * opened,
    )


def _variable(
    fid: int, kind: int, body: bytes, dialect: McosDialect, parent: Directory | None
) -> McosFileSpec:
    if len(body) < 12:
        raise Refusal(0x6700)
    size, lengths = int.from_bytes(body[:2], "big"), tuple(body[12:])
    if body[2] or body[3] > 1 or sum(lengths) > size or 0 in lengths:
        raise Refusal(0x6A80)
    is_dir = parent is not None and fid & 0x1F == getattr(parent.spec, "dir_sfi", 0)
    return _file(
        fid,
        "variable",
        size,
        0,
        body[4:12],
        parent,
        tagged=bool(body[3]),
        opened=lengths,
        role="directory" if is_dir else "data",
    )


def _cyclic(
    fid: int, kind: int, body: bytes, dialect: McosDialect, parent: Directory | None
) -> McosFileSpec:
    if len(body) != 12:
        raise Refusal(0x6700)
    length, count, opened, tagged = body[:4]
    if tagged > 1 or opened > count or 0 in (length, count):
        raise Refusal(0x6A80)
    return _file(
        fid,
        "cyclic",
        length * count,
        length,
        body[4:],
        parent,
        tagged=bool(tagged),
        opened=(length,) * opened,
    )


def _purse(
    fid: int, kind: int, body: bytes, dialect: McosDialect, parent: Directory | None
) -> McosFileSpec:
    if len(body) != 4:
        raise Refusal(0x6700)
    return McosFileSpec(
        fid=fid,
        sfi=fid & 0x1F,
        structure="internal",
        size=len(body),
        record_length=0,
        read=NEVER,
        write=NEVER,
        space=PURSE_SPACE[kind],
    )


def _secure(
    fid: int, kind: int, body: bytes, dialect: McosDialect, parent: Directory | None
) -> McosFileSpec:
    if len(body) != 6:
        raise Refusal(0x6700)
    size, write_key, control = int.from_bytes(body[:2], "big"), body[2], body[3]
    in_application = parent is not None and parent.spec.kind == "ADF"
    return McosFileSpec(
        fid=fid,
        sfi=fid & 0x1F,
        structure="internal",
        size=size,
        record_length=0,
        read=NEVER,
        write=rule(0, body[4:], in_application=in_application),
        role="keys",
        space=SECURE_HEADER + size,
        control=control,
        write_key=write_key,
    )


def _file(
    fid: int,
    structure: Structure,
    size: int,
    record_length: int,
    access: bytes,
    parent: Directory | None,
    *,
    role: Role = "data",
    tagged: bool = False,
    opened: tuple[int, ...] = (),
) -> McosFileSpec:
    """A file that commands read and write: ACr ACw, two rights of two bytes, RT-KID WT-KID."""
    read_control, write_control = access[:2]
    in_application = parent is not None and parent.spec.kind == "ADF"
    read = rule(read_control, access[2:4], in_application=in_application)
    write = rule(write_control, access[4:6], in_application=in_application)
    read = _with_mac(read, read_control, access[6], parent)
    write = _with_mac(write, write_control, access[7], parent)
    return McosFileSpec(
        fid=fid,
        sfi=fid & 0x1F,
        structure=structure,
        size=size,
        record_length=record_length,
        read=read,
        write=NEVER if write_control & _NO_UPDATE else write,
        append=NEVER if write_control & _NO_APPEND else write,
        role=role,
        tagged=tagged,
        opened=opened,
        space=FILE_HEADER + size,
        control=write_control,
        read_key=access[6],
        write_key=access[7],
        read_enciphered=bool(read_control & ENCIPHERED),
        write_enciphered=bool(write_control & ENCIPHERED),
    )


def _with_mac(asked: Rule, control: int, key: int, parent: Directory | None) -> Rule:
    if not control & (WITH_MAC | ENCIPHERED) or parent is None:
        return asked
    return MacRule(asked, (parent.name, key | parent.spec.key_bit))


_DIRECTORIES: dict[int, Callable[[bytes, McosDialect], McosDirectorySpec]] = {
    0x00: _master_file,
    0x01: _environment,
    0x02: _application,
}
_FILES: dict[int, Callable[[int, int, bytes, McosDialect, Directory | None], McosFileSpec]] = {
    0x03: _transparent,
    0x04: _fixed,
    0x05: _variable,
    0x07: _cyclic,
    0x09: _purse,
    0x0A: _purse,
    0x0B: _secure,
}
