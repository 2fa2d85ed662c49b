"""Debiter, PurchaseHost, Crediter and TacChecker: settlements and credits of ref 12 §8."""

from __future__ import annotations

from typing import Any

import pytest
from tests.keys.suites.holdings import key_of, vectors
from tests.keys.suites.implementations import IMPLEMENTATIONS, debiter_from
from tests.keys.suites.offers import BY_MESSAGES, TAC_FORMS, each_offering
from tests.keys.suites.psam_bench import TERMINAL
from tests.keys.suites.services import Services

from sscard_ic.apdu.medical import Amounts
from sscard_ic.keys import CardKey, MissingCapabilityError
from sscard_ic.keys.medical import (
    Credit,
    DebitMac,
    Purchase,
    TacChecker,
    WrongMac1,
    crediter,
    debiter,
    purchase_host,
)

MEDICAL = vectors("medical")
KEYS = MEDICAL["keys"]
OWN = vectors("key_services")
CARD = bytes.fromhex(KEYS["factor"])
TERMINAL_NUMBER = bytes.fromhex(TERMINAL)
HOSTS = each_offering("PurchaseHost")
EXAMPLES = pytest.mark.parametrize("case", MEDICAL["purchase"], ids=lambda case: case["name"])
CREDITERS = pytest.mark.parametrize("implementation", each_offering("Crediter"))
TAC_CHECKERS = pytest.mark.parametrize(
    ("implementation", "form"),
    [(name, form) for name in each_offering("TacChecker") for form in TAC_FORMS[name]],
)
GIVEN_TAC_CHECKERS = pytest.mark.parametrize(
    ("implementation", "form"),
    [
        (name, form)
        for name in each_offering("TacChecker")
        for form in TAC_FORMS[name]
        if IMPLEMENTATIONS[name].given and name not in BY_MESSAGES
    ],
)
"""A step message asks for MAC1, MAC2 and TAC at once, by keys at addresses of one profile."""


def _purchase(case: dict[str, Any]) -> Purchase:
    return Purchase(
        key_of("DPK", factor=CARD),
        bytes.fromhex(case["random"]),
        case["counter"],
        Amounts(*case["amounts"]),
        TERMINAL_NUMBER,
        bytes.fromhex(case["time"]),
        1,
        0,
    )


def _credit(case: dict[str, Any], key: CardKey | None = None) -> Credit:
    return Credit(
        key or key_of("DLK", factor=CARD),
        bytes.fromhex(case["random"]),
        case["counter"],
        case["balance"],
        case["amount"],
        TERMINAL_NUMBER,
    )


@EXAMPLES
@pytest.mark.parametrize("implementation", ["psam", *HOSTS])
def test_purchases(services: Services, implementation: str, case: dict[str, Any]) -> None:
    """E1 to E3: MAC1 for the next number, MAC2 of the card, each number once."""
    held = services.held(implementation, "DPK")
    service = debiter(debiter_from(implementation, held, case["number"]))
    assert service.works_offline == (implementation == "psam")
    assert service.terminal() == TERMINAL_NUMBER
    assert list(service.key_indexes()) == [1]
    purchase = _purchase(case)
    debit = service.authorise_debit(purchase)
    assert debit == DebitMac(case["number"], bytes.fromhex(case["mac1"]))
    assert service.confirm_debit(purchase, debit, bytes.fromhex(case["mac2"]))
    later = service.authorise_debit(purchase)
    assert later.number == case["number"] + 1
    assert not service.confirm_debit(purchase, later, bytes.fromhex(case["mac2"]))


@EXAMPLES
@pytest.mark.parametrize("implementation", HOSTS)
def test_codes_of_a_purchase(services: Services, implementation: str, case: dict[str, Any]) -> None:
    """All of them at once, as the centre tells them."""
    (row,) = (row for row in OWN["debit_tac"] if row["example"] == case["name"])
    host = purchase_host(services.held(implementation, "DPK"))
    macs = host.purchase_macs(_purchase(case), case["number"])
    assert [mac.hex().upper() for mac in macs] == [case["mac1"], case["mac2"]]
    for form in TAC_FORMS[implementation]:
        tac = host.debit_tac(key_of("DTK", factor=CARD), _purchase(case), case["number"], form)
        assert tac.hex().upper() == row[f"tac_{form}"]


