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


def purchase_block(random: bytes, counter: int, number: int) -> bytes:
    """What gives SESPK: random 4 ‖ offline counter 2 ‖ low 2 of the terminal's number."""
    return random + _two(counter) + _two(number & 0xFFFF)


def purchase_key(dpk: bytes, random: bytes, counter: int, number: int) -> bytes:
    """SESPK, 8 bytes: 3DES of :func:`purchase_block`."""
    return des.encrypt(dpk, purchase_block(random, counter, number))


def load_block(random: bytes, counter: int) -> bytes:
    """What gives SESLK: random 4 ‖ online counter 2 ‖ 80 00."""
    return random + _two(counter) + _LOAD_FILLING


def load_key(dlk: bytes, random: bytes, counter: int) -> bytes:
    """SESLK, 8 bytes: 3DES of :func:`load_block`."""
    return des.encrypt(dlk, load_block(random, counter))


def purchase_mac1_data(amounts: bytes, kind: int, terminal: bytes, time: bytes) -> bytes:
    """What MAC1 of the terminal covers: amounts 12 ‖ type ‖ terminal ‖ time."""
    return amounts + _one(kind) + terminal + time


def purchase_mac1(key: bytes, amounts: bytes, kind: int, terminal: bytes, time: bytes) -> bytes:
    """MAC1 of the terminal under SESPK, 4 bytes."""
    return des_mac(key, purchase_mac1_data(amounts, kind, terminal, time))


def purchase_mac2(key: bytes, amounts: bytes) -> bytes:
    """MAC2 of the card under SESPK: amounts 12; 4 bytes."""
    return des_mac(key, amounts)


def purchase_tac_data(
    amounts: bytes, kind: int, terminal: bytes, number: int, time: bytes
) -> bytes:
    """What the TAC of a purchase covers.

    Amounts 12 ‖ type ‖ terminal ‖ transaction number 4 ‖ time.
    """
    return amounts + _one(kind) + terminal + _four(number) + time


def purchase_tac(
    dtk: bytes,
    amounts: bytes,
    kind: int,
    terminal: bytes,
    number: int,
    time: bytes,
    form: TacForm,
) -> bytes:
    """TAC of a purchase, 4 bytes."""
    return tac(dtk, purchase_tac_data(amounts, kind, terminal, number, time), form)


def load_mac1_data(balance: int, amount: int, kind: int, terminal: bytes) -> bytes:
    """What MAC1 of the card covers: old balance ‖ amount ‖ type ‖ terminal."""
    return _four(balance) + _four(amount) + _one(kind) + terminal


def load_mac1(key: bytes, balance: int, amount: int, kind: int, terminal: bytes) -> bytes:
    """MAC1 of the card under SESLK, 4 bytes."""
    return des_mac(key, load_mac1_data(balance, amount, kind, terminal))


def load_mac2_data(amount: int, kind: int, terminal: bytes, time: bytes) -> bytes:
    """What MAC2 of the host covers: amount ‖ type ‖ terminal ‖ time."""
    return _four(amount) + _one(kind) + terminal + time


def load_mac2(key: bytes, amount: int, kind: int, terminal: bytes, time: bytes) -> bytes:
    """MAC2 of the host under SESLK, 4 bytes."""
    return des_mac(key, load_mac2_data(amount, kind, terminal, time))


def load_tac_data(
    balance: int, counter: int, amount: int, kind: int, terminal: bytes, time: bytes
) -> bytes:
    """What the TAC of a credit covers.

    New balance ‖ counter 2 ‖ amount ‖ type ‖ terminal ‖ time.
    """
    return _four(balance) + _two(counter) + _four(amount) + _one(kind) + terminal + time


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
    """TAC of a credit, 4 bytes."""
    return tac(dtk, load_tac_data(balance, counter, amount, kind, terminal, time), form)


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
