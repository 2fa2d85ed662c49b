"""Commands of issuer scripts: ref 14 §4.1, §5.7, §6.3, §6.4."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.contact import AAC, ARQC, TC, Contact
from tests.support.debit_card import SELECT, debit_card

BLOCK, UNBLOCK, CARD_BLOCK, PIN_UNBLOCK = "841E0000", "84180000", "84160000", "84240000"
PSE = "00A404000E315041592E5359532E444446303100"
LIMIT = "9F77"


def _contact(*, elements: dict[str, str] | None = None, **settings: Any) -> Contact:
    """A completed online transaction: scripts may follow."""
    cash = {"9F79": "000000001000", "9F77": "000000100000"}
    contact = Contact(debit_card(elements=cash | (elements or {}), **settings))
    contact.complete()
    return contact


def _results(contact: Contact) -> str:
    """CVR of the next transaction."""
    contact.start()
    return contact.first(AAC).results


# Blocks


def test_application_block_and_unblock() -> None:
    contact = _contact()
    assert contact.script(BLOCK) == "9000"
    assert contact.script(BLOCK) == "9000", "whether or not it is blocked"
    assert contact.card.sw(SELECT) == "6283"
    command = contact.options()
    assert contact.card.sw(command) == "9000"
    answer = contact.first(ARQC)
    assert answer.kind is AAC
    assert contact.card.sw("80CA9F7900") == "9000", "data stay accessible"
    assert contact.card.sw("00B2010C00") == "9000"
    assert contact.card.sw("00B2015C00") == "9000", "the log, too"
    assert contact.script(UNBLOCK) == "9000", "its MAC goes by the AAC"
    assert contact.card.sw(SELECT) == "9000"
    assert contact.complete().kind is TC


def test_unblock_of_an_open_application() -> None:
    contact = _contact()
    assert contact.script(UNBLOCK) == "9000"
    assert contact.card.sw(SELECT) == "9000"


def test_a_block_does_not_stop_the_transaction() -> None:
    contact = Contact(debit_card())
    contact.go_online()
    assert contact.script(BLOCK) == "9000", "no refusal before the second cryptogram"
    assert contact.authenticate() == "9000"
    assert contact.second(TC).kind is TC


def test_card_block() -> None:
    contact = Contact(debit_card())
    contact.go_online()
    assert contact.script(CARD_BLOCK) == "9000"
    assert contact.script(CARD_BLOCK) == "9000", "even if it is blocked"
    assert contact.authenticate() == "9000"
    assert contact.second(TC).kind is TC, "the transaction under way ends"
    assert contact.card.sw(SELECT) == "6A81"
    assert contact.card.sw(PSE) == "6A81"
    contact.card.chip.reset(cold=True)
    assert contact.card.sw(SELECT) == "6A81", "for good"


# Secure messaging


def test_wrong_and_missing_macs() -> None:
    contact = _contact()
    assert contact.script(BLOCK, wrong=True) == "6988"
    assert contact.card.sw("841E000003112233") == "6987"
    assert contact.card.sw("841E0000") == "6987"
    assert contact.script(BLOCK) == "9000", "one failure does not close the others"


def test_a_mac_covers_header_data_counter_and_cryptogram() -> None:
    contact = _contact()
    good = contact.signed(f"04DA{LIMIT}", bytes.fromhex("000000200000"))
    for at in (4, 10, 20):
        changed = good[:at] + ("0" if good[at] != "0" else "1") + good[at + 1 :]
        assert contact.card.sw(changed) == "6988", at
    contact.complete()
    assert contact.card.sw(good) == "6988", "another counter and cryptogram"


def test_scripts_need_a_cryptogram() -> None:
    contact = _contact()
    command = contact.signed(BLOCK)
    contact.card.data(SELECT)
    assert contact.card.sw(command) == "6985"
    contact.card.sw(contact.options())
    assert contact.card.sw(command) == "6985"


def test_counter_and_failure_of_scripts() -> None:
    contact = _contact()
    contact.script(BLOCK)
    contact.script(UNBLOCK)
    assert _results(contact)[-2:] == "20"
    assert _results(contact)[-2:] == "20", "it stays until an online transaction"
    assert contact.complete().results[-2:] == "20"
    assert _results(contact)[-2:] == "00"
    contact.complete()
    contact.script(BLOCK, wrong=True)
    assert _results(contact)[-2:] == "18"
    contact.complete()
    assert _results(contact)[-2:] == "00"


@pytest.mark.parametrize(
    "command",
    ["841E000003112233", f"04DA{LIMIT}06000000200000", "8424000304"],
    ids=["missing MAC", "wrong MAC", "form"],
)
def test_every_failure_counts(command: str) -> None:
    contact = _contact()
    apdu = command if len(command) > 10 else contact.signed(command[:8])
    assert contact.card.sw(apdu) != "9000"
    assert _results(contact)[-2:] == "18"


def test_right_mac_but_not_carried_out() -> None:
    contact = _contact()
    assert contact.put("9F79", "000000100001") == "6A80"
    assert _results(contact)[-2:] == "18"


def test_nothing_counts_before_the_second_cryptogram() -> None:
    contact = Contact(debit_card())
    contact.go_online()
    contact.script(BLOCK)
    contact.script(UNBLOCK, wrong=True)
    contact.script(UNBLOCK)
    contact.authenticate()
    contact.second(TC)
    assert _results(contact)[-2:] == "00"


def test_the_counter_stops_at_15() -> None:
    contact = _contact()
    for _ in range(17):
        assert contact.script(UNBLOCK) == "9000"
    assert _results(contact)[-2:] == "F0"


def test_strict_scripts() -> None:
    contact = Contact(debit_card(scripts="strict", elements={"9F52": "0000"}))
    contact.go_online()
    assert contact.script(BLOCK, wrong=True) == "6988"
    assert contact.script(BLOCK) == "6985", "after one wrong MAC"
    assert contact.card.store.flag("script_failed")
    contact.go_online()
    assert contact.authenticate(wrong=True) == "6300"
    assert contact.script(BLOCK) == "6985", "the issuer failed"
    contact.complete()
    assert contact.script(BLOCK) == "9000"


# PIN


def test_pin_unblock() -> None:
    contact = _contact()
    contact.card.store.pin_tries = 0
    assert contact.script(PIN_UNBLOCK) == "9000"
    assert contact.card.data("80CA9F1700").hex() == "9f170103"


@pytest.mark.parametrize("new", ["1234", "654321", "123456789012"])
@pytest.mark.parametrize("current", [None, "123456"], ids=["without", "with"])
def test_pin_change(new: str, current: str | None) -> None:
    contact = _contact()
    contact.card.store.pin_tries = 1
    assert contact.change_pin(new, current) == "9000"
    assert contact.card.data("80CA9F1700").hex() == "9f170103", "all tries again"
    block = f"2{len(new):X}{new}".ljust(16, "F")
    assert contact.card.sw(f"0020008008{block}") == "9000"


def test_pin_change_with_another_current_pin() -> None:
    contact = _contact()
    contact.card.store.pin_tries = 1
    assert contact.change_pin("654321", "999999") == "6A80"
    assert (contact.card.store.pin, contact.card.store.pin_tries) == ("123456", 1)


@pytest.mark.parametrize("new", ["123", "1234567890123", "12A456"])
def test_pin_change_to_what_is_no_pin(new: str) -> None:
    contact = _contact()
    assert contact.change_pin(new) == "6A80"
    assert contact.card.store.pin == "123456"


@pytest.mark.parametrize(
    ("header", "data", "status"),
    [
        ("84240000", "00" * 16, "6700"),
        ("84240002", "", "6700"),
        ("84240002", "00" * 8, "6700"),
        ("84240002", "00" * 16, "6A80"),
        ("84240003", "", "6A86"),
        ("84240102", "00" * 16, "6A86"),
    ],
    ids=["unblock with data", "no data", "short", "garbage", "P2", "P1"],
)
def test_pin_change_refuses(header: str, data: str, status: str) -> None:
    assert _contact().script(header, bytes.fromhex(data)) == status


def test_pin_change_without_a_pin() -> None:
    contact = _contact()
    contact.card.store.drop("pin")
    assert contact.script(PIN_UNBLOCK) == "6985"


# PUT DATA and UPDATE RECORD


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("9F53", "05"),
        ("9F54", "000000050000"),
        ("9F58", "0A"),
        ("9F59", "0F"),
        ("9F5C", "000000060000"),
        ("9F72", "02"),
        ("9F73", "20000685"),
        ("9F75", "000000070000"),
        ("9F77", "000000200000"),
        ("9F78", "000000001000"),
        ("9F79", "000000100000"),
        ("9F6D", "000000000500"),
        ("9F6B", "000000030000"),
    ],
)
def test_put_data(tag: str, value: str) -> None:
    more = {"9F72": "01", "9F73": "00000000", "9F75": "000000000000"}
    contact = _contact(elements=more)
    assert contact.put(tag, value) == "9000"
    assert contact.card.data(f"80CA{tag}00").hex().upper() == f"{tag}{len(value) // 2:02X}{value}"


@pytest.mark.parametrize(
    ("tag", "value", "status"),
    [
        ("9F79", "000000100001", "6A80"),
        ("9F79", "0000001000", "6700"),
        ("9F79", "00000000000A", "6A80"),
        ("9F52", "0000", "6A80"),
        ("9F36", "0000", "6A80"),
        ("9F75", "000000000000", "6A80"),
        ("9F57", "0156", "6A80"),
    ],
    ids=["over its limit", "short", "no digits", "9F52", "ATC", "absent", "9F57"],
)
def test_put_data_refuses(tag: str, value: str, status: str) -> None:
    contact = _contact()
    assert contact.put(tag, value) == status
    assert contact.card.data("80CA9F7900").hex() == "9f7906000000001000"


def test_another_error_for_a_balance_above_its_limit() -> None:
    assert _contact(over_limit_sw=0x6985).put("9F79", "000000100001") == "6985"


def test_update_record() -> None:
    contact = _contact()
    record = contact.card.data("00B2010C00")
    changed = record[:-1] + b"\x02"
    assert contact.script("04DC010C", changed) == "9000"
    assert contact.card.data("00B2010C00") == changed


@pytest.mark.parametrize(
    ("header", "length", "status"),
    [
        ("04DC010C", 26, "6700"),
        ("04DC030C", 27, "6A83"),
        ("04DC013C", 27, "6A82"),
        ("04DC015C", 45, "6981"),
        ("04DC000C", 27, "6A86"),
        ("04DC010D", 27, "6A86"),
    ],
    ids=["length", "no record", "no file", "log", "number 0", "P2"],
)
def test_update_record_refuses(header: str, length: int, status: str) -> None:
    assert _contact().script(header, bytes(length)) == status


def test_scripts_after_an_online_decline() -> None:
    """An unload: declined, with the balance set to nothing (ref 14 §8.3)."""
    contact = Contact(debit_card(elements={"9F79": "000000001000", "9F77": "000000100000"}))
    contact.told[0x9F02] = "000000000000"
    contact.go_online()
    assert contact.authenticate("05") == "9000"
    assert contact.second(AAC, "05").kind is AAC
    assert contact.put("9F79", "000000000000") == "9000"
    assert contact.card.data("80CA9F7900").hex() == "9f7906000000000000"
