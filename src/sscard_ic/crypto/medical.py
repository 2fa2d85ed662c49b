"""Session keys, MACs and TACs of the medical account, 3DES (ref 12 §6).

Amounts are four bytes (fen), a terminal number six, a time seven (BCD), type one, counters two.
The data of every MAC and TAC begin with the amounts; three of them are twelve bytes.
"""

from __future__ import annotations

from typing import Literal

from sscard_ic.crypto import des
from sscard_ic.crypto.mac import des_mac, retail_mac

TacForm = Literal["xor_halves", "double_length"]
"""How the 16-byte TAC key is used: see :func:`tac`."""

_LOAD_FILLING = b"\x80\x00"


def purchase_key(dpk: bytes, random: bytes, counter: int, number: int) -> bytes:
    """SESPK, 8 bytes: 3DES of random 4 ‖ offline counter 2 ‖ low 2 of the terminal's number."""
    return des.encrypt(dpk, random + _two(counter) + _two(number & 0xFFFF))


def load_key(dlk: bytes, random: bytes, counter: int) -> bytes:
    """SESLK, 8 bytes: 3DES of random 4 ‖ online counter 2 ‖ 80 00."""
    return des.encrypt(dlk, random + _two(counter) + _LOAD_FILLING)


def purchase_mac1(key: bytes, amounts: bytes, kind: int, terminal: bytes, time: bytes) -> bytes:
    """MAC1 of the terminal under SESPK: amounts 12 ‖ type ‖ terminal ‖ time; 4 bytes."""
    return des_mac(key, amounts + _one(kind) + terminal + time)


def purchase_mac2(key: bytes, amounts: bytes) -> bytes:
    """MAC2 of the card under SESPK: amounts 12; 4 bytes."""
    return des_mac(key, amounts)


def purchase_tac(
    dtk: bytes,
    amounts: bytes,
    kind: int,
    terminal: bytes,
    number: int,
    time: bytes,
    form: TacForm,
) -> bytes:
    """TAC of a purchase: amounts 12 ‖ type ‖ terminal ‖ transaction number 4 ‖ time; 4 bytes."""
    return tac(dtk, amounts + _one(kind) + terminal + _four(number) + time, form)


def load_mac1(key: bytes, balance: int, amount: int, kind: int, terminal: bytes) -> bytes:
    """MAC1 of the card under SESLK: old balance ‖ amount ‖ type ‖ terminal; 4 bytes."""
    return des_mac(key, _four(balance) + _four(amount) + _one(kind) + terminal)


def load_mac2(key: bytes, amount: int, kind: int, terminal: bytes, time: bytes) -> bytes:
    """MAC2 of the host under SESLK: amount ‖ type ‖ terminal ‖ time; 4 bytes."""
    return des_mac(key, _four(amount) + _one(kind) + terminal + time)


def load_tac(
    dtk: bytes,
    balance: int,
    counter: int,
    amount: int,
    kind: int,
    terminal: bytes,
    time: bytes,
    form: TacForm,
) -> bytes:
    """TAC of a credit: new balance ‖ counter 2 ‖ amount ‖ type ‖ terminal ‖ time; 4 bytes."""
    covered = _four(balance) + _two(counter) + _four(amount) + _one(kind) + terminal + time
    return tac(dtk, covered, form)


def tac(dtk: bytes, data: bytes, form: TacForm) -> bytes:
    """4 bytes under the 16-byte DTK: single DES with its halves joined by XOR, or a retail MAC."""
    if form == "double_length":
        return retail_mac(dtk, data)
    return des_mac(xor_halves(dtk), data)


def xor_halves(key: bytes) -> bytes:
    """Both halves of a 16-byte key joined by XOR: 8 bytes."""
    return bytes(a ^ b for a, b in zip(key[:8], key[8:], strict=True))


def _one(value: int) -> bytes:
    return value.to_bytes(1, "big")


def _two(value: int) -> bytes:
    return value.to_bytes(2, "big")


def _four(value: int) -> bytes:
    return value.to_bytes(4, "big")
