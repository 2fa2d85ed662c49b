"""Personalization commands of the COS T514: every byte of their layouts (ref 11 §5)."""

from __future__ import annotations

from typing import cast

from construct import BitStruct, Byte, Bytes, Const, Construct, Int16ub, Nibble, Padding, Struct

from sscard_ic.apdu.command import Command

_EF_HEADER = Struct(
    Padding(3),
    "size" / Int16ub,
    "fid" / Int16ub,
    "kind" / Byte,
    Padding(1),
    "sfi" / Byte,
    "logic" / BitStruct("read" / Nibble, "update" / Nibble),
    "record_length" / Byte,
    "read" / Bytes(2),
    "update" / Bytes(2),
).compile()

_DF_HEADER = Struct(
    Padding(1),
    "lock_level" / Byte,
    "create_right" / Const(b"\x00"),
    "delete_right" / Const(b"\xff"),
    "algorithm" / Const(b"\x01"),
    "fid" / Int16ub,
    "kind" / Byte,
    Padding(1),
    "locked_with_child" / Byte,
    "fci_sfi" / Byte,
    Padding(2),
    "key_file_sfi" / Byte,
    Padding(1),
    "transaction_sfi" / Byte,
).compile()

_KEY_HEADER = Struct(
    "kind" / Byte,
    "id" / Byte,
    "version" / Byte,
    "change_right" / Byte,
    "counter" / Byte,
    "algorithm" / Byte,
    "level" / Byte,
    "length" / Byte,
).compile()


def create_file(
    fid: int,
    kind: int,
    size: int,
    record_length: int,
    *,
    read: bytes,
    update: bytes,
    read_logic: int = 0,
    update_logic: int = 0,
) -> Command:
    """CREATE FILE of an EF, Lc 10 (ref 11 §5.2).

    ``read`` and ``update`` are levels in parent and current directory (1 byte each), the logic
    nibbles 0 for OR and 4 for AND; the SFI is the low byte of ``fid``.
    """
    header = _build(
        _EF_HEADER,
        size=size,
        fid=fid,
        kind=kind,
        sfi=fid & 0xFF,
        logic={"read": read_logic, "update": update_logic},
        record_length=record_length,
        read=read,
        update=update,
    )
    return Command(0x80, 0xE0, 0x01, 0x00, header)


def create_directory(
    fid: int,
    kind: int,
    name: bytes,
    *,
    lock_level: int = 0,
    locked_with_child: bool = False,
    fci_sfi: int = 0,
    key_file_sfi: int = 0,
    transaction_sfi: int = 0,
) -> Command:
    """CREATE FILE of MF, DDF or ADF, Lc 10 and the name (ref 11 §5.2)."""
    header = _build(
        _DF_HEADER,
        lock_level=lock_level,
        fid=fid,
        kind=kind,
        locked_with_child=int(locked_with_child),
        fci_sfi=fci_sfi,
        key_file_sfi=key_file_sfi,
        transaction_sfi=transaction_sfi,
    )
    return Command(0x80, 0xE0, 0x01, 0x00, header + name)


def key_header(
    kind: int,
    key_id: int,
    version: int,
    *,
    change_right: int,
    counter: int,
    algorithm: int,
    level: int,
    length: int,
) -> bytes:
    """The 8 bytes before the value in a key record; for a PIN ``algorithm`` is the PUK's level."""
    return _build(
        _KEY_HEADER,
        kind=kind,
        id=key_id,
        version=version,
        change_right=change_right,
        counter=counter,
        algorithm=algorithm,
        level=level,
        length=length,
    )


def write_key_head(master: bool) -> bytes:
    """CLA INS P1 P2 of WRITE KEY in plain form."""
    return bytes((0x00, 0xD4, 0x01 if master else 0x00, 0x00))


def write_fci_record(number: int, fci_sfi: int, record: bytes) -> Command:
    """WRITE RECORD into the FCI file."""
    return Command(0x00, 0xD2, number, fci_sfi, record)


def present_transport_code(code: bytes) -> Command:
    """Verify the transport code of 8 bytes."""
    return Command(0x80, 0xE0, 0x03, 0x00, code)


def write_serial(serial: bytes) -> Command:
    """Write T8-TD (6 bytes) of the ATR."""
    return Command(0x80, 0xE0, 0x05, 0x00, bytes(2) + serial)


def write_atr_head(head: bytes) -> Command:
    """Write the first 11 bytes of the ATR: TS T0 TB1 TC1 T1-T7."""
    return Command(0x00, 0x14, 0x00, 0x00, head)


def end_personalization() -> Command:
    """End the pre-personalization of the current directory."""
    return Command(0x80, 0xE0, 0x02, 0x00)


def _build(layout: Construct, **fields: object) -> bytes:
    return cast(bytes, layout.build(fields))
