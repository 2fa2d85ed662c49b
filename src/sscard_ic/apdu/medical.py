"""Commands of the medical account, CLA B0, and their answers taken apart (ref 12 §4).

Amounts are fen, four bytes, the highest first. A terminal number has 6 bytes, a time 7 bytes BCD
YYYYMMDDhhmmss, a MAC or TAC 4 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from construct import Byte, Bytes, Construct, Int16ub, Int32ub, Struct, Terminated

from sscard_ic.apdu.command import ApduError, Command

CLASS = 0xB0
GET_BALANCE, INITIALIZE, CREDIT, DEBIT, GET_PROOF, STARTING_DAY = (
    0x26,
    0x28,
    0x2A,
    0x2C,
    0x2E,
    0x56,
)
"""INS of GET BALANCE, INITIALIZE FOR LOAD and PURCHASE, CREDIT FOR LOAD, DEBIT FOR PURCHASE, GET
TRANSACTION PROOF, READ and UPDATE STARTING DAY."""

FOR_LOAD, FOR_PURCHASE = 0x00, 0x01
"""P1 of INITIALIZE."""
ACCOUNT, SELF_PAID, POOLED = 0x01, 0x02, 0x03
"""P2 of GET BALANCE: the account, the annual self-paid and the annual pooled total."""
UPDATE_DAY, READ_DAY = 0x00, 0x01
"""P1 of the STARTING DAY commands."""

TERMINAL_LENGTH = 6
TIME_LENGTH = 7
MAC_LENGTH = 4
RANDOM_LENGTH = 4
LOG_RECORD_LENGTH = 28
LARGEST_AMOUNT = 0xFFFF_FFFF
LARGEST_COUNTER = 0xFFFF

TYPE_CREDIT, TYPE_PURCHASE = 0x31, 0x32
"""Types of a transaction: the characters 1 and 2 (ref 12 §1 item 4)."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """The three amounts of a settlement in fen, always in this order (ref 12 §1 item 2, §2).

    Raises ``ValueError`` for a negative amount or one above FFFFFFFF.
    """

    account: int
    """A1, taken from the personal account."""
    self_paid: int
    """A2."""
    pooled: int
    """A3, paid by the pooled fund."""

    def __post_init__(self) -> None:
        for amount in (self.account, self.self_paid, self.pooled):
            if not 0 <= amount <= LARGEST_AMOUNT:
                raise ValueError(f"{amount} fen do not fit the four bytes of an amount")

    def __bytes__(self) -> bytes:
        return b"".join(
            part.to_bytes(4, "big") for part in (self.account, self.self_paid, self.pooled)
        )


@dataclass(frozen=True, slots=True)
class PurchaseOffer:
    """The card's answer to INITIALIZE FOR PURCHASE: balances, and what SESPK is made of."""

    balance: int
    self_paid: int
    """Annual total (SPIP)."""
    pooled: int
    """Annual total (SPFP)."""
    year: bytes
    """Payment year, 2 bytes as the card codes it."""
    counter: int
    """Offline counter: the number of this purchase."""
    key_version: int
    algorithm: int
    random: bytes

    @classmethod
    def parse(cls, data: bytes) -> PurchaseOffer:
        """The offer in 22 bytes; raises :class:`ApduError` for another length."""
        found = _parsed(_PURCHASE_OFFER, data, PURCHASE_OFFER_LENGTH, "INITIALIZE FOR PURCHASE")
        return cls(*(found[field.name] for field in fields(cls)))


