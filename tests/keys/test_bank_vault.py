"""The software vault answers for the bank (ref 04 §6.8, 14 §13), and refuses what it should."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest
from tests.support.bank_keys import CARD, VECTORS, bank_card, bank_vault

from sscard_ic.base import FixedClock, InputError, Secret
from sscard_ic.keys import CardKey, ExpiredKeyError, KeySpec, UnknownKeyError, WrongPurposeError
from sscard_ic.keys.bank_capabilities import BankCard, bank_issuer
from sscard_ic.keys.ceremony import Wanted, spec_of
from sscard_ic.keys.inventory import BANK_USES
from sscard_ic.keys.new_keys import require_sound
from sscard_ic.keys.published_roots import published_keys
from sscard_ic.profile.financial import BankKeys

ATC = CARD["atc"]
SUITES: list[dict[str, Any]] = VECTORS["suite"]
PINS: list[dict[str, Any]] = VECTORS["pin_change"]
CODE = bytes.fromhex(CARD["response_code"])


def card_of(suite: dict[str, Any]) -> BankCard:
    return bank_card(suite["algorithm"], sm_mac=suite["sm_mac"])


def hexed(value: bytes) -> str:
    return value.hex().upper()


@pytest.mark.parametrize("suite", SUITES, ids=lambda each: each["source"])
def test_vectors(suite: dict[str, Any]) -> None:
    bank, card = bank_issuer(bank_vault()), card_of(suite)
    arqc = bytes.fromhex(suite["arqc"])
    data = {version: bytes.fromhex(value) for version, value in CARD["inputs"].items()}
    assert hexed(bank.application_cryptogram(card, ATC, data["01"])) == suite["arqc"]
    assert hexed(bank.application_cryptogram(card, ATC, data["17"])) == suite["cryptogram_17"]
    assert hexed(bank.response_cryptogram(card, ATC, arqc, CODE)) == suite["arpc"]
    if "arpc_folded" in suite:
        folded = replace(card, sm_arpc="folded")
        assert hexed(bank.response_cryptogram(folded, ATC, arqc, CODE)) == suite["arpc_folded"]
    for row in suite["issuer_data"]:
        values = bytes.fromhex(row["values"])
        assert hexed(bank.discretionary_mac(card, ATC, values)) == row["mac"]
    for row in suite["script"]:
        head, sent = bytes.fromhex(row["head"]), bytes.fromhex(row["data"])
        assert hexed(bank.script_mac(card, ATC, arqc, head, sent)) == row["mac"], row["source"]


@pytest.mark.parametrize("row", PINS, ids=lambda each: each["source"])
def test_new_pins(row: dict[str, Any]) -> None:
    card = bank_card(SUITES[row.get("suite", 0)]["algorithm"])
    current = Secret(row["current"].encode()) if "current" in row else None
    new = Secret(CARD["new_pin"].encode())
    data = bank_issuer(bank_vault()).pin_data(card, ATC, new, current, mask=row["key"])
    assert hexed(data) == row["enciphered"]


@pytest.mark.parametrize("pin", [b"", b"123", b"1234567890123", b"12a4", "１２３４".encode()])
def test_no_pin_of_another_form(pin: bytes) -> None:
    with pytest.raises(InputError) as caught:
        bank_vault().pin_data(bank_card(), ATC, Secret(pin))
    assert "4 to 12 digits" in str(caught.value)


def test_a_key_of_the_bank_serves_its_own_purpose_alone() -> None:
    vault = bank_vault()
    swapped = BankKeys(cryptogram="BANK-MAC", mac="BANK-AC", encipherment="BANK-MAC")
    card = bank_card(keys=swapped)
    for ask in (
        partial(vault.application_cryptogram, card, ATC, b""),
        partial(vault.response_cryptogram, card, ATC, bytes(8), CODE),
        partial(vault.script_mac, card, ATC, bytes(8), bytes(4), b""),
        partial(vault.discretionary_mac, card, ATC, bytes(5)),
        partial(vault.pin_data, card, ATC, Secret(b"1234")),
    ):
        with pytest.raises(WrongPurposeError):
            ask()


@pytest.mark.parametrize("name", ["BANK-AC", "BANK-MAC", "BANK-ENC"])
def test_no_key_of_the_bank_works_for_the_social_security_application(name: str) -> None:
    vault = bank_vault()
    key = CardKey(name, 1, "210200", bytes(8))
    for ask in (
        partial(vault.mac, key, b""),
        partial(vault.cryptogram, key, bytes(8), bytes(8)),
        partial(vault.check_value, key),
        partial(vault.derive_many, name, 1, "3des", "210200", bytes(8)),
    ):
        with pytest.raises(WrongPurposeError):
            ask()


def test_no_such_key_and_none_of_another_day() -> None:
    other = bank_card(keys=BankKeys(version=2))
    with pytest.raises(UnknownKeyError, match="BANK-AC version 2"):
        bank_vault().application_cryptogram(other, ATC, b"")
    vault = bank_vault(FixedClock(datetime(2026, 11, 22, tzinfo=UTC)))
    vault.set_validity("BANK-MAC", 1, "3des", None, date(2026, 11, 21))
    with pytest.raises(ExpiredKeyError):
        vault.script_mac(bank_card(), ATC, bytes(8), bytes(4), b"")


def test_every_test_vault_has_a_bank() -> None:
    """By the names of a profile that says nothing about keys; each for what it is."""
    vault = published_keys({})
    listed = vault.keys()
    infos = [info for info in listed if info.use in BANK_USES]
    assert {(info.name, info.use) for info in infos} == set(BankKeys().uses.items())
    assert {info.level for info in infos} == {"bank"}
    assert {info.algorithm for info in infos if info.use == "card_manager"} == {"3des"}
    assert {info.origin for info in infos} == {"published"}
    card = BankCard(CARD["pan"], CARD["sequence"])
    issuer = bank_issuer(published_keys({}))
    cryptogram = issuer.application_cryptogram(card, ATC, bytes(37))
    assert cryptogram == bank_issuer(published_keys({})).application_cryptogram(
        card, ATC, bytes(37)
    )
    assert cryptogram != bank_vault().application_cryptogram(card, ATC, bytes(37))


def test_steps_of_the_banks_keys() -> None:
    vault = published_keys({})
    listed = vault.keys()
    factors = {info.use: info.factors for info in listed}
    assert factors["bank_cryptogram"] == factors["bank_mac"] == ("account",)
    assert factors["bank_encipherment"] == ("account",)
    assert factors["card_manager"] == ("chip",)
    assert factors["bank_transport"] == ()


@pytest.mark.parametrize(
    ("change", "sound"),
    [
        ({}, True),
        ({"algorithm": "sm4"}, True),
        ({"level": "P1"}, False),
        ({"algorithm": "des"}, False),
        ({"algorithm": "sm1"}, False),
        ({"use": "card_manager"}, True),
        ({"use": "card_manager", "level": "maker"}, True),
        ({"use": "card_manager", "algorithm": "sm4"}, False),
        ({"use": "bank_mac", "level": "maker"}, False),
    ],
    ids=str,
)
def test_new_keys_of_a_bank(change: dict[str, Any], sound: bool) -> None:
    spec = replace(KeySpec("NEW", 1, "bank", "bank_cryptogram"), **change)
    if sound:
        require_sound(spec)
        return
    with pytest.raises(InputError, match="NEW"):
        require_sound(spec)


def test_custodians_need_not_say_what_shipped_profiles_say() -> None:
    spec = spec_of(Wanted("BANK-KMC", 3))
    assert (spec.level, spec.use, spec.algorithm) == ("bank", "card_manager", "3des")
    spec = spec_of(Wanted("BANK-AC", 2, algorithm="sm4"))
    assert (spec.level, spec.use, spec.algorithm) == ("bank", "bank_cryptogram", "sm4")


def test_nothing_shows_a_pan() -> None:
    card = bank_card()
    assert CARD["pan"] not in repr(card)
