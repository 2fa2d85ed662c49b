"""Who may authorise debits and credits, and that the vault does it right (ref 12 §6, §8)."""

from __future__ import annotations

import tomllib
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.apdu.medical import Amounts
from sscard_ic.keys import CardKey, MissingCapabilityError, SoftwareVault, UnknownKeyError
from sscard_ic.keys.medical import (
    Credit,
    Crediter,
    Debiter,
    DebitMac,
    Purchase,
    TacChecker,
    WrongMac1,
    crediter,
    debiter,
    offline_debiter,
)
from sscard_ic.keys.medical_vault import HostDebiter, MedicalHost
from sscard_ic.keys.policy import Operation
from sscard_ic.keys.published_roots import published_keys
from sscard_ic.profile import load

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "medical.toml").read_text("utf-8")
)
KEYS = VECTORS["keys"]
TERMINAL = bytes.fromhex(KEYS["terminal"])
FORMS: tuple[Any, ...] = ("xor_halves", "double_length")


class Host(MedicalHost):
    """A host with the card keys of the examples."""

    def _card_key(self, key: CardKey, operation: Operation) -> bytes:
        return bytes.fromhex(KEYS[key.name.lower()])


def _key(name: str) -> CardKey:
    return CardKey(name, 1, KEYS["division_code"], bytes.fromhex(KEYS["factor"]))


def _purchase(case: dict[str, Any]) -> Purchase:
    return Purchase(
        _key("DPK"),
        bytes.fromhex(case["random"]),
        case["counter"],
        Amounts(*case["amounts"]),
        TERMINAL,
        bytes.fromhex(case["time"]),
        1,
        0,
    )


@pytest.mark.parametrize("case", VECTORS["purchase"], ids=lambda case: case["name"])
def test_purchases(case: dict[str, Any]) -> None:
    debiter_ = HostDebiter(Host(), TERMINAL, count(case["number"]).__next__, (2, 1))
    assert (debiter_.terminal(), list(debiter_.key_indexes())) == (TERMINAL, [2, 1])
    purchase = _purchase(case)
    debit = debiter_.authorise_debit(purchase)
    assert debit == DebitMac(case["number"], bytes.fromhex(case["mac1"]))
    mac2 = bytes.fromhex(case["mac2"])
    assert debiter_.confirm_debit(purchase, debit, mac2)
    assert not debiter_.confirm_debit(purchase, debit, mac2[::-1])
    assert debiter_.authorise_debit(purchase).number == case["number"] + 1
    for form in FORMS:
        tac = bytes.fromhex(case[f"tac_{form}"])
        check = (_key("DTK"), purchase, case["number"])
        assert Host().check_debit_tac(*check, tac, form)
        assert not Host().check_debit_tac(*check, tac[::-1], form)


def test_credits() -> None:
    case = VECTORS["credit"]
    credit = Credit(
        _key("DLK"),
        bytes.fromhex(case["random"]),
        case["counter"],
        case["balance"],
        case["amount"],
        TERMINAL,
    )
    time, mac1 = bytes.fromhex(case["time"]), bytes.fromhex(case["mac1"])
    assert Host().authorise_credit(credit, mac1, time) == bytes.fromhex(case["mac2"])
    with pytest.raises(WrongMac1):
        Host().authorise_credit(credit, mac1[::-1], time)
    for form in FORMS:
        tac = bytes.fromhex(case[f"tac_{form}"])
        assert Host().check_credit_tac(_key("DTK"), credit, time, tac, form)
        assert not Host().check_credit_tac(_key("DTK"), credit, time, tac[::-1], form)


@pytest.fixture(scope="module")
def vault() -> SoftwareVault:
    """Published roots of every key."""
    return published_keys(load("dalian").keys)


def test_the_vault_is_the_centre(vault: SoftwareVault) -> None:
    assert isinstance(vault, Crediter)
    assert isinstance(vault, TacChecker)
    assert not isinstance(vault, Debiter)
    assert crediter(vault) is vault


def test_the_vault_has_every_index(vault: SoftwareVault) -> None:
    macs = set()
    for index in (1, 2, 3):
        key = CardKey("DPK", index, KEYS["division_code"], bytes.fromhex(KEYS["factor"]))
        purchase = Purchase(key, bytes(4), 1, Amounts(0, 1, 1), TERMINAL, bytes(7), index, 0)
        macs.add(vault.purchase_macs(purchase, 1))
    assert len(macs) == 3
    key = CardKey("DPK", 4, KEYS["division_code"], bytes.fromhex(KEYS["factor"]))
    with pytest.raises(UnknownKeyError):
        vault.purchase_macs(Purchase(key, bytes(4), 1, Amounts(0, 1, 1), TERMINAL, b"", 4, 0), 1)


def test_capabilities(vault: SoftwareVault) -> None:
    """Credit: HSM only; temporarily offline: PSAM only."""
    terminal = HostDebiter(vault, TERMINAL, count(1).__next__)
    assert debiter(terminal) is terminal
    with pytest.raises(MissingCapabilityError, match="only a PSAM"):
        offline_debiter(terminal)
    with pytest.raises(MissingCapabilityError, match="cannot authorise a settlement"):
        debiter(vault)
    with pytest.raises(MissingCapabilityError, match="only the HSM"):
        crediter(terminal)
