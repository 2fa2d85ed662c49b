"""Key records of T514 and the four forms of WRITE KEY (ref 11 §5.1, §5.3)."""

from __future__ import annotations

from dataclasses import replace

from sscard_ic.apdu import Command
from sscard_ic.crypto.mac import MAC_LENGTH, pad80_if_needed
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.profile.cos.t514 import T514Dialect
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.cos.t514_security import levels, rule
from sscard_ic.simulator.keys import KeyRecord, StoredKey
from sscard_ic.simulator.rules import NEVER

RECORD_LENGTH = 24
_HEADER = 8
_LENGTH_AT = 7
_ENCIPHERED, _WITH_MAC = 0x80, 0x04
_3DES, _DES = 0x00, 0x01
"""Algorithm bytes of 3DES and DES keys; that of SM4 keys is a setting."""
_PIN_LENGTHS = range(2, 7)


def unwrap(card: CardState, command: Command, dialect: T514Dialect) -> KeyRecord:
    """The record of a WRITE KEY command.

    P1 = 01 announces the master key. Refuses 6700, 6984 (no challenge for the MAC), 6988 (MAC),
    6A80 (record), 6A86, 6A88 (no master key to decipher with).
    """
    if command.p1 > 1 or command.p2:
        raise Refusal(0x6A86)
    body = command.data
    if command.cla & _WITH_MAC:
        body = _checked(card, command)
    if command.cla & _ENCIPHERED:
        body = _deciphered(card, body)
    record = parse_record(body, dialect)
    if (command.p1 == 1) != (record.type == card.dialect.key_types.master):
        raise Refusal(0x6A80)
    return record


def _checked(card: CardState, command: Command) -> bytes:
    """The data without its MAC under the master key (ref 11 §5.3, 02 §4.1).

    3DES: retail MAC, start value 4 random bytes ‖ 00…. SM4: folded MAC, 8 random bytes ‖ 00….
    """
    body, mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
    if not body:
        raise Refusal(0x6700)
    master = _master_key(card)
    challenge = card.challenge.take()
    if challenge is None:
        raise Refusal(0x6984)
    iv = challenge[: master.suite.block // 2]
    covered = command.header + bytes((len(command.data),)) + body
    if master.suite.mac(master.value, covered, iv) != mac:
        raise Refusal(0x6988)
    return body


def _deciphered(card: CardState, body: bytes) -> bytes:
    """The data of LD ‖ data ‖ 80 00… under the master key of the current directory."""
    master = _master_key(card)
    block = master.suite.block
    if not body or len(body) % block:
        raise Refusal(0x6700)
    plain = master.suite.decrypt(master.value, body)
    length = plain[0]
    if len(plain) <= length or pad80_if_needed(plain[: 1 + length], block) != plain:
        raise Refusal(0x6A80)
    return plain[1 : 1 + length]


def _master_key(card: CardState) -> StoredKey:
    return card.key_in(card.directory, card.dialect.key_types.master, 0)


def parse_record(body: bytes, dialect: T514Dialect) -> KeyRecord:
    """A key record taken apart; refuses 6700 and 6A80.

    24 bytes, or 16 for a key of 8 bytes without its filling.
    """
    if len(body) not in (RECORD_LENGTH, RECORD_LENGTH - 8):
        raise Refusal(0x6700)
    raw = body.ljust(RECORD_LENGTH, b"\xff")
    kind, id_, version, _, counter, algorithm, level, length = raw[:_HEADER]
    types = dialect.key_types
    known = (types.master, types.pin, types.mac, types.external, types.internal)
    transactions = (types.purchase, types.load, types.tac)
    value, filling = raw[_HEADER : _HEADER + length], raw[_HEADER + length :]
    if kind not in (*known, *transactions) or filling.strip(b"\xff"):
        raise Refusal(0x6A80)
    if kind == types.pin:
        if length not in _PIN_LENGTHS:
            raise Refusal(0x6A80)
    elif _lengths(dialect).get(algorithm) != length:
        raise Refusal(0x6A80)
    maximum, tries = counter >> 4, counter & 0x0F
    if tries > maximum or (kind == types.master and id_ != 0):
        raise Refusal(0x6A80)
    sm4 = kind != types.pin and algorithm == dialect.settings.key_record_sm4
    family: Algorithm = "sm4" if sm4 else "3des"
    # Of a PIN this byte is the level of the PUK; 00: nobody unblocks it.
    unlock = rule(0, algorithm, 0) if kind == types.pin and algorithm else NEVER
    return KeyRecord(
        kind, id_, version, tries, maximum, levels(level), value, raw, family, unlock=unlock
    )


def with_value(record: KeyRecord, value: bytes) -> KeyRecord:
    """The record with another value."""
    filled = (bytes((len(value),)) + value).ljust(RECORD_LENGTH - _LENGTH_AT, b"\xff")
    return replace(record, value=value, raw=record.raw[:_LENGTH_AT] + filled)


def _lengths(dialect: T514Dialect) -> dict[int, int]:
    """Algorithm byte → length of the value."""
    return {_3DES: 16, _DES: 8, dialect.settings.key_record_sm4: 16}
