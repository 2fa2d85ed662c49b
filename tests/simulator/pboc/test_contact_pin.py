"""VERIFY: every row of ref 14 §5.2."""

from __future__ import annotations

import pytest
from tests.support.contact import AAC, ARQC, Contact
from tests.support.debit_card import SELECT, debit_card

RIGHT, WRONG = "002000800826123456FFFFFFFF", "002000800826654321FFFFFFFF"
TRIES = "80CA9F1700"


def _contact(action: str = "0000", tries: int = 3) -> Contact:
    """A transaction under way."""
    contact = Contact(debit_card(elements={"9F52": action}))
    contact.card.store.pin_tries = tries
    contact.start()
    return contact


def test_the_right_pin() -> None:
    contact = _contact(tries=1)
    assert contact.card.sw(RIGHT) == "9000"
    assert contact.card.store.pin_tries == 3
    assert contact.first(AAC).results[1] == "4", "performed, not failed"


def test_a_wrong_pin() -> None:
    contact = _contact()
    assert contact.card.sw(WRONG) == "63C2"
    assert contact.card.data(TRIES).hex() == "9f170102"
    assert contact.first(AAC).results == "863000", "performed and failed"


def test_a_right_pin_after_a_wrong_one() -> None:
    contact = _contact()
    assert contact.card.sw(WRONG) == "63C2"
    assert contact.card.sw(RIGHT) == "9000"
    assert contact.first(AAC).results[1] == "4"


def test_the_last_try() -> None:
    contact = _contact(tries=1)
    assert contact.card.sw(WRONG) == "63C0"
    assert contact.card.sw(RIGHT) == "6983", "exhausted in this transaction"
    assert contact.first(ARQC).results == "A67000"
    assert not contact.card.store.blocked


def test_exhausted_earlier() -> None:
    contact = _contact(tries=0)
    assert contact.card.sw(RIGHT) == "6984"
    assert contact.card.sw(RIGHT) == "6983"
    assert contact.first(ARQC).results == "A67000"
    contact.start()
    assert contact.card.sw(RIGHT) == "6984", "again the first one of a transaction"


def test_the_counter_read_as_zero_goes_into_the_results() -> None:
    contact = _contact(tries=0)
    contact.card.store.put_element(0x9F52, bytes(2))
    assert contact.card.data(TRIES).hex() == "9f170100"
    assert contact.first(ARQC).results[2] == "7", "PIN tries exceeded, velocity, new card"


def test_the_last_try_blocks_the_application_behind_this_transaction() -> None:
    contact = _contact("0080", tries=1)
    assert contact.card.sw(WRONG) == "63C0"
    answer = contact.first(ARQC)
    assert (answer.kind, answer.results) == (ARQC, "A67200"), "it goes on, and tells"
    assert contact.authenticate() == "9000"
    assert contact.script("84180000") == "9000", "not for good"
    assert not contact.card.store.blocked


def test_blocked_by_the_last_try() -> None:
    contact = _contact("0080", tries=1)
    contact.card.sw(WRONG)
    assert contact.card.sw(SELECT) == "6283"
    assert contact.card.sw(contact.options()) == "9000"
    contact.aip = bytes.fromhex("7C00")
    answer = contact.first(ARQC)
    assert (answer.kind, answer.cryptogram) == (AAC, contact.expected(answer))


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("002000000826123456FFFFFFFF", "6A86"),
        ("002000880826123456FFFFFFFF", "6A86"),
        ("002001800826123456FFFFFFFF", "6A86"),
        ("002000800726123456FFFFFF", "6700"),
        ("002000800806123456FFFFFFFF", "63C2"),
        ("002000800827123456FFFFFFFF", "63C2"),
    ],
    ids=["ISO", "enciphered", "P1", "length", "control", "digits"],
)
def test_other_forms(command: str, status: str) -> None:
    assert _contact().card.sw(command) == status


def test_a_card_without_pin() -> None:
    contact = _contact()
    contact.card.store.drop("pin")
    assert contact.card.sw(RIGHT) == "6A88"
    assert contact.card.sw(TRIES) == "6A88"


def test_a_torn_answer_gives_no_try_back() -> None:
    contact = _contact()
    assert contact.card.sw(WRONG) == "63C2"
    contact.card.chip.reset(cold=True)
    contact.card.data(SELECT)
    assert contact.card.data(TRIES).hex() == "9f170102"
