"""EXTERNAL AUTHENTICATE and the second cryptogram online: ref 14 §5.5, §5.6.1, §5.6.2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest
from tests.support.contact import AAC, ARQC, TC, Contact
from tests.support.debit_card import DebitCard, debit_card

from sscard_ic.codec.pboc.bits import Kind
from sscard_ic.simulator.pboc.stored import Counter, Flag

CLEARED = {"scripts": 0, "online_pending": 0, "sda_failed": 0, "dda_failed": 0, "script_failed": 0}
KEPT = {"scripts": 3, "online_pending": 1, "sda_failed": 1, "dda_failed": 1, "script_failed": 1}
TOTALS = {"ctta": 500, "ctta_dual": 600, "offline_currency": 1, "offline_country": 2}
NO_TOTALS = dict.fromkeys(TOTALS, 0)
COUNTERS: tuple[Counter, ...] = (
    "scripts",
    "ctta",
    "ctta_dual",
    "offline_currency",
    "offline_country",
)
FLAGS: tuple[Flag, ...] = ("online_pending", "sda_failed", "dda_failed", "script_failed")


def _state(card: DebitCard) -> dict[str, int]:
    store = card.store
    counters: dict[str, int] = {name: store.counter(name) for name in COUNTERS}
    return counters | {name: int(store.flag(name)) for name in FLAGS}


def _contact(
    *, action: str = "0000", mandatory: bool = False, aip: str = "7C00", **settings: Any
) -> Contact:
    """After an ARQC of a card that has seen much; nothing is beyond a limit."""
    elements = {"9F52": action, "9F56": "80" if mandatory else "00"}
    card = debit_card(elements=elements, **settings)
    store = card.store
    for tag in ("9F53", "9F54", "9F58", "9F59", "9F5C"):
        store.drop(f"elements/{tag}")
    store.last_online = 1
    store.put_counter("atc", 6)
    for name in COUNTERS:
        store.put_counter(name, (TOTALS | {"scripts": 3})[name])
    for flag in FLAGS[1:]:
        store.put_flag(flag, True)
    store.put_option("contact", "3des", 0x82, bytes.fromhex(aip))
    contact = Contact(card)
    contact.go_online()
    return contact


def _logged(card: DebitCard) -> bool:
    return card.sw("00B2015C00") == "9000"


# EXTERNAL AUTHENTICATE


def test_right_and_wrong_proof() -> None:
    contact = _contact()
    assert contact.authenticate() == "9000"
    assert not contact.card.store.flag("issuer_authentication_failed")
    contact.go_online()
    assert contact.authenticate(wrong=True) == "6300"
    assert contact.card.store.flag("issuer_authentication_failed")
    contact.card.chip.reset(cold=True)
    contact.go_online()
    assert contact.card.store.flag("issuer_authentication_failed"), "it outlives the power"
    assert contact.authenticate() == "9000"
    assert not contact.card.store.flag("issuer_authentication_failed")


@pytest.mark.parametrize("wrong", [False, True], ids=["right", "wrong"])
def test_the_second_one_fails_and_is_remembered(wrong: bool) -> None:
    contact = _contact()
    contact.authenticate(wrong=wrong)
    assert contact.authenticate() == "6985"
    assert contact.card.store.flag("issuer_authentication_failed")


@pytest.mark.parametrize(
    ("parameters", "length", "status"),
    [
        ("0000", 8, "6700"),
        ("0000", 17, "6700"),
        ("0000", 10, "6300"),
        ("0000", 16, "6300"),
        ("0100", 10, "6A86"),
    ],
    ids=["8 bytes", "17 bytes", "10 bytes", "16 bytes", "P1"],
)
def test_forms_of_external_authenticate(parameters: str, length: int, status: str) -> None:
    contact = _contact()
    assert contact.card.sw(f"0082{parameters}{length:02X}{bytes(length).hex()}") == status


def test_external_authenticate_has_its_time() -> None:
    proof = "008200000A11223344556677883030"
    contact = _contact()
    contact.second(AAC)
    assert contact.card.sw(proof) == "6985", "after the second cryptogram"
    contact.start()
    assert contact.card.sw(proof) == "6985", "before the first one"
    contact.first(AAC)
    assert contact.card.sw(proof) == "6985", "after an AAC"


def test_external_authenticate_where_the_aip_has_it_not() -> None:
    assert _contact(aip="7800").authenticate() == "6985"


def test_failures_in_a_row() -> None:
    contact = _contact(authentication_failures=2)
    for _ in range(2):
        assert contact.authenticate(wrong=True) == "6300"
        contact.go_online()
    assert contact.authenticate() == "6985"
    contact.card.store.put_counter("authentication_failures", 1)
    contact.go_online()
    assert contact.authenticate() == "9000"
    assert contact.card.store.counter("authentication_failures") == 0


# The second cryptogram


Left = Literal["approved", "declined", "untouched"]
"""What becomes of counters and flags: all reset, flags reset, nothing."""

LEFT: dict[Left, dict[str, int]] = {
    "approved": CLEARED | NO_TOTALS,
    "declined": CLEARED | TOTALS,
    "untouched": KEPT | TOTALS,
}


@dataclass(frozen=True)
class Case:
    """How the issuer answered, and what comes of it."""

    kind: Kind
    results: str
    left: Left
    proof: Literal["right", "wrong", "none"] = "right"
    code: str = "00"
    asked: Kind = TC
    action: str = "0000"
    mandatory: bool = False
    aip: str = "7C00"
    cid: int = 0
    failed: bool = False
    """Flag that issuer authentication failed, afterwards."""


CASES = {
    # 5.6.2
    "approved": Case(TC, "60013C", "approved"),
    "approved 10": Case(TC, "60013C", "approved", code="10"),
    "approved 11": Case(TC, "60013C", "approved", code="11"),
    "referral 01": Case(TC, "60013C", "approved", code="01"),
    "referral 02": Case(TC, "60013C", "approved", code="02"),
    "approved, not supported": Case(TC, "60013C", "approved", "none", aip="7800"),
    "approved, optional": Case(TC, "60053C", "approved", "none"),
    "approved, wrong": Case(TC, "68013C", "untouched", "wrong", failed=True),
    "approved, mandatory": Case(TC, "60053C", "untouched", "none", mandatory=True, failed=True),
    "wrong, decline": Case(AAC, "28013C", "untouched", "wrong", action="4000", failed=True),
    "wrong, decline with advice": Case(
        AAC, "28013C", "untouched", "wrong", action="4400", cid=0x0B, failed=True
    ),
    "mandatory, decline": Case(
        AAC, "20053C", "untouched", "none", action="2000", mandatory=True, failed=True
    ),
    "mandatory, decline with advice": Case(
        AAC, "20053C", "untouched", "none", action="2400", mandatory=True, cid=0x0B, failed=True
    ),
    # 5.6.1
    "declined by the terminal": Case(AAC, "20013C", "declined", asked=AAC),
    "declined by the issuer": Case(AAC, "20013C", "declined", code="05"),
    "offline code from the issuer": Case(AAC, "20013C", "declined", code="Y1"),
    "declined, not supported": Case(AAC, "20013C", "declined", "none", asked=AAC, aip="7800"),
    "declined, optional": Case(AAC, "20053C", "declined", "none", asked=AAC),
    "declined, wrong": Case(AAC, "28013C", "untouched", "wrong", asked=AAC, failed=True),
    "declined, mandatory": Case(
        AAC, "20053C", "untouched", "none", asked=AAC, mandatory=True, failed=True
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_second_cryptogram(case: Case) -> None:
    contact = _contact(action=case.action, mandatory=case.mandatory, aip=case.aip)
    if case.proof != "none":
        contact.authenticate(case.code, wrong=case.proof == "wrong")
    answer = contact.second(case.asked, case.code)
    assert (answer.kind, answer.results) == (case.kind, case.results)
    assert answer.cid & 0x3F == case.cid
    assert answer.cryptogram == contact.expected(answer)
    store = contact.card.store
    assert store.flag("issuer_authentication_failed") is case.failed
    assert _state(contact.card) == LEFT[case.left]
    assert store.last_online == (7 if case.left == "approved" else 1)
    assert _logged(contact.card) is (case.kind is TC)


def test_the_code_that_was_proved_decides() -> None:
    contact = _contact()
    assert contact.authenticate("05") == "9000"
    assert contact.second(TC, "00").kind is AAC
    contact.go_online()
    assert contact.authenticate("00") == "9000"
    assert contact.second(TC, "05").kind is TC


def test_the_third_cryptogram_is_refused() -> None:
    contact = _contact()
    contact.second(AAC)
    assert contact.card.sw(contact.command(True, AAC)) == "6985"
    contact.start()
    contact.first(TC)
    assert contact.card.sw(contact.command(True, AAC)) == "6985"


def test_a_second_arqc() -> None:
    contact = _contact()
    assert contact.card.sw(contact.command(True, ARQC)) == "6985"
    assert contact.second(AAC).kind is AAC, "nothing is lost"
    contact = _contact(second_arqc="decline")
    assert contact.second(ARQC).kind is AAC


@pytest.mark.parametrize(
    ("p1", "p2", "cut", "status"),
    [("C0", "00", 0, "6A86"), ("40", "01", 0, "6A86"), ("40", "00", 1, "6700")],
    ids=["P1", "P2", "length"],
)
@pytest.mark.parametrize("second", [False, True], ids=["first", "second"])
def test_generate_ac_refuses(second: bool, p1: str, p2: str, cut: int, status: str) -> None:
    contact = _contact()
    if not second:
        contact.start()
    command = contact.command(second, TC)
    data = command[10 : len(command) - 2 - 2 * cut]
    assert contact.card.sw(f"80AE{p1}{p2}{len(data) // 2:02X}{data}00") == status
    go_on = contact.second if second else contact.first
    assert go_on(AAC).kind is AAC, "nothing has happened"


def test_generate_ac_before_gpo() -> None:
    contact = _contact()
    contact.card.data("00A4040008A000000333010101")
    assert contact.card.sw(contact.command(False, AAC)) == "6985"


def test_an_online_transaction_cut_off_is_remembered() -> None:
    contact = _contact()
    contact.card.chip.reset(cold=True)
    contact.start()
    answer = contact.first(TC)
    assert answer.kind is ARQC, "last online transaction not completed"
    assert int(answer.results, 16) & 0x008000
