"""A PSAM answers like the vault its roots come from, and says clearly what it cannot."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.simulator.psams import open_psam
from tests.simulator.psams import psam as vector_psam
from tests.support.plant import Issued
from tests.support.psams import Wire, made, profile_with, vault_for, wire_to

from sscard_ic.apdu.medical import Amounts
from sscard_ic.base import FixedClock, Secret
from sscard_ic.crypto.secure_messaging import Method
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys import (
    CardKey,
    NoPsamKeyError,
    NotPsamError,
    PsamAlgorithmError,
    PsamError,
    SoftwareVault,
    UnknownKeyError,
    require_key,
)
from sscard_ic.keys.medical import DebitMac, Purchase
from sscard_ic.keys.psam import Psam
from sscard_ic.profile import Key, PsamProfile, load_psam
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection

PROFILE = load_psam("psam/urumqi")
KEYS = PROFILE.card.keys
CITY = PROFILE.region.issuer.division_code
FACTOR = bytes.fromhex("6501000000000001")
IN_PSAM = {name: key for name, key in KEYS.items() if key.psam_usage is not None}
VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "psam.toml").read_text("utf-8")
)
METHODS: tuple[Method, ...] = ("card_key", "process_key", "process_key_challenge")
TODAY = FixedClock(datetime(2026, 11, 21, 8, 0, tzinfo=UTC))


def key_of(name: str, algorithm: Algorithm = "3des", version: int = 1) -> CardKey:
    return CardKey(name, version, CITY, FACTOR, algorithm)


def of_type(*types: int) -> list[tuple[str, Algorithm]]:
    """Keys of these types with the families that a PSAM holds them for."""
    families: tuple[Algorithm, ...] = ("3des", "sm4")
    return [
        (name, family)
        for name, key in IN_PSAM.items()
        for family in families
        if key.psam_usage is not None and key.psam_usage & 0x1F in types
        if family == "3des" or key.algorithm == "card"
    ]


@pytest.fixture(scope="module")
def vault() -> SoftwareVault:
    return vault_for(PROFILE)


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    """A PSAM with both environments, for everybody who does not change it."""
    connection = wire_to(made(PROFILE))
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def psam(wire: Wire) -> Psam:
    return Psam(wire, KEYS, TODAY)


@pytest.mark.parametrize(
    ("name", "algorithm"), [each for each in of_type(7, 8) if IN_PSAM[each[0]].use != "mac"]
)
def test_cryptograms_are_those_of_the_vault(
    psam: Psam, vault: SoftwareVault, name: str, algorithm: Algorithm
) -> None:
    key, challenge, text = key_of(name, algorithm), bytes(range(8)), bytes(range(8, 16))
    assert psam.cryptogram(key, challenge, text) == vault.cryptogram(key, challenge, text)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("name", "algorithm"), of_type(6, 8))
def test_message_macs_are_those_of_the_vault(
    psam: Psam, vault: SoftwareVault, name: str, algorithm: Algorithm, method: Method
) -> None:
    key, challenge, data = key_of(name, algorithm), bytes(range(8)), bytes(range(15))
    expected = vault.answer_mac(key, data, challenge, method)
    assert psam.answer_mac(key, data, challenge, method) == expected


@pytest.mark.parametrize("roots", ["nation", "province", "city"])
@pytest.mark.parametrize(
    ("name", "algorithm"), [("IRK", "3des"), ("UKSSSE", "3des"), ("IRK", "sm4")]
)
def test_psams_of_every_level(
    vault: SoftwareVault, roots: str, name: str, algorithm: Algorithm
) -> None:
    """ref 12 §5.3: step counts are tried until one is accepted, and remembered."""
    wire = wire_to(made(profile_with("psam/urumqi", roots=roots)))
    psam = Psam(wire, KEYS, TODAY)
    key = key_of(name, algorithm)
    assert psam.cryptogram(key, bytes(8), bytes(8)) == vault.cryptogram(key, bytes(8), bytes(8))
    tried = [int(sent[4:6], 16) >> 5 for sent in wire.sent if sent.startswith("BFDE")]
    right = {"nation": 3 if name == "IRK" else 2, "province": 2, "city": 1}[roots]
    assert tried[-1] == right
    assert len(tried) == len(set(tried))
    wire.sent.clear()
    psam.cryptogram(key, bytes(range(8)), bytes(8))
    assert [sent[:4] for sent in wire.sent] == ["BFDE", "80FA"]


@pytest.mark.parametrize("lookup", ["type", "whole"])
def test_either_way_of_refusing_steps(vault: SoftwareVault, lookup: str) -> None:
    dialect = PROFILE.model.dialect
    settings = dialect.settings.model_copy(update={"usage_lookup": lookup})
    changed = dialect.model_copy(update={"settings": settings})
    profile = profile_with("psam/urumqi", dialect=changed, roots="city")
    psam = Psam(wire_to(made(profile)), KEYS, TODAY)
    key = key_of("IRK")
    assert psam.cryptogram(key, bytes(8), bytes(8)) == vault.cryptogram(key, bytes(8), bytes(8))


def test_exchanges_of_the_second_generation() -> None:
    """ref 01 §10.6 steps 5-7: by name, BFDE 48 12 18, 80FA 00 00 08."""
    wire = wire_to(made(PROFILE))
    psam = Psam(wire, KEYS, TODAY)
    psam.cryptogram(key_of("UKSSSE"), bytes(range(8)), bytes(range(8)))
    assert wire.sent == [
        "00A4040006D15600000590",
        "00B09B000A",
        "BFDE481218" + "6501000000000001" + "3635303130307378" + "0001020304050607",
        "80FA000008" + "0001020304050607" + "08",
    ]


def test_exchanges_of_the_third_generation() -> None:
    """ref 01 §10.6 steps 5-7: sx3, DF01, BFDE 48 12 20, 80FA 00 00 10."""
    wire = wire_to(made(PROFILE))
    psam = Psam(wire, KEYS, TODAY)
    psam.cryptogram(key_of("UKSSSE", "sm4"), bytes(range(8)), bytes(range(8)))
    challenge = "0001020304050607" + "00" * 8
    assert wire.sent == [
        "00A404000F7378332E73682EC9E7BBE1B1A3D5CF",
        "00A4000002DF01",
        "00B09B000A",
        "BFDE481220" + "6501000000000001" + "3635303130307378" + challenge,
        "80FA000010" + challenge + "10",
    ]


def test_both_environments_in_turn(psam: Psam, vault: SoftwareVault) -> None:
    families: tuple[Algorithm, ...] = ("3des", "sm4", "3des", "sm4")
    for algorithm in families:
        key = key_of("UKSSSE", algorithm)
        assert psam.cryptogram(key, bytes(8), bytes(8)) == vault.cryptogram(key, bytes(8), bytes(8))


# What it cannot


def test_no_environment_for_sm4() -> None:
    """The terminal's library calls it -2202 (ref 03 §1.7)."""
    psam = Psam(wire_to(made(load_psam("psam/dalian"))), KEYS, TODAY)
    with pytest.raises(PsamAlgorithmError, match="no SM4 environment"):
        psam.cryptogram(key_of("UKSSSE", "sm4"), bytes(8), bytes(8))
    psam.require_key("UKSSSE", 1, "3des")


