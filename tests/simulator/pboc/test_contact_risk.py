"""What the card checks and decides before its cryptograms: ref 14 §5.3, §5.4, §5.6.3."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest
from tests.support.contact import AAC, ARQC, TC, Contact
from tests.support.debit_card import debit_card

from sscard_ic.codec.pboc.bits import Kind
from sscard_ic.simulator.pboc.stored import Counter, Flag

LIMITS = ("9F53", "9F54", "9F58", "9F59", "9F5C", "9F52")
FLAGS: tuple[Flag, ...] = (
    "online_pending",
    "issuer_authentication_failed",
    "sda_failed",
    "dda_failed",
    "script_failed",
)
ABROAD = {0x5F2A: "0840", 0x9F1A: "0840"}
DUAL = {"9F76": "0840", "9F73": "20000685", "9F75": "000000000700"}
"""A second currency of which one is 6.85 of the card's: two decimals of 0000685."""


@dataclass(frozen=True)
class Case:
    """A card, a terminal that asks for ``asked``, and what the card answers."""

    kind: Kind
    results: str
    """CVR bytes 2-4."""
    elements: dict[str, str] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    counters: dict[Counter, int] = field(default_factory=dict)
    told: dict[int, str] = field(default_factory=dict)
    last_online: int = 1
    atc: int = 1
    """Of the transaction before."""
    tries: int = 3
    aip: str = "7C00"
    asked: Kind = TC
    cid: int | None = None
    after: dict[Counter | Flag | Literal["blocked"], int] = field(default_factory=dict)
    """Counters behind it, and flags as 0 and 1."""


def _contact(case: Case) -> Contact:
    contact = Contact(debit_card())
    store = contact.card.store
    for tag in LIMITS:
        store.drop(f"elements/{tag}")
    for tag, value in case.elements.items():
        store.put_element(int(tag, 16), bytes.fromhex(value))
    for flag in case.flags:
        store.put_flag(flag, True)
    for name, count in case.counters.items():
        store.put_counter(name, count)
    store.put_counter("atc", case.atc)
    store.last_online = case.last_online
    store.pin_tries = case.tries
    store.put_option("contact", "3des", 0x82, bytes.fromhex(case.aip))
    contact.told |= case.told
    return contact


def _number(contact: Contact, name: Counter | Flag | Literal["blocked"]) -> int:
    """A counter, or 0 or 1 for a flag."""
    states = contact.card.chip.persistent_state()
    folders = ("counters/", "flags/", "")
    found = (states.get(f"{contact.card.store.root}/{folder}{name}") for folder in folders)
    return next((value for value in found if isinstance(value, int)), 0)


