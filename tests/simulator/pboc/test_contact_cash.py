"""Electronic cash on the contact face, loads, and both logs: ref 14 §5.8, §8, 04 §4.3, §8.5."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.contact import AAC, ARQC, TC, Contact
from tests.support.debit_card import SELECT, debit_card

from sscard_ic.simulator import CardLost

CASH = {"9F79": "000000010000", "9F77": "000000100000", "9F78": "000000005000"}
ENTRY = "260115 101112 000000000100 000000000000 0156 0156 53484F50" + "00" * 16 + " 00 0001"
"""9A, 9F21, 9F02, 9F03, 9F1A, 5F2A, 9F4E, 9C, 9F36."""


def _contact(**settings: Any) -> Contact:
    contact = Contact(debit_card(elements=CASH, **settings))
    contact.told[0x9F7A] = "01"
    return contact


def _balance(contact: Contact) -> int:
    return int(contact.card.data("80CA9F7900")[3:].hex())


def _log(contact: Contact, number: int, file: str = "5C") -> str:
    return contact.card.data(f"00B2{number:02X}{file}00").hex().upper()


# A purchase


def test_a_purchase_offline() -> None:
    contact = _contact()
    contact.card.store.put_option("cash", "3des", 0x9F10, bytes.fromhex("07000103000000010A01"))
    contact.card.store.put_flag("online_pending", True)
    locator = contact.start()
    assert locator.endswith(bytes.fromhex("18030301")), "it leads to 9F74"
    answer = contact.first(TC)
    assert (answer.kind, answer.results) == (TC, "900000"), "no other check"
    assert answer.cryptogram == contact.expected(answer)
    assert answer.issuer_data[8:15].hex() == "0a010000009900"
    assert _balance(contact) == 9900
    store = contact.card.store
    assert store.flag("online_pending"), "other counters and flags stay"
    assert [store.counter(name) for name in ("ctta", "offline_currency")] == [0, 0]
    assert _log(contact, 1) == ENTRY.replace(" ", "")


def test_a_purchase_with_sm_algorithms() -> None:
    contact = _contact()
    contact.told[0xDF69] = "01"
    assert contact.start().hex() == "080102002801050120010100"
    answer = contact.first(TC)
    assert (answer.kind, answer.issuer_data[7]) == (TC, 4)
    assert answer.cryptogram == contact.expected(answer)
    assert _balance(contact) == 9900


@pytest.mark.parametrize("asked", [AAC, ARQC])
def test_what_is_no_purchase_offline_costs_nothing(asked: object) -> None:
    contact = _contact()
    contact.told[0x95] = "4800000000"
    contact.start()
    assert contact.first(asked).kind is asked  # type: ignore[arg-type]
    assert _balance(contact) == 10000
    if asked is ARQC:
        assert contact.authenticate() == "9000"
        assert contact.second(TC).kind is TC
        assert _balance(contact) == 10000, "the main account pays"
    else:
        assert contact.card.store.flag("sda_failed")
        assert contact.card.store.flag("dda_failed")


def test_failures_of_the_last_transaction_are_told() -> None:
    contact = _contact()
    contact.card.store.put_flag("sda_failed", True)
    contact.card.store.put_flag("dda_failed", True)
    contact.start()
    assert contact.first(TC).results == "900104"


def test_unable_to_go_online_is_a_debit() -> None:
    contact = _contact()
    contact.card.store.drop("elements/9F5C")
    contact.card.store.drop("elements/9F59")
    contact.start()
    contact.first(ARQC)
    assert contact.second(TC, "Y3").kind is TC
    assert _balance(contact) == 10000
    assert contact.card.store.counter("ctta") == 100


@pytest.mark.parametrize(
    ("amount", "kind"), [("000000005000", TC), ("000000005001", AAC), ("00000000000A", AAC)]
)
def test_another_amount_behind_gpo(amount: str, kind: object) -> None:
    """No more than limit and balance goes away, whatever GPO said."""
    contact = _contact()
    contact.start()
    contact.told[0x9F02] = amount
    assert contact.first(TC).kind is kind
    assert _balance(contact) == (5000 if kind is TC else 10000)


def test_data_compared_with_those_of_gpo() -> None:
    """ref 04 §5.1: where the settings say so."""
    contact = _contact(cash_integrity=True)
    contact.start()
    assert contact.first(TC).kind is TC
    contact.start()
    contact.told[0x9F02] = "000000000200"
    assert contact.first(TC).kind is AAC
    assert _balance(contact) == 9900


def test_the_balance_is_spent_to_the_last() -> None:
    contact = _contact()
    contact.card.store.put_element(0x9F79, bytes.fromhex("000000000150"))
    contact.start()
    contact.first(TC)
    assert _balance(contact) == 50
    assert not contact.start().endswith(bytes.fromhex("030301")), "not enough for cash"


def test_a_blocked_application_pays_nothing() -> None:
    contact = _contact()
    contact.card.store.block()
    contact.start()
    assert contact.first(TC).kind is AAC
    assert _balance(contact) == 10000


def test_power_cut_before_the_purchase_is_kept() -> None:
    contact = _contact()
    contact.start()
    with pytest.raises(CardLost):
        contact.card.chip.transmit_torn(bytes.fromhex(contact.command(False, TC)))
    contact.card.chip.power_on()
    contact.card.data(SELECT)
    assert _balance(contact) == 10000
    assert contact.card.sw("00B2015C00") == "6A83"


# Loads


def test_a_load_is_logged() -> None:
    contact = _contact()
    contact.told[0x9F7A] = "00"
    contact.complete()
    assert contact.put("9F79", "000000020000") == "9000"
    assert _balance(contact) == 20000
    fields = "260115" + "101112" + "0156" + "53484F50" + "00" * 16 + "0001"
    assert _log(contact, 1, "64") == "9F79" + "000000010000" + "000000020000" + fields
    assert contact.put("9F78", "000000006000") == "9000"
    assert contact.card.sw("00B2026400") == "6A83", "balances alone"


def test_loads_are_not_logged_where_the_settings_say_so() -> None:
    contact = _contact(load_log=False)
    contact.complete()
    contact.put("9F79", "000000020000")
    assert contact.card.sw("00B2016400") == "6A83"


def test_a_load_of_the_second_currency() -> None:
    contact = _contact()
    second = {0xDF71: "0344", 0xDF79: "000000000700", 0xDF77: "000000001000"}
    for tag, value in second.items():
        contact.card.store.put_element(tag, bytes.fromhex(value))
    contact.complete()
    assert contact.put("DF79", "000000001001") == "6A80"
    assert contact.put("DF79", "000000001000") == "9000"
    assert _log(contact, 1, "64").startswith("DF79" + "000000000700" + "000000001000")


# The log of transactions


def test_the_log_keeps_the_newest_first_and_drops_the_oldest() -> None:
    contact = _contact()
    for amount in range(1, 13):
        contact.told[0x9F02] = f"{amount:012d}"
        contact.start()
        assert contact.first(TC).kind is TC
    entries = [_log(contact, number) for number in range(1, 11)]
    assert [int(entry[12:24]) for entry in entries] == list(range(12, 2, -1))
    assert contact.card.sw("00B20B5C00") == "6A83"


@pytest.mark.parametrize("end", ["declined", "declined online", "approved online"])
def test_only_approved_transactions_are_logged(end: str) -> None:
    contact = _contact()
    contact.told[0x9F7A] = "00"
    if end == "declined":
        contact.start()
        contact.first(AAC)
    else:
        contact.go_online()
        contact.authenticate()
        assert contact.card.sw("00B2015C00") == "6A83", "not yet"
        contact.second(TC if end == "approved online" else AAC)
    logged = [contact.card.sw(f"00B20{number}5C00") for number in (1, 2)]
    assert logged == ["9000" if end == "approved online" else "6A83", "6A83"]


@pytest.mark.parametrize("missing", ["entry", "format"])
def test_a_card_that_keeps_no_log(missing: str) -> None:
    contact = _contact()
    if missing == "format":
        contact.card.store.drop("elements/9F4F")
    else:
        content = contact.card.store.fci("contact") or b""
        contact.card.store.put_fci("contact", content[: content.index(b"\xbf\x0c")])
    contact.start()
    assert contact.first(TC).kind is TC
    assert contact.card.sw("00B2015C00") == ("6A83" if missing == "format" else "6A82")
