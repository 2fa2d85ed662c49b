"""CVM lists: which rule applies, what comes of it, and what TVR and 9F34 say (ref 14 §3, §5.2)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.card.financial.counter import Bank, Till
from tests.support.debit_card import PIN

from sscard_ic.base.secret import Secret
from sscard_ic.card.financial.application import WrongBankPin
from sscard_ic.card.financial.running import TransactionResult
from sscard_ic.card.financial.terminal import Capabilities
from sscard_ic.codec.pboc.bits import Tsi, Tvr
from sscard_ic.codec.tlv import BerTlv, encode_ber, parse_ber

RIGHT, WRONG = Secret(PIN.encode()), Secret(b"999999")
NO_PIN_PAD = Capabilities(plain_pin=False, online_pin=False)
NOTHING = Tvr(0)


def till(cvm_list: str) -> Till:
    """A card with another CVM list, whose signature is wrong then: nobody looks at it here."""
    made = Till()
    store = made.virtual.store
    record = store.record(3, 1)
    assert record is not None
    (template,) = parse_ber(record)
    items = [
        BerTlv(0x8E, bytes.fromhex(cvm_list)) if each.tag == 0x8E else each
        for each in template.children
    ]
    store.put_record(3, 1, encode_ber(0x70, *(encode_ber(each.tag, each.value) for each in items)))
    return made


def pay(made: Till, terminal: dict[str, Any], purchase: dict[str, Any]) -> TransactionResult:
    fen = purchase.pop("fen", 12_000)
    settings = {"authorities": {}, **terminal}
    return made.pay(fen, Bank(), settings, electronic_cash=False, **purchase)


NO_LIMITS = "0000000000000000"
LIMITS = "00002710" + "00004E20"
"""X 100.00, Y 200.00."""


@pytest.mark.parametrize(
    ("rules", "terminal", "purchase", "results", "bits", "signature"),
    [
        ("0100", {}, {"pin": RIGHT}, "010002", NOTHING, False),
        ("0100", {}, {}, "010001", Tvr.CVM_FAILED | Tvr.PIN_NOT_ENTERED, False),
        ("0100", {}, {"pin": WRONG}, "010001", Tvr.CVM_FAILED, False),
        ("41001E00", {}, {"pin": WRONG}, "1E0000", NOTHING, True),
        ("0300", {}, {"pin": RIGHT}, "030002", NOTHING, True),
        ("0200", {}, {"pin": RIGHT}, "020000", Tvr.ONLINE_PIN, False),
        (
            "0200",
            {"capabilities": NO_PIN_PAD},
            {},
            "020001",
            Tvr.CVM_FAILED | Tvr.NO_PIN_PAD,
            False,
        ),
        ("02031E00", {"capabilities": NO_PIN_PAD}, {}, "1E0000", NOTHING, True),
        ("0203", {"capabilities": NO_PIN_PAD}, {}, "3F0001", Tvr.CVM_FAILED, False),
        ("1F00", {}, {}, "1F0002", NOTHING, False),
        ("2000", {}, {}, "200002", NOTHING, False),
        ("0000", {}, {}, "000001", Tvr.CVM_FAILED, False),
        ("0400", {}, {}, "040001", Tvr.CVM_FAILED | Tvr.CVM_UNKNOWN, False),
        ("44001F00", {}, {}, "1F0002", Tvr.CVM_UNKNOWN, False),
        ("1F06", {}, {"fen": 9_999}, "1F0602", NOTHING, False),
        ("1F06", {}, {"fen": 10_000}, "3F0001", Tvr.CVM_FAILED, False),
        ("1F07", {}, {"fen": 10_001}, "1F0702", NOTHING, False),
        ("1F08", {}, {"fen": 19_999}, "1F0802", NOTHING, False),
        ("1F09", {}, {"fen": 20_001}, "1F0902", NOTHING, False),
        ("1F061F00", {"currency": 0x0840}, {"fen": 1}, "1F0002", NOTHING, False),
        ("1F011F041F00", {}, {"cash": True}, "1F0402", NOTHING, False),
        ("1F011F041F00", {"type": 0x14}, {"cash": True}, "1F0102", NOTHING, False),
        ("1F051F00", {}, {"other": 100}, "1F0502", NOTHING, False),
        ("1F021F00", {}, {"other": 100}, "1F0002", NOTHING, False),
        ("1F02", {}, {}, "1F0202", NOTHING, False),
    ],
)
def test_rules(
    rules: str,
    terminal: dict[str, Any],
    purchase: dict[str, Any],
    results: str,
    bits: Tvr,
    signature: bool,
) -> None:
    result = pay(till(LIMITS + rules), terminal, dict(purchase))
    assert result.values[0x9F34].hex().upper() == results
    mine = Tvr(0x0000FC0000)
    assert Tvr(result.tvr & mine) == bits
    assert (result.signature, bool(result.tsi & Tsi.CARDHOLDER_VERIFICATION)) == (signature, True)


def test_the_tries_of_the_offline_pin() -> None:
    """Each payment costs one; a locked PIN is not presented any more."""
    made = till(NO_LIMITS + "0100")
    for left in (2, 1, 0):
        result = pay(made, {}, {"pin": WRONG})
        assert made.card().get_data(0x9F17) == bytes((left,))
    assert result.tvr & Tvr.PIN_TRIES_EXCEEDED
    result = pay(made, {}, {"pin": RIGHT})
    assert result.tvr & Tvr.PIN_TRIES_EXCEEDED
    (step,) = (each for each in result.steps if each.name == "cardholder")
    assert [each.en for each in step.details] == [
        "0100 plaintext PIN by the card: the PIN is locked"
    ]


def test_a_card_without_cvm() -> None:
    """AIP without b5: nothing is verified."""
    made = Till()
    made.virtual.store.put_option("contact", "3des", 0x82, bytes.fromhex("6C00"))
    result = pay(made, {}, {})
    assert (result.values[0x9F34].hex(), result.tsi & Tsi.CARDHOLDER_VERIFICATION) == ("3f0001", 0)


def test_pin_errors_say_what_is_left() -> None:
    card = Till().card()
    card.open()
    for left in (2, 1, 0):
        with pytest.raises(WrongBankPin) as wrong:
            card.verify_pin(WRONG)
        assert wrong.value.tries_left == left
        assert "999999" not in str(wrong.value)
    with pytest.raises(WrongBankPin, match="6983"):
        card.verify_pin(RIGHT)
    card.select()
    card.open()
    with pytest.raises(WrongBankPin) as later:
        card.verify_pin(RIGHT)
    assert (later.value.tries_left, later.value.sw) == (0, 0x6984)
    assert "发卡行解锁" in later.value.render("zh")