CASES = {
    "nothing speaks against it": Case(TC, "900000", after={"ctta": 100, "online_pending": 0}),
    "online wanted": Case(ARQC, "A00000", asked=ARQC, after={"online_pending": 1, "ctta": 0}),
    "declined by the terminal": Case(AAC, "800000", asked=AAC, after={"ctta": 0}),
    # 1
    "last online not completed": Case(
        ARQC, "A08000", flags=("online_pending",), after={"online_pending": 1}
    ),
    # 2
    "issuer failed last": Case(TC, "900800", flags=("issuer_authentication_failed",)),
    "issuer failed last, online": Case(
        ARQC, "A00800", {"9F52": "8000"}, ("issuer_authentication_failed",)
    ),
    "issuer failed last, not supported": Case(
        TC, "900000", {"9F52": "8000"}, ("issuer_authentication_failed",), aip="7800"
    ),
    "issuer failed last, and not completed": Case(
        ARQC, "A08800", flags=("online_pending", "issuer_authentication_failed")
    ),
    "script failed, and not completed": Case(
        ARQC, "A08008", flags=("online_pending", "script_failed")
    ),
    "new card, and too many in a row": Case(ARQC, "A03000", {"9F58": "00"}, last_online=0),
    # 3, 4
    "SDA failed last": Case(TC, "900100", flags=("sda_failed",)),
    "SDA failed last, not supported": Case(TC, "900000", flags=("sda_failed",), aip="3C00"),
    "DDA failed last": Case(TC, "900004", flags=("dda_failed",)),
    "DDA failed last, not supported": Case(TC, "900000", flags=("dda_failed",), aip="5C00"),
    # 5
    "scripts": Case(TC, "900030", counters={"scripts": 3}),
    "most scripts": Case(TC, "9000F0", counters={"scripts": 15}),
    "script failed": Case(TC, "900008", flags=("script_failed",)),
    "script failed, online": Case(ARQC, "A00008", {"9F52": "0008"}, ("script_failed",)),
    # 6
    "in a row": Case(TC, "900000", {"9F58": "03"}, last_online=2, atc=4),
    "too many in a row": Case(ARQC, "A02000", {"9F58": "03"}, last_online=1, atc=4),
    # 7
    "currency": Case(
        TC,
        "900000",
        {"9F53": "02"},
        counters={"offline_currency": 1},
        told={0x5F2A: "0840"},
        after={"offline_currency": 2, "ctta": 0},
    ),
    "currency, too often": Case(
        ARQC,
        "A02000",
        {"9F53": "02"},
        counters={"offline_currency": 2},
        told={0x5F2A: "0840"},
        after={"offline_currency": 2},
    ),
    "currency unknown to the terminal": Case(
        TC, "900000", {"9F53": "00"}, told={0x5F2A: "0000"}, after={"offline_currency": 0}
    ),
    "currency of the card": Case(TC, "900000", {"9F53": "00"}),
    # 8
    "country": Case(
        TC,
        "900000",
        {"9F57": "0156", "9F72": "01"},
        told={0x9F1A: "0840"},
        after={"offline_country": 1},
    ),
    "country, too often": Case(
        ARQC,
        "A02000",
        {"9F57": "0156", "9F72": "01"},
        counters={"offline_country": 1},
        told={0x9F1A: "0840"},
    ),
    "country without 9F57": Case(
        TC, "900000", {"9F72": "00"}, told={0x9F1A: "0840"}, after={"offline_country": 0}
    ),
    # 9
    "total": Case(
        TC, "900000", {"9F54": "000000000500"}, counters={"ctta": 400}, after={"ctta": 500}
    ),
    "total exceeded": Case(
        ARQC, "A02000", {"9F54": "000000000500"}, counters={"ctta": 401}, after={"ctta": 401}
    ),
    "total in another currency": Case(
        TC, "900000", {"9F54": "000000000000"}, told={0x5F2A: "0840"}, after={"ctta": 0}
    ),
    # 10: 1.00 at 6.85
    "two currencies": Case(
        TC, "900000", DUAL, told={0x5F2A: "0840"}, after={"ctta_dual": 685, "ctta": 0}
    ),
    "two currencies exceeded": Case(
        ARQC,
        "A02000",
        DUAL,
        counters={"ctta_dual": 16},
        told={0x5F2A: "0840"},
        after={"ctta_dual": 16},
    ),
    "two currencies, the card's own": Case(
        TC, "900000", DUAL, counters={"ctta_dual": 600}, after={"ctta_dual": 700, "ctta": 100}
    ),
    "two currencies, the card's own exceeded": Case(
        ARQC, "A02000", DUAL, counters={"ctta_dual": 601}
    ),
    "two currencies, a third one": Case(
        TC, "900000", DUAL, counters={"ctta_dual": 700}, told={0x5F2A: "0978"}
    ),
    # 11
    "new card": Case(TC, "901000", last_online=0),
    "new card, online": Case(ARQC, "A01000", {"9F52": "0200"}, last_online=0),
    # 12
    "PIN exhausted": Case(TC, "904000", tries=0),
    "PIN exhausted, decline": Case(AAC, "804000", {"9F52": "0040"}, tries=0),
    "PIN exhausted, online": Case(ARQC, "A04000", {"9F52": "0020"}, tries=0),
    "PIN exhausted, both": Case(AAC, "804000", {"9F52": "0060"}, tries=0),
    "PIN exhausted, block": Case(AAC, "804000", {"9F52": "0004"}, tries=0, after={"blocked": 1}),
    # 5.4: AAC
    "advice": Case(AAC, "800000", {"9F52": "1000"}, asked=AAC, cid=0x08),
    "failures kept from the terminal: SDA": Case(
        AAC,
        "800000",
        asked=AAC,
        told={0x95: "4000000000"},
        after={"sda_failed": 1, "dda_failed": 0},
    ),
    "failures kept from the terminal: DDA": Case(
        AAC, "800000", asked=AAC, told={0x95: "0800000000"}, after={"dda_failed": 1}
    ),
    "failures kept from the terminal: CDA": Case(
        AAC, "800000", asked=AAC, told={0x95: "0400000000"}, after={"dda_failed": 1}
    ),
    "counted abroad when declined, too": Case(
        AAC,
        "800000",
        {"9F57": "0156"},
        asked=AAC,
        told=ABROAD,
        after={"offline_currency": 1, "offline_country": 1, "ctta": 0},
    ),
    "not counted when online": Case(
        ARQC,
        "A00000",
        {"9F57": "0156"},
        asked=ARQC,
        told=ABROAD,
        after={"offline_currency": 0, "offline_country": 0},
    ),
    "counters stop at 255": Case(
        AAC,
        "800000",
        asked=AAC,
        counters={"offline_currency": 255},
        told={0x5F2A: "0840"},
        after={"offline_currency": 255},
    ),
    "all at once": Case(
        ARQC,
        "A0F95C",
        {"9F52": "8000", "9F58": "00"},
        FLAGS,
        counters={"scripts": 5},
        last_online=0,
        tries=0,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_first_cryptogram(case: Case) -> None:
    contact = _contact(case)
    contact.start()
    answer = contact.first(case.asked)
    assert (answer.kind, answer.results) == (case.kind, case.results)
    assert answer.cid & 0x3F == (case.cid or 0)
    assert answer.cryptogram == contact.expected(answer)
    assert {name: _number(contact, name) for name in case.after} == case.after


def test_advice_with_the_reason_that_the_pin_was_exhausted() -> None:
    contact = _contact(Case(AAC, "", {"9F52": "0800"}, tries=1))
    contact.start()
    assert contact.card.sw("002000800826654321FFFFFFFF") == "63C0"
    assert contact.first(AAC).cid == 0x0A


def test_the_pin_rules_need_that_no_pin_came() -> None:
    contact = _contact(Case(AAC, "", {"9F52": "0040"}, tries=0))
    contact.start()
    assert contact.card.sw("002000800826123456FFFFFFFF") == "6984"
    assert contact.first(TC).kind is TC


def test_a_blocked_application_declines_whatever_is_asked() -> None:
    contact = _contact(Case(AAC, ""))
    contact.card.store.block()
    contact.start()
    answer = contact.first(ARQC)
    assert (answer.kind, answer.cryptogram) == (AAC, contact.expected(answer))


# Second one, unable to go online

OFFLINE = {
    "accepted": Case(TC, "610000", after={"ctta": 100, "online_pending": 1}),
    "asked to decline": Case(AAC, "210000", asked=AAC, after={"ctta": 0}),
    "in a row": Case(TC, "610000", {"9F59": "03"}, last_online=2, atc=4),
    "too many in a row": Case(AAC, "212000", {"9F59": "03"}, last_online=1, atc=4),
    "new card": Case(TC, "611000", last_online=0),
    "new card, decline": Case(AAC, "211000", {"9F52": "0100"}, last_online=0),
    "PIN exhausted": Case(TC, "614000", tries=0),
    "PIN exhausted, decline": Case(AAC, "214000", {"9F52": "0010"}, tries=0),
    "total": Case(TC, "610000", {"9F5C": "000000000100"}, after={"ctta": 100}),
    "total exceeded": Case(
        AAC, "212000", {"9F5C": "000000000099"}, after={"ctta": 0, "online_pending": 1}
    ),
    "two currencies exceeded": Case(
        AAC, "212000", DUAL | {"9F5C": "000000000684"}, told={0x5F2A: "0840"}
    ),
    "two currencies": Case(
        TC,
        "610000",
        DUAL | {"9F5C": "000000000685"},
        told={0x5F2A: "0840"},
        after={"ctta_dual": 685},
    ),
    "abroad": Case(
        TC,
        "610000",
        {"9F57": "0156"},
        told=ABROAD,
        after={"offline_currency": 1, "offline_country": 1, "ctta": 0},
    ),
    "abroad, declined": Case(
        AAC,
        "210000",
        {"9F57": "0156", "9F52": "1000"},
        asked=AAC,
        told=ABROAD | {0x95: "4800000000"},
        cid=0x08,
        after={"offline_currency": 1, "offline_country": 1, "sda_failed": 1, "dda_failed": 1},
    ),
}


@pytest.mark.parametrize("code", ["Y3", "Z3"])
@pytest.mark.parametrize("case", OFFLINE.values(), ids=OFFLINE.keys())
def test_unable_to_go_online(case: Case, code: str) -> None:
    contact = _contact(case)
    contact.go_online()
    answer = contact.second(case.asked, code)
    assert (answer.kind, answer.results) == (case.kind, case.results)
    assert answer.cid & 0x3F == (case.cid or 0)
    assert answer.cryptogram == contact.expected(answer)
    assert {name: _number(contact, name) for name in case.after} == case.after
    assert contact.card.store.last_online == case.last_online
    logged = contact.card.sw("00B2015C00") == "9000"
    assert logged is (case.kind is TC)