@dataclass(frozen=True, slots=True)
class LoadOffer:
    """The card's answer to INITIALIZE FOR LOAD, with its own MAC1."""

    balance: int
    counter: int
    """Online counter: the number of this credit."""
    key_version: int
    algorithm: int
    random: bytes
    mac1: bytes

    @classmethod
    def parse(cls, data: bytes) -> LoadOffer:
        """The offer in 16 bytes; raises :class:`ApduError` for another length."""
        found = _parsed(_LOAD_OFFER, data, LOAD_OFFER_LENGTH, "INITIALIZE FOR LOAD")
        return cls(*(found[field.name] for field in fields(cls)))


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record of the transaction log, 28 bytes (ref 12 §3.4)."""

    sequence: int
    kind: int
    """:data:`TYPE_CREDIT` or :data:`TYPE_PURCHASE`; whatever else the card holds."""
    terminal: bytes
    time: bytes
    amounts: Amounts

    def __bytes__(self) -> bytes:
        head = self.sequence.to_bytes(2, "big") + bytes((self.kind,))
        return head + self.terminal + self.time + bytes(self.amounts)

    @classmethod
    def parse(cls, data: bytes) -> LogRecord:
        """The record in 28 bytes; raises :class:`ApduError` for another length."""
        found = _parsed(_LOG_RECORD, data, LOG_RECORD_LENGTH, "a log record")
        amounts = Amounts(found.account, found.self_paid, found.pooled)
        return cls(found.sequence, found.kind, found.terminal, found.time, amounts)


_PURCHASE_OFFER = Struct(
    "balance" / Int32ub,
    "self_paid" / Int32ub,
    "pooled" / Int32ub,
    "year" / Bytes(2),
    "counter" / Int16ub,
    "key_version" / Byte,
    "algorithm" / Byte,
    "random" / Bytes(RANDOM_LENGTH),
    Terminated,
)

_LOAD_OFFER = Struct(
    "balance" / Int32ub,
    "counter" / Int16ub,
    "key_version" / Byte,
    "algorithm" / Byte,
    "random" / Bytes(RANDOM_LENGTH),
    "mac1" / Bytes(MAC_LENGTH),
    Terminated,
)

_LOG_RECORD = Struct(
    "sequence" / Int16ub,
    "kind" / Byte,
    "terminal" / Bytes(TERMINAL_LENGTH),
    "time" / Bytes(TIME_LENGTH),
    "account" / Int32ub,
    "self_paid" / Int32ub,
    "pooled" / Int32ub,
    Terminated,
)

PURCHASE_OFFER_LENGTH = 22
LOAD_OFFER_LENGTH = 16
_TOTAL_LENGTH = 6


def time_bytes(moment: datetime) -> bytes:
    """YYYYMMDDhhmmss as 7 bytes BCD."""
    return bytes.fromhex(f"{moment:%Y%m%d%H%M%S}".rjust(2 * TIME_LENGTH, "0"))


def get_balance(which: int) -> Command:
    """C1-C3: :data:`ACCOUNT` (answer 4), :data:`SELF_PAID` or :data:`POOLED` (answer 6)."""
    return Command(CLASS, GET_BALANCE, 0x00, which, b"", 4 if which == ACCOUNT else _TOTAL_LENGTH)


def initialize_for_load(index: int, amount: int, terminal: bytes, p2: int = ACCOUNT) -> Command:
    """C4: key index 1 ‖ amount 4 ‖ terminal 6, answer 16."""
    data = bytes((index,)) + amount.to_bytes(4, "big") + terminal
    return Command(CLASS, INITIALIZE, FOR_LOAD, p2, data, LOAD_OFFER_LENGTH)


def credit_for_load(time: bytes, mac2: bytes) -> Command:
    """C5: time 7 ‖ MAC2 4, answer TAC 4."""
    return Command(CLASS, CREDIT, 0x00, 0x00, time + mac2, MAC_LENGTH)


def initialize_for_purchase(
    index: int, amounts: Amounts, terminal: bytes, p2: int = ACCOUNT
) -> Command:
    """C6: key index 1 ‖ amounts 12 ‖ terminal 6, answer 22."""
    data = bytes((index,)) + bytes(amounts) + terminal
    return Command(CLASS, INITIALIZE, FOR_PURCHASE, p2, data, PURCHASE_OFFER_LENGTH)


def debit_for_purchase(number: int, time: bytes, mac1: bytes) -> Command:
    """C7: terminal's transaction number 4 ‖ time 7 ‖ MAC1 4, answer TAC 4 ‖ MAC2 4."""
    data = number.to_bytes(4, "big") + time + mac1
    return Command(CLASS, DEBIT, 0x01, 0x00, data, 2 * MAC_LENGTH)


def get_transaction_proof(kind: int, counter: int) -> Command:
    """C8: the type in P2, counter 2; answer 8, in the order that the card has."""
    data = counter.to_bytes(2, "big")
    return Command(CLASS, GET_PROOF, 0x00, kind, data, 2 * MAC_LENGTH)


def read_starting_day() -> Command:
    """C9: answer 2."""
    return Command(CLASS, STARTING_DAY, READ_DAY, 0x00, b"", 2)


def update_starting_day(day: bytes) -> Command:
    """C10: the starting day in 2 bytes as the card codes it."""
    return Command(CLASS, STARTING_DAY, UPDATE_DAY, 0x00, day)


def parse_balance(data: bytes) -> int:
    """The answer to C1; raises :class:`ApduError` for another length than 4."""
    return int.from_bytes(_exactly(data, 4, "a balance"), "big")


def parse_total(data: bytes) -> tuple[int, bytes]:
    """The answer to C2 and C3: annual total, payment year as the card codes it (2 bytes)."""
    _exactly(data, _TOTAL_LENGTH, "an annual total")
    return int.from_bytes(data[:4], "big"), data[4:]


def parse_debit_answer(data: bytes) -> tuple[bytes, bytes]:
    """The answer to C7: TAC, MAC2; raises :class:`ApduError` for another length than 8."""
    _exactly(data, 2 * MAC_LENGTH, "DEBIT FOR PURCHASE")
    return data[:MAC_LENGTH], data[MAC_LENGTH:]


def parse_tac(data: bytes) -> bytes:
    """The answer to C5: TAC; raises :class:`ApduError` for another length than 4."""
    return _exactly(data, MAC_LENGTH, "CREDIT FOR LOAD")


def _parsed(layout: Construct, data: bytes, length: int, what: str) -> Any:
    return layout.parse(_exactly(data, length, what))


def _exactly(data: bytes, length: int, what: str) -> bytes:
    if len(data) != length:
        raise ApduError(f"{what} has {length} bytes, not {len(data)}")
    return data