def test_a_card_in_the_reader_of_the_psam(dalian_card: Issued) -> None:
    calls: tuple[Callable[[Psam], object], ...] = (
        lambda psam: psam.require_key("UKSSSE", 1, "3des"),
        lambda psam: psam.require_key("UKSSSE", 1, "sm4"),
        Psam.terminal,
        Psam.describe,
    )
    for call in calls:
        with pytest.raises(NotPsamError, match="no social security PSAM"):
            call(Psam(dalian_card.session(), KEYS, TODAY))


def test_key_without_a_place_in_psams(psam: Psam, wire: Wire) -> None:
    before = len(wire.sent)
    for name in ("DLK", "DTK", "NOKEY"):
        with pytest.raises(NoPsamKeyError, match=f"PSAM: there is no 3DES key {name}"):
            psam.cryptogram(key_of(name), bytes(8), bytes(8))
    assert not any(sent.startswith("BFDE") for sent in wire.sent[before:])


def test_key_that_this_psam_lacks() -> None:
    """-2203 of the terminal's library (ref 03 §1.7); told before a card is touched."""
    card = profile_with("psam/urumqi").card
    others = {name: key for name, key in card.keys.items() if name != "RKSSSE"}
    lacking = _with_keys(PROFILE, others)
    psam = Psam(wire_to(made(lacking)), KEYS, TODAY)
    with pytest.raises(UnknownKeyError, match="RKSSSE version 1"):
        require_key(psam, key_of("RKSSSE"))
    with pytest.raises(NoPsamKeyError, match="the PSAM lacks it"):
        psam.cryptogram(key_of("RKSSSE"), bytes(8), bytes(8))


