"""Rules that no byte of T514 carries: every kind, for files, single records and keys, both ways."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.simulator import cards
from tests.simulator.cards import SSSE, VERIFY, Card
from tests.simulator.messages import BK, PUK, RKSSSE, UKSSSE, profile, with_mac

from sscard_ic.profile import CardProfile

OPERATIONS = {"read": "00B2022C03", "update": "00DC022C03020133", "append": "00E20028030F01AA"}

Proof = str | tuple[int, str]

RULES: Sequence[tuple[str, Sequence[Proof], bool, str]] = [
    # rule, what is proved, with MAC, answer
    ("key:UKSSSE or key:RKSSSE", [], False, "6982"),
    ("key:UKSSSE or key:RKSSSE", [BK], False, "6982"),
    ("key:UKSSSE or key:RKSSSE", [UKSSSE], False, "9000"),
    ("key:UKSSSE or key:RKSSSE", [RKSSSE], False, "9000"),
    ("key:UKSSSE and key:RKSSSE", [UKSSSE], False, "6982"),
    ("key:UKSSSE and key:RKSSSE", [RKSSSE], False, "6982"),
    ("key:UKSSSE and key:RKSSSE", [RKSSSE, UKSSSE], False, "9000"),
    ("pin or key:RKSSSE", [], False, "6982"),
    ("pin or key:RKSSSE", [VERIFY], False, "9000"),
    ("pin or key:RKSSSE", [RKSSSE], False, "9000"),
    ("pin and key:RKSSSE", [VERIFY], False, "6982"),
    ("pin and key:RKSSSE", [RKSSSE], False, "6982"),
    ("pin and key:RKSSSE", [RKSSSE, VERIFY], False, "9000"),
    ("free+mac:STK", [], False, "6987"),
    ("free+mac:STK", [], True, "9000"),
    ("pin+mac:STK", [], True, "6982"),
    ("pin+mac:STK", [VERIFY], False, "6987"),
    ("pin+mac:STK", [VERIFY], True, "9000"),
    ("key:RKSSSE+mac:STK", [UKSSSE], True, "6982"),
    ("key:RKSSSE+mac:STK", [RKSSSE], False, "6987"),
    ("key:RKSSSE+mac:STK", [RKSSSE], True, "9000"),
    ("pin or key:RKSSSE+mac:STK", [RKSSSE], False, "6987"),
    ("pin or key:RKSSSE+mac:STK", [VERIFY], True, "9000"),
    ("pin and key:RKSSSE+mac:STK", [VERIFY], True, "6982"),
    ("pin and key:RKSSSE+mac:STK", [RKSSSE, VERIFY], True, "9000"),
    ("key:UKSSSE or key:RKSSSE+mac:STK", [UKSSSE], True, "9000"),
    ("never+mac:STK", [RKSSSE, UKSSSE, VERIFY], True, "6982"),
    ("internal+mac:STK", [RKSSSE, UKSSSE, VERIFY], True, "6982"),
]
_IDS = [
    f"{rule} {' '.join(p if isinstance(p, str) else f'{p[0]:02X}' for p in proofs)} {mac}"
    for rule, proofs, mac, _ in RULES
]


def _card(made: CardProfile, proofs: Sequence[Proof]) -> Card:
    card = cards.finished_card(made)
    card.data(SSSE)
    for proof in proofs:
        sw = card.sw(proof) if isinstance(proof, str) else card.authenticate(*proof)
        assert sw == "9000"
    return card


def _answer(card: Card, apdu: str, mac: bool) -> str:
    return card.sw(with_mac(card, apdu) if mac else apdu)


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
@pytest.mark.parametrize(("rule", "proofs", "mac", "sw"), RULES, ids=_IDS)
def test_of_files(operation: str, rule: str, proofs: Sequence[Proof], mac: bool, sw: str) -> None:
    rules = {operation: rule}
    if operation == "append":
        rules["update"] = "key:PUK"
    card = _card(profile(files={"SSSE.EF05": rules}), proofs)
    assert _answer(card, OPERATIONS[operation], mac) == sw


@pytest.mark.parametrize("operation", ["read", "update"])
@pytest.mark.parametrize(("rule", "proofs", "mac", "sw"), RULES, ids=_IDS)
def test_of_single_records(
    operation: str, rule: str, proofs: Sequence[Proof], mac: bool, sw: str
) -> None:
    card = _card(profile(items={"SSSE.EF05.02": {operation: rule}}), proofs)
    assert _answer(card, OPERATIONS[operation], mac) == sw
    assert card.sw("00B2032C06") == "9000", "another record"


@pytest.mark.parametrize(("rule", "proofs", "mac", "sw"), RULES, ids=_IDS)
def test_of_keys(rule: str, proofs: Sequence[Proof], mac: bool, sw: str) -> None:
    """Who may use IRK: INTERNAL AUTHENTICATE."""
    card = _card(profile(keys={"IRK": {"usable": rule}}), proofs)
    assert _answer(card, "0088000010" + "00" * 16, mac) == sw


@pytest.mark.parametrize("key", ["PUK", "STK"])
def test_a_key_that_may_be_used_after_another(key: str) -> None:
    card = _card(profile(keys={key: {"usable": "key:RKSSSE"}}), [])
    if key == "PUK":
        assert card.authenticate(*PUK) == "6982"
        assert card.authenticate(*RKSSSE) == "9000"
        assert card.authenticate(*PUK) == "9000"
        return
    assert card.sw(with_mac(card, OPERATIONS["read"])) == "6982"
    assert card.authenticate(*RKSSSE) == "9000"
    assert card.sw(with_mac(card, OPERATIONS["read"])) == "9000"


def test_the_same_identifier_names_several_keys() -> None:
    """00 is IRK in INTERNAL AUTHENTICATE, the control key in EXTERNAL, the PIN in VERIFY."""
    card = _card(profile(keys={"IRK": {"usable": "never"}}), [VERIFY])
    assert card.authenticate(0x00, "11" * 16) == "9000"
    assert card.sw("0088000010" + "00" * 16) == "6982"
