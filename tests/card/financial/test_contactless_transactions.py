"""Contactless payments with the card of ref 04 appendix D: qPBOC offline, online, declined."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from tests.card.financial.counter import Bank, Till, cash
from tests.support.debit_card import PIN

from sscard_ic.base.secret import Secret
from sscard_ic.card.financial.commands import UnusableCard
from sscard_ic.card.financial.terminal import Capabilities
from sscard_ic.codec.pboc.bits import Kind, Tvr

HOLDER = Secret(PIN.encode())
RICH = cash(50_000) | {"9F68": "8100F000"}
"""Low-value check with the amount that is left, online PIN and signature; no new-card check."""


def till(elements: dict[str, str] | None = None, **more: Any) -> Till:
    return Till("contactless", RICH | (elements or {}), **more)


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_offline_payment(algorithm: str) -> None:
    counter, bank = till(), Bank()
    result = counter.pay(1_000, bank, {"algorithm": algorithm})
    assert (result.outcome, result.path, result.kind) == ("approved", "contactless", Kind.TC)
    assert (result.offline.method, result.offline.passed) == ("fdda", True)
    assert (counter.balance, bank.asked, result.confirmation) == (49_000, [], None)
    assert result.data is not None and result.data[0x9F5D].hex() == "000000049000"
    assert result.values[0x9F27] == b"\x40"


@pytest.mark.parametrize(
    ("fen", "terminal", "elements", "kind", "outcome", "left"),
    [
        (50_001, {}, {}, Kind.ARQC, "approved", 50_000),
        (50_001, {"type": 0x23}, {}, Kind.AAC, "declined", 50_000),
        (1_000, {"contactless_floor_limit": 999}, {}, Kind.ARQC, "approved", 50_000),
        (1_000, {"contactless_floor_limit": 1_000}, {}, Kind.TC, "approved", 49_000),
        (1_000, {}, {"9F6D": "000000049001"}, Kind.ARQC, "approved", 50_000),
        (0, {}, {}, Kind.ARQC, "approved", 50_000),
        (0, {"type": 0x23}, {}, None, "other_interface", 50_000),
        (1_000, {"contactless_limit": 1_000}, {}, None, "other_interface", 50_000),
        (100, {"status_check": True}, {}, Kind.ARQC, "approved", 50_000),
        (1_000, {}, {"9F68": "83000000"}, Kind.TC, "approved", 49_000),
        (60_000, {}, {"9F68": "83000000"}, None, "other_interface", 50_000),
    ],
    ids=[
        "too_much_online",
        "too_much_offline_only",
        "above_the_floor",
        "at_the_floor",
        "threshold",
        "nothing",
        "nothing_offline_only",
        "limit",
        "status_check",
        "offline_though_it_prefers_contact",
        "prefers_contact",
    ],
)
def test_ways(
    fen: int,
    terminal: dict[str, Any],
    elements: dict[str, str],
    kind: Kind | None,
    outcome: str,
    left: int,
) -> None:
    counter = till(elements)
    result = counter.pay(fen, Bank(), terminal)
    assert (result.kind, result.outcome, counter.balance) == (kind, outcome, left)


def test_online_pin_and_refusal_of_the_bank() -> None:
    """Above the card's CVM limit the PIN goes to the bank; without one the payment ends."""
    limits = {"9F6B": "000000000500"}
    counter, bank = till(limits), Bank(b"51")
    refused = counter.pay(1_000, bank, pin=HOLDER)
    assert (refused.outcome, bank.asked[0].pin) == ("declined", HOLDER)
    assert bank.asked[0].contactless and bank.asked[0].values[0x9F27] == b"\x80"
    without = counter.pay(1_000, Bank())
    assert without.tvr & Tvr.PIN_NOT_ENTERED and without.outcome == "declined"
    signing = {"capabilities": Capabilities(online_pin=False)}
    signed = till(limits | {"9F68": "81001000"}).pay(1_000, Bank(), signing)
    assert (signed.outcome, signed.signature) == ("approved", True)


def test_an_expired_card_takes_its_money_back() -> None:
    """The terminal leaves it before its last record (ref 14 §9.6)."""
    counter = till()
    result = counter.pay(1_000, Bank(), at=datetime(2050, 1, 1))
    assert (result.outcome, result.tvr) == ("declined", Tvr.EXPIRED)
    again = counter.pay(0, Bank())
    assert (again.kind, counter.balance) == (Kind.ARQC, 50_000)


def _other_signature(command: bytes, answer: bytes) -> bytes:
    """The signature of another card: a bit of it is changed, wherever it is answered."""
    mark = answer.find(b"\x9f\x4b\x81\x80")
    if mark < 0:
        return answer
    at = mark + 40
    return answer[:at] + bytes((answer[at] ^ 1,)) + answer[at + 1 :]


@pytest.mark.parametrize(
    ("qualifiers", "terminal", "outcome", "asked"),
    [
        ("2000", {}, "approved", 1),
        ("2000", {"type": 0x23}, "declined", 0),
        ("1000", {}, "other_interface", 0),
        ("0000", {}, "declined", 0),
    ],
    ids=["online", "offline_only", "other_interface", "declined"],
)
def test_wrong_signature(
    qualifiers: str, terminal: dict[str, Any], outcome: str, asked: int
) -> None:
    """What the card transaction qualifiers want after a failed fDDA (ref 14 §9.9)."""
    counter, bank = till({"9F6C": qualifiers}, change=_other_signature), Bank()
    result = counter.pay(1_000, bank, terminal)
    assert result.tvr & Tvr.DDA_FAILED and not result.offline.passed
    assert (result.outcome, len(bank.asked)) == (outcome, asked)


def test_an_answer_without_what_it_must_hold() -> None:
    def cut(command: bytes, answer: bytes) -> bytes:
        return answer.replace(b"\x9f\x36\x02", b"\x9f\x35\x02") if command[1] == 0xA8 else answer

    with pytest.raises(UnusableCard, match="9F36"):
        till(change=cut).pay(1_000, Bank())


def test_reading_by_the_contactless_face() -> None:
    """Nothing is spent; what the face gives depends on the card."""
    counter = till()
    found = counter.card().read()
    assert (found.masked_pan, found.balance, counter.balance) == (
        "888880******3456",
        50_000,
        50_000,
    )
    assert found.holder == "SAMPLE/CARD"
