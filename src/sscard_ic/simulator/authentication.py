"""GET CHALLENGE, EXTERNAL and INTERNAL AUTHENTICATE, VERIFY, CHANGE PIN (ref 02 §3, §5)."""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.crypto.suites import CHALLENGE_LENGTH
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.keys import StoredKey

_CHALLENGE_LENGTHS = (4, 8, 16)
_BLOCK = CHALLENGE_LENGTH
PIN_BYTES = range(2, 7)
"""Lengths of a PIN."""
_PIN_END = b"\xff"


def get_challenge(card: CardState, command: Command) -> bytes:
    """GET CHALLENGE of 4, 8 or 16 bytes; every other length is refused 6700."""
    if command.p1 or command.p2:
        raise Refusal(0x6A86)
    length = command.le
    if command.data or length not in _CHALLENGE_LENGTHS:
        raise Refusal(0x6700)
    return card.challenge.draw(length)


def external_authenticate(card: CardState, command: Command) -> bytes:
    """EXTERNAL AUTHENTICATE: C, or C ‖ T, each with an optional key version byte.

    3DES or SM4, as the record of the key says. Refuses 6700, 6A88 (no such key), 6983 (locked),
    6984 (no challenge), 63Cx (wrong).
    """
    data = command.data
    with_text = len(data) in (2 * _BLOCK, 2 * _BLOCK + 1)
    if command.p1:
        raise Refusal(0x6A86)
    if not with_text and len(data) not in (_BLOCK, _BLOCK + 1):
        raise Refusal(0x6700)
    version = data[-1] if len(data) % _BLOCK else None
    key = _external_key(card, command.p2, version)
    key.require_tries()
    challenge = _challenge(card)
    cryptogram = data[:_BLOCK]
    if with_text:
        text = data[_BLOCK : 2 * _BLOCK]
        if card.settings.ea_second_half == "challenge" and text != challenge:
            raise Refusal(card.settings.ea_second_half_refusal)
        expected = key.suite.authentication_cryptogram(key.value, challenge, text)
    else:
        expected = key.suite.direct_cryptogram(key.value, challenge)
    if cryptogram != expected:
        raise card.refused_key(key)
    key.succeeded()
    card.security.prove_key(key)
    return b""


def _external_key(card: CardState, reference: int, version: int | None) -> StoredKey:
    """P2 = 00: the master key of the current directory (ref 11 §2.1)."""
    types = card.dialect.key_types
    if reference == 0:
        key = card.key_in(card.directory, types.master, 0, version)
        card.require_use(key)
        return key
    return card.find_key(types.external, reference, version)


def _challenge(card: CardState) -> bytes:
    """Eight bytes of challenge, for SM4 too; four are filled with 00 (ref 02 §3.4, §3.6)."""
    challenge = card.challenge.take()
    if challenge is None or len(challenge) > _BLOCK:
        raise Refusal(0x6984)
    return challenge.ljust(_BLOCK, b"\x00")


def internal_authenticate(card: CardState, command: Command) -> bytes:
    """INTERNAL AUTHENTICATE: two halves and an optional key version; 8 bytes (ref 02 §3.5)."""
    data = command.data
    if command.p1:
        raise Refusal(0x6A86)
    if len(data) not in (2 * _BLOCK, 2 * _BLOCK + 1):
        raise Refusal(0x6700)
    version = data[2 * _BLOCK] if len(data) % _BLOCK else None
    key = card.find_key(card.dialect.key_types.internal, command.p2, version)
    challenge, text = data[:_BLOCK], data[_BLOCK : 2 * _BLOCK]
    return key.suite.authentication_cryptogram(key.value, challenge, text)


def verify(card: CardState, command: Command) -> bytes:
    """VERIFY: refuses 6700, 6A88, 6983 (locked), 63Cx (wrong; the PIN state falls)."""
    if command.p1:
        raise Refusal(0x6A86)
    if len(command.data) not in PIN_BYTES:
        raise Refusal(0x6700)
    pin = card.find_key(card.dialect.key_types.pin, command.p2)
    _check_pin(card, pin, command.data)
    card.security.prove_pin(pin)
    return b""


def change_pin(card: CardState, command: Command) -> bytes:
    """CHANGE PIN, old ‖ FF ‖ new: as VERIFY of the old one; 6A80 when the new one is no PIN."""
    if command.p1 != 1:
        raise Refusal(0x6A86)
    old, separator, new = command.data.partition(_PIN_END)
    if not separator or len(old) not in PIN_BYTES or len(new) not in PIN_BYTES:
        raise Refusal(0x6700)
    if not is_pin(new):
        raise Refusal(0x6A80)
    pin = card.find_key(card.dialect.key_types.pin, command.p2)
    _check_pin(card, pin, old)
    card.set_value(pin, new)
    if card.settings.change_pin_verifies:
        card.security.prove_pin(pin)
    return b""


def _check_pin(card: CardState, pin: StoredKey, value: bytes) -> None:
    pin.require_tries()
    if value != pin.value:
        raise card.refused_pin(pin)
    pin.succeeded()


def is_pin(value: bytes) -> bool:
    """Whether ``value`` is decimal digits; the last nibble may be F."""
    digits = value.hex()
    return (digits[:-1] + digits[-1].replace("f", "0")).isdecimal()
