"""Key records of T514 and the four forms of WRITE KEY (ref 11 §5.1, §5.3)."""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.crypto import des
from sscard_ic.crypto.mac import MAC_LENGTH, pad80_if_needed, retail_mac
from sscard_ic.profile.dialect import Dialect
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.cos import t514_layout
from sscard_ic.simulator.keys import RECORD_LENGTH, KeyRecord

_HEADER = 8
_ENCIPHERED, _WITH_MAC = 0x80, 0x04
_TRANSACTION_KEYS = (0x08, 0x09, 0x0A)
"""DLK, DPK, DTK: stored for the medical account."""
_VALUE_LENGTHS = {0x00: 16, 0x01: 8}
"""Algorithm byte → length of the value: 3DES, DES."""
_PIN_LENGTHS = range(2, 7)


def unwrap(card: CardState, command: Command) -> KeyRecord:
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
    record = parse_record(body, card.dialect)
    if (command.p1 == 1) != (record.type == card.dialect.key_types.master):
        raise Refusal(0x6A80)
    return record


def _checked(card: CardState, command: Command) -> bytes:
    """The data without its MAC: retail MAC under the master key, IV = 4 random bytes ‖ 00…."""
    body, mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
    if not body:
        raise Refusal(0x6700)
    master = _master_key(card)
    challenge = card.challenge.take()
    if challenge is None:
        raise Refusal(0x6984)
    iv = challenge[:4] + bytes(4)
    covered = command.header + bytes((len(command.data),)) + body
    if retail_mac(master, covered, iv) != mac:
        raise Refusal(0x6988)
    return body


def _deciphered(card: CardState, body: bytes) -> bytes:
    """The data of LD ‖ data ‖ 80 00… under the master key of the current directory."""
    if not body or len(body) % des.BLOCK:
        raise Refusal(0x6700)
    plain = des.decrypt(_master_key(card), body)
    length = plain[0]
    if len(plain) <= length or pad80_if_needed(plain[: 1 + length]) != plain:
        raise Refusal(0x6A80)
    return plain[1 : 1 + length]


def _master_key(card: CardState) -> bytes:
    return card.key_in(card.directory, card.dialect.key_types.master, 0).value


def parse_record(body: bytes, dialect: Dialect) -> KeyRecord:
    """A key record taken apart; refuses 6700 and 6A80.

    24 bytes, or 16 for a key of 8 bytes without its filling.
    """
    if len(body) not in (RECORD_LENGTH, RECORD_LENGTH - 8):
        raise Refusal(0x6700)
    raw = body.ljust(RECORD_LENGTH, b"\xff")
    kind, id_, version, _, counter, algorithm, level, length = raw[:_HEADER]
    types = dialect.key_types
    known = (types.master, types.pin, types.mac, types.external, types.internal)
    value, filling = raw[_HEADER : _HEADER + length], raw[_HEADER + length :]
    if kind not in (*known, *_TRANSACTION_KEYS) or filling.strip(b"\xff"):
        raise Refusal(0x6A80)
    if kind == types.pin:
        if length not in _PIN_LENGTHS:
            raise Refusal(0x6A80)
    elif _VALUE_LENGTHS.get(algorithm) != length:
        raise Refusal(0x6A80)
    maximum, tries = counter >> 4, counter & 0x0F
    if tries > maximum or (kind == types.master and id_ != 0):
        raise Refusal(0x6A80)
    return KeyRecord(kind, id_, version, tries, maximum, t514_layout.levels(level), value, raw)
