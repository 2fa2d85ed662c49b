"""What a refused, cut or odd command of a transaction leaves behind: nothing."""

from __future__ import annotations

import pytest
from tests.support.contact import AAC, ARQC, FIRST_LIST, SECOND_LIST, TC, Contact
from tests.support.contactless import (
    Tap,
    answer,
    read_all,
    read_command,
    send_tap,
)
from tests.support.debit_card import DebitCard, debit_card

from sscard_ic.codec.pboc.bits import Kind
from sscard_ic.codec.tlv import parse_ber
from sscard_ic.crypto.suites import Algorithm

CASH = {"9F79": "000000050000", "9F78": "000000050000"}
FDDA_01 = "26000080"


def generate(contact: Contact, asked: Kind, *, second: bool = False) -> str:
    """GENERATE AC with CDA; the status word."""
    data = (SECOND_LIST if second else FIRST_LIST).join(contact.values)
    return contact.card.sw(f"80AE{asked << 6 | 0x10:02X}00{len(data):02X}{data.hex()}00")


def put_issuer_data(card: DebitCard, algorithm: Algorithm, value: str) -> None:
    """Other issuer data of GENERATE AC."""
    card.store.put_option("contact", algorithm, 0x9F10, bytes.fromhex(value))


def states(card: DebitCard) -> dict[str, object]:
    """What the memory holds of the application."""
    return {k: v for k, v in card.chip.persistent_state().items() if "/elements/5" not in k}


@pytest.mark.parametrize("asked", [TC, ARQC], ids=["TC", "ARQC"])
def test_a_signature_that_fails_leaves_nothing(asked: Kind) -> None:
    card = debit_card(elements=CASH)
    card.store.sm2_private = bytes(32)
    contact = Contact(card)
    contact.told |= {0x9F7A: "01", 0xDF69: "01"}
    contact.start()
    before = states(card)
    assert generate(contact, asked) == "6985"
    assert states(card) == before
    found = contact.first(asked)
    assert (found.kind, found.results[-2:]) == (asked, "00"), "no DDA that was not performed"


@pytest.mark.parametrize("code", ["00", "Y3"])
def test_a_second_signature_that_fails_leaves_nothing(code: str) -> None:
    card = debit_card()
    card.store.put_option("contact", "3des", 0x82, bytes.fromhex("7D00"))
    contact = Contact(card)
    contact.go_online()
    contact.told[0x8A] = code.encode().hex()
    assert contact.authenticate() == "9000"
    card.store.put_rsa_part("exponent_q", bytes(63) + b"\x03")
    before = states(card)
    assert generate(contact, TC, second=True) == "6985"
    assert states(card) == before
    assert contact.second(TC, code).kind is TC


def test_amounts_without_their_key_leave_nothing() -> None:
    card = debit_card()
    put_issuer_data(card, "3des", "07000103000000010A01")
    card.store.drop("keys/3des/mac")
    contact = Contact(card)
    contact.start()
    before = states(card)
    assert generate(contact, ARQC) == "6985"
    assert states(card) == before


def test_a_prepaid_payment_without_its_key_costs_nothing() -> None:
    card = debit_card(interface="contactless", elements=CASH | {"9F68": "90800000"})
    card.store.put_option("contactless", "3des", 0x9F10, bytes.fromhex("07000103000000010A01"))
    card.store.drop("keys/3des/mac")
    assert str(send_tap(card, Tap(qualifiers="26800000")).sw) == "6985"
    assert card.store.element(0x9F79) == bytes.fromhex(CASH["9F79"])
    assert card.store.last_online == 0


def test_amounts_of_an_answer_are_those_after_it() -> None:
    """Ref 14 §6.2, §8.1: computed before the balance changes, told as changed."""
    card = debit_card(elements=CASH)
    put_issuer_data(card, "3des", "07000103000000010A05")
    contact = Contact(card)
    contact.told[0x9F7A] = "01"
    contact.start()
    found = contact.first(TC)
    assert found.issuer_data[9:15].hex() == "050000049900"
    assert card.store.element(0x9F79) == bytes.fromhex("000000049900")


@pytest.mark.parametrize("asked", [TC, ARQC], ids=["TC", "ARQC"])
@pytest.mark.parametrize("second_purse", [False, True], ids=["one purse", "two purses"])
def test_the_purse_is_that_of_gpo(second_purse: bool, asked: Kind) -> None:
    second = {"DF71": "0840", "DF79": "000000050000", "DF78": "000000050000"}
    card = debit_card(elements=CASH | (second if second_purse else {}))
    contact = Contact(card)
    contact.told[0x9F7A] = "01"
    contact.start()
    contact.told[0x5F2A] = "0840"
    assert contact.first(asked).kind is AAC
    assert card.store.element(0x9F79) == bytes.fromhex(CASH["9F79"])
    assert card.store.element(0xDF79) in (None, bytes.fromhex(CASH["9F79"]))
    assert not card.store.log("transactions")


OFFLINE = {"9F53": "FF", "9F54": "000000001000", "9F58": "FF", "9F72": "FF", "9F13": "0001"}


@pytest.mark.parametrize("online", [False, True], ids=["at once", "unable to go online"])
def test_an_amount_that_is_no_number_is_declined(online: bool) -> None:
    card = debit_card(elements=OFFLINE | {"9F59": "FF", "9F5C": "000000001000"})
    contact = Contact(card)
    contact.start()
    if online:
        contact.first(ARQC)
    contact.told[0x9F02] = "00000000000A"
    found = contact.second(TC, "Y3") if online else contact.first(TC)
    assert found.kind is AAC
    assert not card.store.log("transactions")
    assert card.store.counter("ctta") == 0


@pytest.mark.parametrize("length", ["01", "0A", "FF"], ids=["too few", "one less", "too many"])
def test_a_payment_counts_with_the_whole_last_record(length: str) -> None:
    """6Cxx is no record, and one that is refused may be read again (ref 14 §9.6)."""
    card = debit_card(interface="contactless", elements=CASH | {"9F68": "80100000"})
    found = answer(card, Tap())
    *others, last = found.records
    read_all(card, others)
    command = read_command(*last)
    assert card.chip.transmit(bytes.fromhex(command[:-2] + length))[:1] == b"\x6c"
    assert card.store.flag("interrupted")
    assert not card.store.log("transactions")
    assert card.sw("80CA9F3600") == "9000", "another answer that goes out whole"
    assert card.store.flag("interrupted")
    assert card.data(command)
    assert not card.store.flag("interrupted")
    assert len(card.store.log("transactions")) == 1


@pytest.mark.parametrize("signed", [False, True])
def test_a_signed_last_record_stays_as_it_is(signed: bool) -> None:
    """9F69 would break what the issuer signed: fDDA 00 instead of 01."""
    elements = CASH | {"9F68": "80000000", "9F08": "0030"}
    card = debit_card(interface="contactless", elements=elements)
    locator = card.store.option("contactless", "3des", 0x94) or b""
    card.store.put_option("contactless", "3des", 0x94, locator[:-1] + bytes((signed,)))
    found = answer(card, Tap(qualifiers=FDDA_01))
    plain = answer(debit_card(interface="contactless", elements=elements), Tap())
    last = read_all(card, found.records)[-1]
    assert (parse_ber(last)[0].find(0x9F69) is None) is signed
    assert (found.get(0x9F4B) == plain.get(0x9F4B)) is signed
