"""Key records of MCOS, and how WRITE KEY protects them (ref 11 §3.4)."""

from __future__ import annotations

from dataclasses import replace

from sscard_ic.apdu import Command
from sscard_ic.crypto.mac import MAC_LENGTH, pad80_if_needed
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.profile.cos.mcos import McosDialect
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.cos.mcos_security import MASTER_ID, MASTER_TYPE, flags, rule
from sscard_ic.simulator.files import Directory
from sscard_ic.simulator.keys import KeyRecord, StoredKey
from sscard_ic.simulator.rules import FREE

KEY_SPACE = 24
_HEADER = 8
_PIN_LENGTH = 8
_PIN_BYTES = range(2, 7)
_MAX_LIMIT = 0x0F
_SM = 0x04
_3DES, _DES = 0x00, 0x01
"""Algorithm bytes; that of SM4 keys is a setting."""
_UNLOAD, _OVERDRAFT = 0x0A, 0x0B
"""Usages that no application here has: ED unload, overdraft."""


def unwrap(
    card: CardState, command: Command, key: StoredKey, *, with_mac: bool, enciphered: bool
) -> bytes:
    """The record in a WRITE KEY command protected by ``key`` as the file asks.

    Refuses 6700, 6984 (no challenge), 6987 and 6882 (another protection), 6988 (MAC), 6A80.
    """
    body = command.data
    if bool(command.cla & _SM) != with_mac:
        raise Refusal(card.dialect.messaging.mac_missing if with_mac else 0x6882)
    if with_mac:
        body = _checked(card, command, key)
    return _deciphered(body, key) if enciphered else body


def _checked(card: CardState, command: Command, key: StoredKey) -> bytes:
    """The data without its MAC; its start value is a challenge of 4 bytes ‖ 00…, or of 8."""
    body, mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
    if not body:
        raise Refusal(0x6700)
    challenge = card.challenge.take()
    if challenge is None or len(challenge) > key.suite.block:
        raise Refusal(0x6984)
    covered = command.header + bytes((len(command.data),)) + body
    if key.suite.mac(key.value, covered, challenge) != mac:
        raise Refusal(0x6988)
    return body


def _deciphered(body: bytes, key: StoredKey) -> bytes:
    """The data of LD ‖ data ‖ 80 00…, padded only where needed."""
    block = key.suite.block
    if not body or len(body) % block:
        raise Refusal(0x6700)
    plain = key.suite.decrypt(key.value, body)
    length = plain[0]
    if len(plain) <= length or pad80_if_needed(plain[: 1 + length], block) != plain:
        raise Refusal(0x6A80)
    return plain[1 : 1 + length]


def parse(data: bytes, dialect: McosDialect, directory: Directory) -> KeyRecord:
    """A record: a header of 8 bytes and the value; refuses 6700 and 6A80."""
    header, value = data[:_HEADER], data[_HEADER:]
    if len(header) < _HEADER:
        raise Refusal(0x6700)
    usage, id_, third, fourth, *_, limit, follow_up = header
    types = dialect.key_types
    if id_ > 0x7F or limit > _MAX_LIMIT:
        raise Refusal(0x6A80)
    usable = rule(0, header[4:6], in_application=directory.spec.kind == "ADF")
    record = KeyRecord(
        type=usage,
        id=id_,
        version=third,
        tries=limit,
        maximum=limit,
        grant=flags(follow_up),
        value=value,
        raw=data,
        space=KEY_SPACE,
        usable=usable,
        counted=limit != 0,
    )
    if usage == types.pin:
        return _pin(record, unblocked_by=third)
    if usage == types.mac:
        record = replace(record, version=0, grant=0)
    known = (types.external, types.internal, types.mac, types.purchase, types.load, types.tac)
    family, length = _algorithms(dialect).get(fourth, ("3des", 0))
    if usage not in (*known, _UNLOAD, _OVERDRAFT):
        raise Refusal(0x6A80)
    if len(value) != length:
        raise Refusal(0x6700 if length else 0x6A80)
    return replace(record, algorithm=family)


def _pin(record: KeyRecord, *, unblocked_by: int) -> KeyRecord:
    """A PIN: its digits filled with FF to 8 bytes; refuses 6700 and 6A80."""
    digits = record.value.rstrip(b"\xff")
    if len(record.value) != _PIN_LENGTH:
        raise Refusal(0x6700)
    if len(digits) not in _PIN_BYTES:
        raise Refusal(0x6A80)
    return replace(record, version=0, value=digits, unlock=FREE, service_id=unblocked_by)


def with_value(record: KeyRecord, value: bytes) -> KeyRecord:
    """The record with another value; that of a PIN is filled with FF."""
    stored = value.ljust(len(record.raw) - _HEADER, b"\xff")
    return replace(record, value=value, raw=record.raw[:_HEADER] + stored)


def zero_master_key(limit: int, length: int, algorithm: Algorithm, algorithm_byte: int) -> bytes:
    """The record of the master key of a new directory: all zeros, tries as in its header."""
    header = bytes((MASTER_TYPE, MASTER_ID, 0, algorithm_byte, 0, 0, limit, 0))
    return header + bytes(16 if algorithm == "sm4" else length)


def _algorithms(dialect: McosDialect) -> dict[int, tuple[Algorithm, int]]:
    """Algorithm byte → what the key works by, and its length."""
    return {
        _3DES: ("3des", 16),
        _DES: ("3des", 8),
        dialect.settings.key_record_sm4: ("sm4", 16),
    }