def _with_keys(profile: PsamProfile, keys: dict[str, Key]) -> PsamProfile:
    structure = profile.card.structure.model_copy(update={"keys": keys})
    return replace(profile, card=replace(profile.card, structure=structure))


def test_other_version_of_the_keys() -> None:
    owners = PROFILE.model.owners
    newer = owners["provincial"].model_copy(update={"key_version": 2})
    profile = profile_with("psam/urumqi", owners={**owners, "provincial": newer})
    psam = Psam(wire_to(made(profile)), KEYS, TODAY)
    vault = vault_for(profile)
    with pytest.raises(NoPsamKeyError, match="holds version 2"):
        psam.cryptogram(key_of("UKSSSE"), bytes(8), bytes(8))
    key = key_of("UKSSSE", version=2)
    assert psam.cryptogram(key, bytes(8), bytes(8)) == vault.cryptogram(key, bytes(8), bytes(8))
    single = key_of("PUK")
    assert psam.cryptogram(single, bytes(8), bytes(8)) == vault.cryptogram(
        single, bytes(8), bytes(8)
    )


@pytest.mark.parametrize(
    ("day", "valid"),
    [
        (datetime(2025, 12, 31), False),
        (datetime(2026, 1, 1), True),
        (datetime(2045, 12, 31), True),
        (datetime(2046, 1, 1), False),
    ],
)
def test_days_of_validity(wire: Wire, day: datetime, valid: bool) -> None:
    psam = Psam(wire, KEYS, FixedClock(day.replace(tzinfo=UTC)))
    if valid:
        psam.require_key("UKSSSE", 1, "3des")
    else:
        with pytest.raises(PsamError, match="valid from 2026-01-01 to 2045-12-31, not today"):
            psam.require_key("UKSSSE", 1, "3des")


def test_files_that_say_nothing_of_validity() -> None:
    """A PSAM whose files 001A to 001C were left empty is used as it is."""
    root = bytes(range(16))
    card = open_psam()
    assert card.load(0x48, 0x12, root) == "9000"
    assert card.end() == "9000"
    psam = Psam(open_session(VirtualConnection(card.chip)), KEYS, TODAY)
    psam.require_key("UKSSSE", 1, "3des")


def test_a_key_for_macs_enciphers_nothing(psam: Psam) -> None:
    with pytest.raises(PsamError, match="6985"):
        psam.protect_command(
            key_of("STK"),
            bytes.fromhex("84240001"),
            Secret(b"\x12\x34\x56"),
            bytes(8),
            "card_key",
            enciphered=True,
        )


# Debits

