"""Personalization commands of the COS MCOS/PBOC/SSC: every byte of their layouts (ref 11 §3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import cast

from construct import Byte, Bytes, Const, Construct, Int16ub, Padding, Struct

from sscard_ic.apdu.command import Command

MK_OF_ENVIRONMENT, MK_OF_APPLICATION = 0x80, 0x40
"""PMK and CMK of a control byte; in a secure file those of its parent and of itself."""
WITH_MAC, ENCIPHERED = 0x20, 0x10
"""CER and CIPH: the command carries a MAC, its data are enciphered."""
LONG_KEY, HAS_KEY = 0x08, 0x01
"""KT and KACT in the control byte of a directory: its master key has 16 bytes; it has one."""
NO_APPEND, NO_UPDATE = 0x08, 0x04
"""DISA and DISU in the ACw of a file."""
PIN, PIN_SUFFICES = 0x01, 0x02
"""MPIN and PINL: the PIN is needed; it is enough, without the right."""
ADD_WITH_MAC, ADD_ENCIPHERED = 0x02, 0x01
"""CER and CIPH of adding keys, in the control byte of a secure file."""

INFORMATION_LENGTH = 15

_MF, _DDF, _ADF = 0x00, 0x01, 0x02
_TRANSPARENT, _FIXED, _VARIABLE, _CYCLIC, _SECURE = 0x03, 0x04, 0x05, 0x07, 0x0B

_TAIL = ("control" / Byte, "reload_key" / Byte, "block_key" / Byte, "limit" / Byte)
_MF_HEADER = Struct(
    Const(b"\x3f\x00"),
    Padding(2),
    "atr_sfi" / Byte,
    "dir_sfi" / Byte,
    "fci_sfi" / Byte,
    *_TAIL,
).compile()
_DDF_HEADER = Struct(
    "fid" / Int16ub, "space" / Int16ub, Padding(3), "dir_sfi" / Byte, "fci_sfi" / Byte, *_TAIL
).compile()
_ADF_HEADER = Struct(
    "fid" / Int16ub, "space" / Int16ub, Padding(4), "fci_sfi" / Byte, *_TAIL
).compile()
_ACCESS = Struct(
    "read_control" / Byte,
    "write_control" / Byte,
    "read" / Bytes(2),
    "write" / Bytes(2),
    "read_key" / Byte,
    "write_key" / Byte,
).compile()
_TRANSPARENT_HEADER = Struct("fid" / Int16ub, "size" / Int16ub, Padding(1)).compile()
_FIXED_HEADER = Struct(
    "fid" / Int16ub, "length" / Byte, "count" / Byte, "opened" / Byte, Padding(1), "tagged" / Byte
).compile()
_VARIABLE_HEADER = Struct("fid" / Int16ub, "size" / Int16ub, Padding(1), "tagged" / Byte).compile()
_CYCLIC_HEADER = Struct(
    "fid" / Int16ub, "length" / Byte, "count" / Byte, "opened" / Byte, "tagged" / Byte
).compile()
_SECURE_HEADER = Struct(
    "fid" / Int16ub, "size" / Int16ub, "write_key" / Byte, "control" / Byte, "write" / Bytes(2)
).compile()
_KEY_HEADER = Struct(
    "usage" / Byte,
    "id" / Byte,
    "third" / Byte,
    "fourth" / Byte,
    "right" / Bytes(2),
    "limit" / Byte,
    "flags" / Byte,
).compile()


@dataclass(frozen=True, slots=True)
class Control:
    """What MF, DDF and ADF share: short identifiers 0 for none, ``limit`` 0 for unlimited.

    ``control`` is the control byte, ``reload_key`` protects another master key, ``block_key``
    blocks the directory; both are identifiers of transport keys, 0 the master key itself.
    """

    control: int
    block_key: int
    limit: int
    reload_key: int = 0
    fci_sfi: int = 0


@dataclass(frozen=True, slots=True)
class Access:
    """Control bytes, rights (environment, ADF) and keys of a file, for reading and writing."""

    read_control: int = 0
    write_control: int = 0
    read: bytes = bytes(2)
    write: bytes = bytes(2)
    read_key: int = 0
    write_key: int = 0


def create_master_file(shared: Control, name: bytes, *, atr_sfi: int, dir_sfi: int) -> Command:
    """CREATE FILE of the MF, Lc 0B and the name."""
    header = _build(_MF_HEADER, atr_sfi=atr_sfi, dir_sfi=dir_sfi, **asdict(shared))
    return _create(_MF, header + name)


def create_environment(
    fid: int, space: int, shared: Control, name: bytes, *, dir_sfi: int
) -> Command:
    """CREATE FILE of a DDF with a body of ``space`` bytes, Lc 0D and the name."""
    header = _build(_DDF_HEADER, fid=fid, space=space, dir_sfi=dir_sfi, **asdict(shared))
    return _create(_DDF, header + name)


def create_application(fid: int, space: int, shared: Control, name: bytes) -> Command:
    """CREATE FILE of an ADF with a body of ``space`` bytes, Lc 0D and the name."""
    return _create(_ADF, _build(_ADF_HEADER, fid=fid, space=space, **asdict(shared)) + name)


def create_transparent(fid: int, size: int, access: Access) -> Command:
    """CREATE FILE of a transparent file, Lc 0D."""
    return _create(_TRANSPARENT, _build(_TRANSPARENT_HEADER, fid=fid, size=size) + _rights(access))


def create_fixed(
    fid: int, length: int, count: int, opened: int, tagged: bool, access: Access
) -> Command:
    """CREATE FILE of ``count`` records of one length, ``opened`` of them there at once; Lc 0F."""
    header = _build(
        _FIXED_HEADER, fid=fid, length=length, count=count, opened=opened, tagged=int(tagged)
    )
    return _create(_FIXED, header + _rights(access))


def create_variable(
    fid: int, size: int, tagged: bool, access: Access, lengths: Iterable[int] = ()
) -> Command:
    """CREATE FILE of records of any length, some of them there at once; Lc 0E and ``lengths``."""
    header = _build(_VARIABLE_HEADER, fid=fid, size=size, tagged=int(tagged))
    return _create(_VARIABLE, header + _rights(access) + bytes(lengths))


def create_cyclic(fid: int, length: int, count: int, access: Access) -> Command:
    """CREATE FILE of a ring of ``count`` records without tags, none there at first; Lc 0E."""
    header = _build(_CYCLIC_HEADER, fid=fid, length=length, count=count, opened=0, tagged=0)
    return _create(_CYCLIC, header + _rights(access))


def create_secure(fid: int, size: int, control: int) -> Command:
    """CREATE FILE of the file of keys, protected by the master key; Lc 08."""
    return _create(
        _SECURE,
        _build(_SECURE_HEADER, fid=fid, size=size, write_key=0, control=control, write=bytes(2)),
    )


def key_header(
    usage: int, id_: int, third: int, fourth: int, *, right: bytes, limit: int, flags: int
) -> bytes:
    """The 8 bytes before the value in a key record (ref 11 §3.4).

    ``third`` and ``fourth``: version and algorithm; of a PIN the keys that unblock and reload it.
    ``right`` is needed to use the key, success sets the range ``flags``.
    """
    return _build(
        _KEY_HEADER,
        usage=usage,
        id=id_,
        third=third,
        fourth=fourth,
        right=right,
        limit=limit,
        flags=flags,
    )


def add_key_head(secure_sfi: int) -> bytes:
    """CLA INS P1 P2 of WRITE KEY that adds a key, in plain form."""
    return bytes((0x80, 0xD4, 0x00, secure_sfi))


def update_master_key_head() -> bytes:
    """CLA INS P1 P2 of WRITE KEY that replaces the master key, in plain form."""
    return bytes((0x80, 0xD4, 0x01, 0x00))


def freeze() -> Command:
    """FREEZE MF: the end of the card's making."""
    return Command(0xBF, 0xFE, 0x00, 0x00)


def get_information() -> Command:
    """GET INFO: 15 bytes about chip, state and space."""
    return Command(0xBF, 0xC8, 0x00, 0x00, le=INFORMATION_LENGTH)


def external_authenticate(reference: int, cryptogram: bytes) -> Command:
    """EXTERNAL AUTHENTICATE with the 8 bytes of PBOC alone."""
    return Command(0x00, 0x82, 0x00, reference, cryptogram)


def _create(kind: int, data: bytes) -> Command:
    return Command(0x80, 0xE0, 0x00, kind, data)


def _rights(access: Access) -> bytes:
    return _build(_ACCESS, **asdict(access))


def _build(layout: Construct, **fields: object) -> bytes:
    return cast(bytes, layout.build(fields))
