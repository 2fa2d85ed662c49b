"""What proves what to the test bank: replays, clearing, second cryptograms, results of scripts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.hosts.bank.paper_card import PaperCard, ended
from tests.support.bank_keys import bank_vault

from sscard_ic.base import InputError
from sscard_ic.card.financial.authorisation import AuthorisationResponse, Confirmation, Service
from sscard_ic.codec.pboc.bits import Cvr, Kind, with_scripts
from sscard_ic.hosts.bank_book import BankBook
from sscard_ic.hosts.bank_issuer import NO_ORDER, SINGLE_LIMIT, Order
from sscard_ic.hosts.test_bank import BankRules, TestBank
from sscard_ic.profile import load_financial

YUAN = 100
START = 1000 * YUAN
LONG, OTHER = "6217001234567890123", "9999901234567890123"
"""Account numbers of which the keys of a card are the same."""


def bank(**rules: Any) -> TestBank:
    vault = bank_vault()
    chosen = BankRules(**{"opening": START, "cash_limit": START, **rules})
    return TestBank(vault, load_financial(), BankBook(None, vault), chosen)


def held(bank: TestBank, card: PaperCard) -> tuple[int, int]:
    """Main account and EC account in yuan."""
    account = bank.account(card.pan, card.sequence)
    assert account is not None
    return account.main // YUAN, account.cash // YUAN


def load(bank: TestBank, card: PaperCard, yuan: int, *outcomes: str) -> Any:
    """A load that the card does, and what the terminal tells of it."""
    request = card.request("load", yuan * YUAN)
    response = bank.authorise(request)
    assert response.code == b"00"
    card.completes()
    card.does(response.scripts[0].commands[0], request)
    if outcomes:
        bank.confirm(request, ended(Kind.TC, *outcomes))
    return request


def paid(card: PaperCard, fen: int, *, cash: bool = True, atc: int | None = None) -> Any:
    """An offline transaction, as its merchant has it cleared."""
    if atc is not None:
        card.atc = atc - 1
    request = card.request(fen=fen, kind=Kind.TC)
    code = {0x9F74: b"ECC001"} if cash else {}
    return replace(request, values={**request.values, **code})


# Whose message it is


@pytest.mark.parametrize("service", ["purchase", "load"])
def test_no_message_counts_for_two_accounts(service: Service) -> None:
    made, card = bank(), PaperCard(pan=LONG)
    request = card.request(service, 500 * YUAN)
    assert made.authorise(request).code == b"00"
    again = made.authorise(replace(request, pan=OTHER))
    assert again == replace(again, code=b"94", scripts=())
    assert made.account(OTHER, card.sequence) is None
    made.open_account(OTHER, card.sequence, START)
    assert made.authorise(replace(request, pan=OTHER)).code == b"94"


def test_bins() -> None:
    made, card = bank(bins=("621700", "88888")), PaperCard(pan=LONG)
    foreign = replace(card.request(fen=YUAN), pan=OTHER)
    assert made.authorise(foreign).code == b"14"
    assert made.account(OTHER, card.sequence) is None
    assert made.authorise(card.request(fen=YUAN)).code == b"00"
    assert made.authorise(PaperCard().request(fen=YUAN)).code == b"00"
    made.open_account(OTHER, card.sequence, START)
    assert made.authorise(replace(card.request(fen=YUAN), pan=OTHER)).code == b"00"


def test_sequence_numbers_have_accounts_of_their_own() -> None:
    made, first, second = bank(), PaperCard(sequence=1), PaperCard(sequence=2)
    assert made.authorise(first.request(fen=10 * YUAN)).code == b"00"
    assert made.account(second.pan, second.sequence) is None
    assert made.authorise(second.request(fen=20 * YUAN)).code == b"00", "nor do they share an ATC"
    assert (held(made, first), held(made, second)) == ((990, 0), (980, 0))


@pytest.mark.parametrize("rules", [{"opening": 10**12}, {"opening": -1}, {"cash_limit": 10**30}])
def test_amounts_that_no_account_holds(rules: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="12 digits"):
        BankRules(**rules)


# Services


@pytest.mark.parametrize(
    "service", ["load", "unload", "limits", "pin", "block", "unblock", "card_block"]
)
def test_no_script_reaches_a_contactless_card(service: Service) -> None:
    made, card = bank(), PaperCard()
    load(made, card, 100, "done")
    left, card.cvr = card.cvr, 0
    fen = YUAN if service == "load" else 0
    order = Order(limits={SINGLE_LIMIT: 5}) if service == "limits" else NO_ORDER
    answer = made.authorise(card.request(service, fen, contactless=True), order)
    assert answer == AuthorisationResponse(b"57")
    card.cvr = left
    made.authorise(card.request())
    assert held(made, card) == (900, 100)


def test_the_last_fen() -> None:
    made, card = bank(), PaperCard()
    assert made.authorise(card.request(fen=START)).code == b"00"
    assert held(made, card) == (0, 0)
    assert made.authorise(card.request(fen=1)).code == b"51"


def test_amounts_of_loads_and_unloads() -> None:
    made, card = bank(), PaperCard(balance=50 * YUAN)
    assert made.authorise(card.request("load", 0)).code == b"57"
    assert made.authorise(card.request("unload", 1)).code == b"57"
    assert made.authorise(card.request("unload", 0)).code == b"05"


# Clearing


def test_no_cryptogram_is_both_cleared_and_authorised() -> None:
    made, card = bank(), PaperCard()
    load(made, card, 10, "done")
    payment = paid(card, 30 * YUAN, cash=False)
    card.atc -= 1
    request = card.request(fen=30 * YUAN)
    assert made.clear(payment)
    assert made.authorise(request).code == b"94"
    assert not made.clear(payment)
    assert held(made, card) == (960, 10)


def test_clearing_may_be_late() -> None:
    made, card = bank(), PaperCard()
    load(made, card, 50, "done")
    early, late = paid(card, 10 * YUAN), paid(card, 5 * YUAN)
    assert made.authorise(card.request(fen=YUAN)).code == b"00"
    assert made.clear(late)
    assert made.clear(early)
    assert made.authorise(card.request(fen=YUAN)).code == b"00"
    assert held(made, card) == (948, 35)


def test_an_online_cryptogram_that_is_said_to_be_a_payment() -> None:
    """The information data are covered by no cryptogram; the verification results are."""
    made, card = bank(), PaperCard()
    load(made, card, 50, "done")
    request = card.request(fen=YUAN)
    assert not made.clear(replace(request, values={**request.values, 0x9F27: b"\x40"}))
    assert held(made, card) == (950, 50)


# Purchases


@pytest.mark.parametrize("version", [0x01, 0x17])
def test_a_declined_purchase_is_taken_back(version: int) -> None:
    made, card = bank(), PaperCard(version=version)
    request = card.request(fen=30 * YUAN)
    made.authorise(request)
    made.confirm(request, card.second(request, Kind.AAC))
    assert held(made, card) == (1000, 0)
    made.confirm(request, card.second(request, Kind.TC))
    assert held(made, card) == (1000, 0), "a card gives one second cryptogram"


def test_the_word_of_a_terminal_gives_nothing_back() -> None:
    made, card = bank(), PaperCard()
    request = card.request(fen=30 * YUAN)
    made.authorise(request)
    older = {**card.second(request, Kind.AAC).values, 0x9F36: b"\x00\x00"}
    for said in (
        ended(Kind.AAC),
        ended(None),
        Confirmation(Kind.AAC, older),
        Confirmation(Kind.AAC, {0x9F10: b"\x07"}),
        Confirmation(Kind.AAC, {**card.second(request, Kind.AAC).values, 0x9F26: bytes(8)}),
    ):
        made.confirm(request, said)
        assert held(made, card) == (970, 0)
    payment = replace(request, values={**request.values, **card.second(request, Kind.TC).values})
    assert made.clear(payment), "it is still open"
    assert not made.clear(payment)
    assert held(made, card) == (970, 0)
    made.confirm(request, card.second(request, Kind.AAC))
    assert held(made, card) == (970, 0), "its TC is there"


def test_a_payment_that_is_said_to_be_declined() -> None:
    made, card = bank(), PaperCard()
    request = card.request(fen=30 * YUAN)
    made.authorise(request)
    values = {**card.second(request, Kind.TC).values, 0x9F27: b"\x00"}
    made.confirm(request, Confirmation(Kind.AAC, values))
    made.confirm(request, card.second(request, Kind.AAC))
    assert held(made, card) == (970, 0)


def test_the_decline_of_another_purchase() -> None:
    made, card = bank(), PaperCard()
    request = card.request(fen=30 * YUAN)
    made.authorise(request)
    other = card.request(fen=30 * YUAN)
    made.confirm(request, card.second(other, Kind.AAC))
    assert held(made, card) == (970, 0)


def test_a_declined_purchase_is_not_cleared() -> None:
    made, card = bank(), PaperCard()
    request = card.request(fen=30 * YUAN)
    made.authorise(request)
    made.confirm(request, card.second(request, Kind.AAC))
    late = replace(request, values={**request.values, **card.second(request, Kind.TC).values})
    assert not made.clear(late)
    assert held(made, card) == (1000, 0)


def test_the_cryptogram_names_the_transaction() -> None:
    """A message that was never authorised ends none, though its ATC is that of one."""
    made, card = bank(), PaperCard()
    request = card.request("load", 30 * YUAN)
    made.authorise(request)
    other = replace(request, values={**request.values, 0x9F26: bytes(8)})
    made.confirm(other, ended(Kind.TC, "failed"))
    assert held(made, card) == (970, 30)
    made.confirm(request, ended(Kind.TC, "failed"))
    assert held(made, card) == (1000, 0)


def test_a_torn_purchase_of_which_a_payment_comes_after_all() -> None:
    """The terminal did not get the answer, and had it approved offline (Y3)."""
    made, card = bank(), PaperCard()
    request = card.request(fen=30 * YUAN)
    made.authorise(request)
    payment = replace(request, values={**request.values, **card.second(request, Kind.TC).values})
    card.was_torn()
    made.authorise(card.request())
    assert held(made, card) == (1000, 0)
    assert made.clear(payment)
    assert not made.clear(payment)
    assert held(made, card) == (970, 0)


def test_a_contactless_purchase_has_no_end_to_come_to() -> None:
    made, card = bank(), PaperCard()
    card.was_torn()
    assert made.authorise(card.request(fen=30 * YUAN, contactless=True)).code == b"00"
    made.authorise(card.request())
    assert held(made, card) == (970, 0)


# Scripts


def test_the_card_has_the_last_word() -> None:
    made, card = bank(), PaperCard()
    request = load(made, card, 50)
    made.authorise(card.request())
    made.confirm(request, ended(Kind.TC, "failed"))
    assert held(made, card) == (950, 50)


@pytest.mark.parametrize(
    ("before", "count", "flags", "taken"),
    [
        (0, 1, 0, True),
        (0, 1, Cvr.LAST_SCRIPT_FAILED, False),
        (0, 1, Cvr.LAST_ONLINE_NOT_COMPLETED, True),
        (0, 1, Cvr.LAST_ONLINE_NOT_COMPLETED | Cvr.LAST_SCRIPT_FAILED, False),
        (0, 0, Cvr.LAST_ONLINE_NOT_COMPLETED, False),
        (2, 1, Cvr.LAST_ONLINE_NOT_COMPLETED, True),
        (2, 0, Cvr.LAST_ONLINE_NOT_COMPLETED, False),
        # Another transaction may be meant: the terminal's word, or none.
        (1, 1, Cvr.LAST_ONLINE_NOT_COMPLETED, None),
        (1, 0, 0, None),
    ],
)
@pytest.mark.parametrize("told", ["done", "failed", "unknown"])
def test_results_after_an_unseen_transaction(
    before: int, count: int, flags: int, taken: bool | None, told: str
) -> None:
    """A card that proves no balance; between the load and the next message another one was torn."""
    made, card = bank(unproved_balance=True), PaperCard(tells_balance=False)
    card.cvr = with_scripts(0, before)
    request = card.request("load", 50 * YUAN)
    made.authorise(replace(request, values={**request.values, 0x9F79: bytes(6)}))
    made.confirm(request, ended(Kind.TC, told))
    card.atc += 1
    card.cvr = with_scripts(flags, count)
    made.authorise(card.request())
    expected = taken if taken is not None else told != "failed"
    assert held(made, card) == ((950, 50) if expected else (1000, 0))
    made.confirm(request, ended(Kind.TC, "done"))
    late = told == "unknown" and taken is None  # nobody knew: the terminal may still tell
    assert held(made, card) == ((950, 50) if expected or late else (1000, 0))


def test_a_confirmed_load_outlives_payments_that_nobody_cleared() -> None:
    """Balance and results are as if the load had never come: the terminal has told that it did."""
    made, card = bank(), PaperCard(cvr=with_scripts(0, 1))
    load(made, card, 50, "done")
    payments = [paid(card, 20 * YUAN), paid(card, 30 * YUAN)]
    card.atc += 1
    card.balance, card.cvr = 0, with_scripts(Cvr.LAST_ONLINE_NOT_COMPLETED, 1)
    made.authorise(card.request())
    assert held(made, card) == (950, 50)
    for payment in payments:
        assert made.clear(payment)
    assert held(made, card) == (950, 0)