E1 = VECTORS["purchase"]["example"][0]
E1_PURCHASE = Purchase(
    key=CardKey("DPK", 1, "990100", bytes.fromhex("990100000000002A")),
    random=bytes.fromhex("11223344"),
    counter=7,
    amounts=Amounts(0, 15000, 11000),
    terminal=bytes.fromhex("990100000001"),
    time=bytes.fromhex("20260315101530"),
    key_version=1,
    algorithm=0,
)
ROOTS = {3: "root", 2: "second", 1: "third"}


def debiter(steps: int = 2) -> tuple[Psam, Wire]:
    root = bytes.fromhex(VECTORS["purchase"][ROOTS[steps]])
    wire = wire_to(vector_psam((steps << 5 | 2, 1, root, 0)).chip)
    return Psam(wire, KEYS, TODAY), wire


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_debit_of_the_worked_example(steps: int) -> None:
    """ref 12 §8 E1, whatever level the PSAM's DPK has."""
    psam, wire = debiter(steps)
    debit = psam.authorise_debit(E1_PURCHASE)
    assert debit == DebitMac(5, bytes.fromhex(E1["mac1"]))
    assert psam.confirm_debit(E1_PURCHASE, debit, bytes.fromhex(E1["mac2"]))
    assert wire.sent[-1] == f"8072000004{E1['mac2']}"
    psam.authorise_debit(E1_PURCHASE)
    assert [sent[:4] for sent in wire.sent[-2:]] == ["8072", "8070"]


def test_wrong_mac2() -> None:
    psam, _ = debiter()
    debit = psam.authorise_debit(E1_PURCHASE)
    assert not psam.confirm_debit(E1_PURCHASE, debit, bytes(4))
    with pytest.raises(PsamError, match="6901"):
        psam.confirm_debit(E1_PURCHASE, debit, bytes.fromhex(E1["mac2"]))


def test_mac2_of_an_older_purchase() -> None:
    """It would be answered as wrong, though the card is right."""
    psam, wire = debiter()
    first = psam.authorise_debit(E1_PURCHASE)
    psam.authorise_debit(E1_PURCHASE)
    with pytest.raises(PsamError, match="does not remember"):
        psam.confirm_debit(E1_PURCHASE, first, bytes.fromhex(E1["mac2"]))
    assert wire.sent[-1].startswith("8070")


def test_terminal_number_and_indexes(psam: Psam) -> None:
    assert psam.terminal() == bytes.fromhex("650100000001")
    assert psam.works_offline
    assert psam.key_indexes() == (1,)


def test_indexes_in_the_order_to_try_them() -> None:
    owners = PROFILE.model.owners
    indexes = {"national": 1, "provincial": 3, "city": 2}
    changed = {
        owner: roots.model_copy(update={"dpk_index": indexes[owner]})
        for owner, roots in owners.items()
    }
    psam = Psam(wire_to(made(profile_with("psam/urumqi", owners=changed))), KEYS, TODAY)
    assert psam.key_indexes() == (2, 3, 1)


def test_debit_with_a_key_that_the_psam_lacks() -> None:
    psam, _ = debiter()
    other = CardKey("DPK", 2, "990100", E1_PURCHASE.key.factor)
    with pytest.raises(NoPsamKeyError, match="DPK version 2"):
        psam.authorise_debit(replace(E1_PURCHASE, key=other, key_version=2))


def test_debits_of_all_key_indexes(psam: Psam) -> None:
    """The three DPK stand under 42 with identifiers 01, 02, 03 (ref 01 §10.2)."""
    macs = set()
    for index in (1, 2, 3):
        purchase = replace(
            E1_PURCHASE,
            key=key_of("DPK", version=index),
            terminal=psam.terminal(),
            key_version=index,
        )
        macs.add(psam.authorise_debit(purchase).mac1)
    assert len(macs) == 3


def test_describes_itself(psam: Psam) -> None:
    description = psam.describe()
    assert description.terminal == "650100000001"
    assert description.public is not None
    assert description.public.serial == "00000000650100000001"
    assert set(description.environments) == {"3des", "sm4"}
    assert set(description.environments["3des"]) == {"national", "provincial", "city"}
    assert description.number is not None