@EXAMPLES
@TAC_CHECKERS
def test_tac_of_a_purchase(
    services: Services, implementation: str, form: Any, case: dict[str, Any]
) -> None:
    (row,) = (row for row in OWN["debit_tac"] if row["example"] == case["name"])
    service, key = services.held(implementation, "DPK"), key_of("DTK", factor=CARD)
    assert isinstance(service, TacChecker)
    tac = bytes.fromhex(row[f"tac_{form}"])
    assert service.check_debit_tac(key, _purchase(case), case["number"], tac, form)
    assert not service.check_debit_tac(key, _purchase(case), case["number"] + 1, tac, form)


@CREDITERS
def test_credit(services: Services, implementation: str) -> None:
    case = OWN["credit"]
    service = crediter(services.held(implementation))
    time, mac1 = bytes.fromhex(case["time"]), bytes.fromhex(case["mac1"])
    assert service.authorise_credit(_credit(case), mac1, time).hex().upper() == case["mac2"]
    with pytest.raises(WrongMac1):
        service.authorise_credit(_credit(case), mac1[::-1], time)


@TAC_CHECKERS
def test_tac_of_a_credit(services: Services, implementation: str, form: Any) -> None:
    case = OWN["credit"]
    service, key = services.held(implementation, "DPK"), key_of("DTK", factor=CARD)
    time, tac = bytes.fromhex(case["time"]), bytes.fromhex(case[f"tac_{form}"])
    if implementation in BY_MESSAGES:
        with pytest.raises(MissingCapabilityError, match="TAC of a credit"):
            service.check_credit_tac(key, _credit(case), time, tac, form)
        return
    assert service.check_credit_tac(key, _credit(case), time, tac, form)
    assert not service.check_credit_tac(key, _credit(case), time, tac[::-1], form)


def test_a_token_does_not_join_the_halves_of_a_key(services: Services) -> None:
    """The form xor_halves needs another key than the card's: said, with the setting that helps."""
    case = MEDICAL["purchase"][0]
    service, key = services.held("pkcs11-token"), key_of("DTK", factor=CARD)
    with pytest.raises(MissingCapabilityError, match="halves") as caught:
        service.debit_tac(key, _purchase(case), case["number"], "xor_halves")
    assert caught.value.hint is not None
    assert "derived_keys" in caught.value.hint.en


# ref 12 §8 gives DLK and DTK of the card instead of their roots


@pytest.mark.parametrize(
    "implementation", [name for name in each_offering("Crediter") if IMPLEMENTATIONS[name].given]
)
def test_credit_of_the_reference(services: Services, implementation: str) -> None:
    case = MEDICAL["credit"]
    service, dlk = services.for_bits(implementation, "3des", KEYS["dlk"])
    _, dtk = services.for_bits(implementation, "3des", KEYS["dtk"])
    credit, time = _credit(case, dlk), bytes.fromhex(case["time"])
    mac1 = bytes.fromhex(case["mac1"])
    assert service.authorise_credit(credit, mac1, time).hex().upper() == case["mac2"]
    for form in TAC_FORMS[implementation]:
        tac = bytes.fromhex(case[f"tac_{form}"])
        assert service.check_credit_tac(dtk, credit, time, tac, form)


@EXAMPLES
@GIVEN_TAC_CHECKERS
def test_tac_of_the_reference(
    services: Services, implementation: str, form: Any, case: dict[str, Any]
) -> None:
    service, dtk = services.for_bits(implementation, "3des", KEYS["dtk"])
    tac = bytes.fromhex(case[f"tac_{form}"])
    assert service.check_debit_tac(dtk, _purchase(case), case["number"], tac, form)
