"""The power fails at every exchange of a load and of a contactless payment (ref 14 §8.3, §9.6).

Once before the card executes, once after it with the answer lost; then the job is done again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest
from tests.support import contactless as air
from tests.support.contact import TC, TERMINAL, Answer, Contact
from tests.support.debit_card import SELECT, DebitCard, debit_card

from sscard_ic.apdu import Response
from sscard_ic.codec.tlv import parse_ber
from sscard_ic.simulator import CardLost

When = Literal["before", "after"]
START, LOADED, PAID = 10000, 5000, 4000
LOAD_EXCHANGES, PAYMENT_EXCHANGES = 6, 11
FDDA_01 = "26000080"
_APART = ("/counters/", "/elements/9F13", "/logs/", "/authentication")
"""Counters and random values: they differ after a second try."""


class PowerCut(Exception):
    """The terminal has no answer."""


@dataclass
class CutCard(DebitCard):
    """A card whose power fails once."""

    at: int = -1
    """Number of the exchange, from 0; -1: never."""
    when: When = "before"
    exchanges: int = 0

    @classmethod
    def of(cls, card: DebitCard, at: int, when: When) -> CutCard:
        return cls(card.chip, card.randomness, card.store, card.model, card.protocol, at, when)

    def send(self, apdu: str) -> Response:
        self.exchanges += 1
        if self.exchanges - 1 != self.at:
            return super().send(apdu)
        transmit = self.chip.transmit_torn if self.when == "before" else self.chip.transmit
        try:
            transmit(bytes.fromhex(apdu))
        except CardLost:
            assert self.when == "before"
        self.chip.power_off()
        raise PowerCut

    def present_again(self) -> None:
        self.chip.power_on()


def kept(card: DebitCard) -> dict[str, Any]:
    """The memory, counters and random values apart."""
    states = card.chip.persistent_state().items()
    return {path: state for path, state in states if not any(part in path for part in _APART)}


# Load


class Bank:
    """The account of the holder, and a load that is not confirmed."""

    def __init__(self) -> None:
        self.account = 100000
        self.unconfirmed: int | None = None
        """Balance of the card before it."""
        self.done = False

    def settle(self, answer: Answer) -> int:
        """The card's balance, by which an unconfirmed load is settled or given back."""
        balance = int(answer.issuer_data[10:15].hex())
        if self.unconfirmed is not None:
            self.done = balance == self.unconfirmed + LOADED
            assert self.done or balance == self.unconfirmed
            self.account += 0 if self.done else LOADED
            self.unconfirmed = None
        return balance

    def load(self, balance: int) -> str:
        """Take the money from the account; the new balance."""
        self.account -= LOADED
        self.unconfirmed = balance
        return f"{balance + LOADED:012d}"

    def confirm(self) -> None:
        """The script was carried out."""
        self.unconfirmed, self.done = None, True


def load(card: DebitCard, bank: Bank) -> None:
    """SELECT, GPO, GENERATE AC, EXTERNAL AUTHENTICATE, GENERATE AC, PUT DATA."""
    contact = Contact(card, dict(TERMINAL))
    answer = contact.go_online()
    assert contact.expected(answer) == answer.cryptogram
    balance = bank.settle(answer)
    new = None if bank.done else bank.load(balance)
    assert contact.authenticate() == "9000"
    assert contact.second(TC).kind is TC
    if new is not None:
        assert contact.put("9F79", new) == "9000"
        bank.confirm()


def loadable(at: int, when: When) -> CutCard:
    card = debit_card(elements={"9F79": f"{START:012d}"})
    card.store.put_option("contact", "3des", 0x9F10, bytes.fromhex("07000103000000010A01"))
    return CutCard.of(card, at, when)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(LOAD_EXCHANGES))
def test_load_is_cut(at: int, when: When) -> None:
    undisturbed, bank = loadable(-1, when), Bank()
    load(undisturbed, bank)
    assert (undisturbed.exchanges, bank.account) == (LOAD_EXCHANGES, 95000)
    card, bank = loadable(at, when), Bank()
    with pytest.raises(PowerCut):
        load(card, bank)
    card.present_again()
    executed = at == LOAD_EXCHANGES - 1 and when == "after"
    assert air.balance(card) == START + LOADED * executed if card.sw(SELECT) == "9000" else False
    load(card, bank)
    assert (bank.account, bank.done) == (95000, True)
    card.send(SELECT)
    assert air.balance(card) == START + LOADED
    assert kept(card) == kept(undisturbed)


# Payment


@dataclass
class Till:
    """A terminal that gives a payment up, or asks for its last record once more."""

    persistent: bool
    received: int = 0
    answer: air.Answer | None = None
    """The TC of a payment whose last record alone is missing."""

    def pay(self, card: DebitCard) -> None:
        """SELECT, GPO, all records; first the record that is missing."""
        if self.answer is not None and self.persistent and self._finishes(card):
            return
        self.answer = None
        answer = air.answer(card, air.Tap(PAID, FDDA_01))
        assert answer.kind == "TC"
        *others, last = answer.records
        air.read_all(card, others)
        self.answer = answer
        self._accept(air.read_all(card, [last])[0])

    def _finishes(self, card: DebitCard) -> bool:
        assert self.answer is not None
        card.send(SELECT)
        return self._accept(card.data(air.read_command(*self.answer.records[-1])))

    def _accept(self, last: bytes) -> bool:
        """Whether the last record holds what the signature of version 01 covers."""
        complete = parse_ber(last)[0].find(0x9F69) is not None
        self.received += PAID * complete
        return complete


def payable(at: int, when: When) -> CutCard:
    elements = {"9F79": f"{START:012d}", "9F68": "8010F000", "9F13": "0001"}
    return CutCard.of(debit_card(interface="contactless", elements=elements), at, when)


@pytest.mark.parametrize("persistent", [True, False], ids=["last record again", "new payment"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(PAYMENT_EXCHANGES))
def test_payment_is_cut(at: int, when: When, persistent: bool) -> None:
    """One payment is paid once, unless the answer to the last record is lost and never asked for.

    Then the card has paid and the terminal knows nothing of it: what the standard accepts.
    """
    undisturbed = payable(-1, when)
    Till(persistent).pay(undisturbed)
    assert undisturbed.exchanges == PAYMENT_EXCHANGES
    card, till = payable(at, when), Till(persistent)
    with pytest.raises(PowerCut):
        till.pay(card)
    assert till.received == 0
    card.present_again()
    till.pay(card)
    lost = at == PAYMENT_EXCHANGES - 1 and when == "after" and not persistent
    assert till.received == PAID
    card.send(air.options_command(card, air.Tap(0)))
    undisturbed.send(air.options_command(undisturbed, air.Tap(0)))
    assert air.balance(card) == START - PAID * (2 if lost else 1)
    if not lost:
        assert kept(card) == kept(undisturbed)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("face", ["contact", "contactless"])
def test_taking_back_is_cut(face: Literal["contact", "contactless"], when: When) -> None:
    """The GPO that takes an unread payment back fails: the next one does it."""
    card = payable(-1, when)
    air.read_all(card, air.answer(card, air.Tap(PAID)).records[:-1])
    card.chip.power_off()
    other = CutCard.of(card.face(face), 1, when)
    other.present_again()
    told = TERMINAL | {0x9F66: air.DEBIT}
    with pytest.raises(PowerCut):
        Contact(other, told).start()
    assert card.store.flag("interrupted") == (when == "before")
    other.present_again()
    Contact(other, told).start()
    assert air.balance(other) == START
