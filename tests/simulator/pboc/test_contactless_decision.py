"""What the card decides at a contactless GPO, rule by rule (ref 14 §9.4, §9.5, §9.7)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from tests.support.contactless import OFFLINE_ONLY, Tap, answer, send_tap
from tests.support.debit_card import DebitCard, debit_card

LOW, AND, OR = "8000F000", "4000F000", "2000F000"
"""9F68: a low-value rule, and every way to verify the holder."""
BASE = {
    "9F79": "000000010000",
    "9F78": "000000005000",
    "9F6D": "000000001000",
    "9F6B": "999999999999",
    "9F5C": "000000004000",
    "9F54": "000000002000",
    "9F53": "01",
    "9F13": "0005",
    "9F5D": "000000000001",
}
NO_CVM = "20000000"
"""TTQ of a terminal that can verify nobody."""
ABROAD = "0840"


@dataclass(frozen=True)
class Case:
    """A payment of ``amount`` with ``options`` (9F68), and what it must come to."""

    options: str
    amount: int
    kind: str
    results: str
    """CVR bytes 2-4."""
    qualifiers: str = "2000"
    """CTQ."""
    left: tuple[int, int, int] = (10000, 0, 0)
    """Balance, CTTA, transactions in other currencies in a row, behind the answer."""
    terminal: str = "26000000"
    currency: str = "0156"
    changes: dict[str, str | None] = field(default_factory=dict)
    start: dict[str, int] = field(default_factory=dict)


CASES = {
    # b1.8
    "low": Case(LOW, 4000, "TC", "900000", left=(6000, 0, 0)),
    "low all but the threshold": Case(
        LOW, 9000, "TC", "900000", left=(1000, 0, 0), changes={"9F78": "000000009000"}
    ),
    "low into the threshold": Case(LOW, 9001, "ARQC", "A02000", changes={"9F78": "000000009001"}),
    "low without threshold": Case(
        LOW, 10000, "TC", "900000", left=(0, 0, 0), changes={"9F6D": None, "9F78": None}
    ),
    "low beyond the balance": Case(
        LOW, 10001, "ARQC", "A02000", changes={"9F6D": None, "9F78": None}
    ),
    "low beyond the single limit": Case(LOW, 5001, "ARQC", "A02000"),
    "low, offline terminal": Case(
        LOW, 10000, "TC", "900000", left=(0, 0, 0), terminal=OFFLINE_ONLY, changes={"9F78": None}
    ),
    "low, offline terminal, beyond": Case(
        LOW, 10001, "AAC", "802000", terminal=OFFLINE_ONLY, changes={"9F78": None}
    ),
    "low, offline terminal, single limit": Case(LOW, 5001, "AAC", "802000", terminal=OFFLINE_ONLY),
    "low without 9F68": Case("", 4000, "TC", "900000", left=(6000, 0, 0)),
    "low before and": Case("C000F000", 4500, "TC", "900000", left=(5500, 0, 0)),
    # b1.7
    "and": Case(AND, 4000, "TC", "900000", left=(6000, 4000, 0)),
    "and beyond CTTAUL": Case(AND, 4001, "ARQC", "A02000"),
    "and beyond CTTAUL in sum": Case(
        AND, 3001, "ARQC", "A02000", left=(10000, 1000, 0), start={"ctta": 1000}
    ),
    "and with CTTAL": Case(AND, 2000, "TC", "900000", left=(8000, 2000, 0), changes={"9F5C": None}),
    "and beyond CTTAL": Case(AND, 2001, "ARQC", "A02000", changes={"9F5C": None}),
    "and beyond the balance": Case(
        AND, 1001, "ARQC", "A02000", left=(2000, 0, 0), changes={"9F79": "000000002000"}
    ),
    "and, offline terminal": Case(
        AND,
        2000,
        "TC",
        "900000",
        left=(0, 2000, 0),
        terminal=OFFLINE_ONLY,
        changes={"9F79": "000000002000"},
    ),
    "and, offline terminal, beyond CTTAUL": Case(AND, 4001, "AAC", "802000", terminal=OFFLINE_ONLY),
    "and without any limit of the sum": Case(
        AND, 1, "ARQC", "A02000", changes={"9F5C": None, "9F54": None}
    ),
    # b1.6
    "or from the balance": Case(
        OR, 2000, "TC", "900000", left=(0, 0, 0), changes={"9F79": "000000002000"}
    ),
    "or as a sum": Case(
        OR, 2001, "TC", "900000", left=(2000, 2001, 0), changes={"9F79": "000000002000"}
    ),
    "or to the end of the sum": Case(
        OR, 4000, "TC", "900000", left=(2000, 4000, 0), changes={"9F79": "000000002000"}
    ),
    "or beyond both": Case(
        OR, 4001, "ARQC", "A02000", left=(2000, 0, 0), changes={"9F79": "000000002000"}
    ),
    "or beyond the single limit": Case(OR, 5001, "ARQC", "A02000"),
    "or, offline terminal, beyond both": Case(
        OR,
        4001,
        "AAC",
        "802000",
        left=(2000, 0, 0),
        terminal=OFFLINE_ONLY,
        changes={"9F79": "000000002000"},
    ),
    # No rule
    "no rule": Case("0000F000", 1, "ARQC", "A00000"),
    "no rule, offline terminal": Case("0000F000", 1, "AAC", "800000", terminal=OFFLINE_ONLY),
    # The terminal, new cards, PIN tries
    "cryptogram wanted": Case(LOW, 1, "ARQC", "A00000", terminal="26800000"),
    "amount 0": Case(LOW, 0, "ARQC", "A00000"),
    "amount 0, offline terminal": Case(LOW, 0, "AAC", "800000", terminal=OFFLINE_ONLY),
    "new card": Case("9000F000", 1, "ARQC", "A01000", changes={"9F13": "0000"}),
    "new card, unchecked": Case(
        LOW, 1, "TC", "900000", left=(9999, 0, 0), changes={"9F13": "0000"}
    ),
    "new card, offline terminal": Case(
        "9000F000",
        1,
        "TC",
        "900000",
        left=(9999, 0, 0),
        terminal=OFFLINE_ONLY,
        changes={"9F13": "0000"},
    ),
    "new card, offline terminal, declining": Case(
        "8020F000", 1, "AAC", "800000", terminal=OFFLINE_ONLY, changes={"9F13": "0000"}
    ),
    "PIN exhausted": Case("8800F000", 1, "ARQC", "A04000", start={"tries": 0}),
    "PIN exhausted, unchecked": Case(LOW, 1, "TC", "900000", left=(9999, 0, 0), start={"tries": 0}),
    "PIN exhausted, offline terminal": Case(
        "8800F000", 1, "AAC", "804000", terminal=OFFLINE_ONLY, start={"tries": 0}
    ),
    "application blocked": Case(LOW, 1, "AAC", "800000", start={"blocked": 1}),
    # Verification of the holder
    "online PIN": Case(LOW, 1, "ARQC", "A00000", "A000", terminal="26400000"),
    "online PIN by amount": Case(
        LOW, 101, "ARQC", "A00000", "A000", changes={"9F6B": "000000000100"}
    ),
    "no verification up to the limit": Case(
        LOW, 100, "TC", "900000", left=(9900, 0, 0), changes={"9F6B": "000000000100"}
    ),
    "no verification without a limit": Case(
        LOW, 4000, "TC", "900000", left=(6000, 0, 0), changes={"9F6B": None}
    ),
    "signature": Case(LOW, 1, "TC", "900000", "6000", left=(9999, 0, 0), terminal="22400000"),
    "signature for want of a PIN on the card": Case(
        "80001000", 1, "TC", "900000", "6000", left=(9999, 0, 0), terminal="26400000"
    ),
    "signature, offline terminal": Case(
        LOW, 1, "TC", "900000", "6000", left=(9999, 0, 0), terminal="2E400000"
    ),
    "no way to verify": Case(LOW, 1, "6985", "", terminal="20400000"),
    "no way of the card to verify": Case("80000000", 1, "6985", "", terminal="26400000"),
    "no way to verify, offline terminal": Case(LOW, 1, "6985", "", terminal="28400000"),
    # Other currencies
    "other currency refused": Case("8440F000", 1, "AAC", "800000", currency=ABROAD),
    "other currency online": Case("8000D000", 1, "ARQC", "A00000", currency=ABROAD),
    "other currency, offline terminal, without the option": Case(
        "8000D000", 1, "TC", "900000", left=(10000, 0, 1), terminal=OFFLINE_ONLY, currency=ABROAD
    ),
    "other currency": Case(
        "8400D000", 99999, "TC", "900000", left=(10000, 0, 2), currency=ABROAD, start={"abroad": 1}
    ),
    "other currency too often": Case(
        "8400D000",
        1,
        "ARQC",
        "A02000",
        left=(10000, 0, 2),
        currency=ABROAD,
        start={"abroad": 2},
    ),
    "other currency too often, offline terminal": Case(
        "8400D000",
        1,
        "AAC",
        "802000",
        left=(10000, 0, 2),
        terminal=OFFLINE_ONLY,
        currency=ABROAD,
        start={"abroad": 2},
    ),
    "other currency without a limit": Case(
        "8400D000", 1, "ARQC", "A02000", currency=ABROAD, changes={"9F53": None}
    ),
    "other currency, verification": Case("84006000", 1, "ARQC", "A00000", "A000", currency=ABROAD),
    "other currency, no verification": Case(
        "84002000", 1, "6985", "", terminal=NO_CVM, currency=ABROAD
    ),
    "PIN for the own currency only": Case(
        "8400A000", 1, "6985", "", terminal="24000000", currency=ABROAD
    ),
    # Prepaid, and the contact face preferred
    "prepaid": Case("8080F000", 4000, "ARQC", "A00000", left=(6000, 0, 0), terminal="26800000"),
    "prepaid beyond the balance": Case("8080F000", 10001, "AAC", "800000", terminal="26800000"),
    "prepaid with a sum": Case(
        "4080F000", 4000, "ARQC", "A00000", left=(6000, 4000, 0), terminal="26800000"
    ),
    "prepaid beyond the sum": Case("4080F000", 4001, "AAC", "800000", terminal="26800000"),
    "prepaid, amount 0": Case("8080F000", 0, "AAC", "800000"),
    "prepaid, either": Case("2080F000", 4000, "ARQC", "A00000", terminal="26800000"),
    "prepaid, other currency": Case(
        "8080D000", 4000, "ARQC", "A00000", terminal="26800000", currency=ABROAD
    ),
    "contact preferred": Case("8200F000", 1, "6985", "", terminal="36800000"),
    "contact preferred, terminal without": Case(
        "8200F000", 1, "ARQC", "A00000", terminal="26800000"
    ),
    "contact preferred, offline": Case(
        "8200F000", 1, "TC", "900000", left=(9999, 0, 0), terminal="36000000"
    ),
    # Ways
    "no way": Case(LOW, 1, "6985", "", terminal="96000000"),
}


def card_for(case: Case) -> DebitCard:
    elements = {**BASE, "9F68": case.options or None, **case.changes}
    card = debit_card(
        interface="contactless",
        elements={tag: value for tag, value in elements.items() if value is not None},
    )
    for tag, value in elements.items():
        if value is None:
            card.store.drop(f"elements/{tag}")
    store = card.store
    store.put_counter("ctta", case.start.get("ctta", 0))
    store.put_counter("offline_currency", case.start.get("abroad", 0))
    store.pin_tries = case.start.get("tries", 3)
    store.block(bool(case.start.get("blocked", 0)))
    return card


@pytest.mark.parametrize("name", CASES)
def test_decision(name: str) -> None:
    case = CASES[name]
    card = card_for(case)
    tap = Tap(case.amount, case.terminal, case.currency)
    before = card.store.counter("atc")
    if case.kind == "6985":
        assert str(send_tap(card, tap).sw) == "6985"
    else:
        found = answer(card, tap)
        assert (found.kind, found.results, found.hex(0x9F6C)) == (
            case.kind,
            case.results,
            case.qualifiers,
        )
        assert bool(found.records) == (found.get(0x9F4B) is not None) == (case.kind == "TC")
    left = card.store.counter("ctta"), card.store.counter("offline_currency")
    assert (int((card.store.element(0x9F79) or b"").hex()), *left) == case.left
    assert card.store.counter("atc") == before + (case.terminal != "96000000")
