"""Card keys that stay in the token: whatever they compute is what the vault computes."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.softhsm import answering, open_softhsm

from sscard_ic.apdu.medical import TYPE_CREDIT, Amounts
from sscard_ic.base import Secret
from sscard_ic.crypto import medical as rules
from sscard_ic.crypto.secure_messaging import Method
from sscard_ic.keys import (
    CardKey,
    MissingCapabilityError,
    SoftwareVault,
    WrongPurposeError,
    answer_checker,
    authenticator,
    inventory,
    key_loader,
    macer,
    message_protector,
)
from sscard_ic.keys.capabilities import BlankOpener, BulkDeriver, CardExpecter, KeyLoader
from sscard_ic.keys.hierarchy import RootKey
from sscard_ic.keys.inventory import Use
from sscard_ic.keys.medical import Credit, Purchase, WrongMac1
from sscard_ic.keys.pkcs11.inside import Pkcs11TokenService

CITY = "210200"
CREATED = datetime(2026, 11, 21, tzinfo=UTC)
ACCOUNT: tuple[tuple[str, Use], ...] = (("DPK", "purchase"), ("DLK", "load"), ("DTK", "tac"))
METHODS: tuple[Method, ...] = ("card_key", "process_key", "process_key_challenge")
HEAD = bytes.fromhex("04D60000")
TIME = bytes.fromhex("20261121080000")
TERMINAL = bytes.fromhex("210200000001")


def key(name: str, version: int = 1, city: str = CITY) -> CardKey:
    """One key of some card."""
    return CardKey(name, version, city, secrets.token_bytes(8))


@pytest.mark.parametrize("name", ["IRK", "UKSSSE", "STK", "MKSSSE", "DTK"])
def test_check_values(inside: Pkcs11TokenService, vault: SoftwareVault, name: str) -> None:
    for asked in (key(name), key(name, city="650100")):
        assert inside.check_value(asked) == vault.check_value(asked)


@pytest.mark.parametrize("name", ["IRK", "UKSSSE", "MKSSSE"])
def test_cryptograms(inside: Pkcs11TokenService, vault: SoftwareVault, name: str) -> None:
    asked, challenge, text = key(name), secrets.token_bytes(8), secrets.token_bytes(8)
    assert inside.cryptogram(asked, challenge, text) == vault.cryptogram(asked, challenge, text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    name=st.sampled_from(["IRK", "STK", "MKSSSE"]),
    data=st.binary(max_size=64),
    iv=st.binary(min_size=8, max_size=8),
)
def test_macs(
    inside: Pkcs11TokenService, vault: SoftwareVault, name: str, data: bytes, iv: bytes
) -> None:
    asked = key(name)
    assert inside.mac(asked, data, iv) == vault.mac(asked, data, iv)
    assert inside.mac(asked, data) == vault.mac(asked, data)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    name=st.sampled_from(["STK", "UKSSSE", "MKSSSE"]),
    data=st.binary(max_size=40),
    challenge=st.binary(min_size=4, max_size=8),
    method=st.sampled_from(METHODS),
    enciphered=st.booleans(),
)
def test_messages(
    inside: Pkcs11TokenService,
    vault: SoftwareVault,
    name: str,
    data: bytes,
    challenge: bytes,
    method: Method,
    enciphered: bool,
) -> None:
    asked, secret = key(name), Secret(data)
    expected = vault.protect_command(asked, HEAD, secret, challenge, method, enciphered=enciphered)
    sent = inside.protect_command(asked, HEAD, secret, challenge, method, enciphered=enciphered)
    assert sent == expected
    expected = vault.answer_mac(asked, data, challenge, method)
    assert inside.answer_mac(asked, data, challenge, method) == expected


def test_challenges_that_are_none(inside: Pkcs11TokenService) -> None:
    for challenge in (b"", bytes(9)):
        with pytest.raises(ValueError, match="a challenge of 3des has 1 to 8 bytes"):
            inside.answer_mac(key("STK"), b"", challenge, "card_key")
    with pytest.raises(ValueError, match="8 bytes are needed"):
        inside.cryptogram(key("IRK"), bytes(4), bytes(8))


def test_blanks(inside: Pkcs11TokenService, vault: SoftwareVault) -> None:
    serial, challenge = secrets.token_bytes(6), secrets.token_bytes(8)
    assert inside.transport_code(serial) == vault.transport_code(serial)
    assert inside.blank_cryptogram(challenge, None) == vault.blank_cryptogram(challenge, None)


def test_threads(inside: Pkcs11TokenService, vault: SoftwareVault) -> None:
    asked = [key("UKSSSE", city=f"2102{number % 5:02}") for number in range(60)]
    challenge, text = secrets.token_bytes(8), secrets.token_bytes(8)

    def proof(each: CardKey) -> bytes:
        return inside.cryptogram(each, challenge, text)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(proof, asked))
    assert found == [vault.cryptogram(each, challenge, text) for each in asked]


def test_process_keys_are_removed(inside: Pkcs11TokenService) -> None:
    """Of a card two keys may stay, of a command none."""
    asked = key("STK")
    inside.answer_mac(asked, b"data", bytes(8), "process_key")
    with (
        answering("C_DeriveKey", 0, after=sys.maxsize) as derived,
        answering("C_DestroyObject", 0, after=sys.maxsize) as destroyed,
    ):
        inside.answer_mac(asked, b"data", bytes(8), "process_key")
    assert (derived.calls, destroyed.calls) == (1, 1)


@pytest.fixture(scope="module")
def centre() -> Iterator[tuple[Pkcs11TokenService, SoftwareVault]]:
    """The keys of the medical account in a token, and in a vault."""
    roots = [
        RootKey(name, 1, "P1", use, CREATED, Secret(secrets.token_bytes(16)))
        for name, use in ACCOUNT
    ]
    vault = SoftwareVault(Path("centre"), "test", roots, Secret(bytes(32)))
    with closing(open_softhsm(roots, derived_keys="token")) as service, closing(vault):
        assert isinstance(service, Pkcs11TokenService)
        yield service, vault


class TestMedical:
    credit = Credit(key("DLK"), bytes.fromhex("01020304"), 3, 1000, 250, TERMINAL)
    purchase = Purchase(
        key("DPK"), bytes(4), 7, Amounts(1, 2, 3), TERMINAL, TIME, key_version=1, algorithm=0
    )

    def test_purchase(self, centre: tuple[Pkcs11TokenService, SoftwareVault]) -> None:
        inside, vault = centre
        assert inside.purchase_macs(self.purchase, 70000) == vault.purchase_macs(
            self.purchase, 70000
        )

    def test_credit(self, centre: tuple[Pkcs11TokenService, SoftwareVault]) -> None:
        inside, vault = centre
        card_key = bytes(vault.derive_many("DLK", 1, "3des", CITY, self.credit.key.factor))
        session = rules.load_key(card_key, self.credit.random, self.credit.counter)
        mac1 = rules.load_mac1(session, 1000, 250, TYPE_CREDIT, TERMINAL)
        mac2 = inside.authorise_credit(self.credit, mac1, TIME)
        assert mac2 == vault.authorise_credit(self.credit, mac1, TIME)
        with pytest.raises(WrongMac1):
            inside.authorise_credit(self.credit, bytes(4), TIME)

    def test_tacs(self, centre: tuple[Pkcs11TokenService, SoftwareVault]) -> None:
        inside, vault = centre
        asked = key("DTK")
        tac = vault.debit_tac(asked, self.purchase, 9, "double_length")
        assert inside.debit_tac(asked, self.purchase, 9, "double_length") == tac
        assert inside.check_debit_tac(asked, self.purchase, 9, tac, "double_length")
        assert not inside.check_debit_tac(asked, self.purchase, 9, bytes(4), "double_length")
        assert not inside.check_credit_tac(asked, self.credit, TIME, tac, "double_length")

    def test_tac_of_joined_halves(self, inside: Pkcs11TokenService) -> None:
        with pytest.raises(MissingCapabilityError, match="does not join the halves") as caught:
            inside.debit_tac(key("DTK"), self.purchase, 9, "xor_halves")
        assert caught.value.hint is not None
        assert 'derived_keys = "host"' in caught.value.hint.en


def test_what_it_offers(inside: Pkcs11TokenService) -> None:
    assert isinstance(inside, BlankOpener)
    for capability in (authenticator, macer, message_protector, answer_checker, inventory):
        found: Any = capability(inside)
        assert found is inside


def test_what_it_does_not_offer(inside: Pkcs11TokenService) -> None:
    """Each of these brings bits of card keys to the host."""
    for capability in (KeyLoader, BulkDeriver, CardExpecter):
        assert not isinstance(inside, capability)
    with pytest.raises(MissingCapabilityError) as caught:
        key_loader(inside)
    assert caught.value.hint is not None
    assert 'set derived_keys = "host"' in caught.value.hint.en
    assert 'derived_keys = "host"' in caught.value.hint.zh


def test_purposes(inside: Pkcs11TokenService) -> None:
    with pytest.raises(WrongPurposeError):
        inside.mac(key("DTK"), b"data")
    with pytest.raises(WrongPurposeError):
        inside.cryptogram(key("STK"), bytes(8), bytes(8))
    with pytest.raises(WrongPurposeError):
        inside.check_value(key("TRANSPORT"))


def test_no_bits_of_card_keys_come_out(
    inside: Pkcs11TokenService, vault: SoftwareVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that the library ever answers is the key of the card, or half of it."""
    asked = key("MKSSSE")
    bits = bytes(vault.derive_many("MKSSSE", 1, "3des", CITY, asked.factor))
    answers: list[bytes] = []
    functions = inside._token.functions
    own = functions.encrypt

    def noting(*arguments: Any) -> bytes:
        answers.append(own(*arguments))
        return answers[-1]

    monkeypatch.setattr(functions, "encrypt", noting)
    inside.check_value(asked)
    inside.cryptogram(asked, bytes(8), bytes(8))
    inside.mac(asked, bytes(40))
    inside.protect_command(asked, HEAD, Secret(bytes(30)), bytes(8), "card_key", enciphered=True)
    assert len(answers) > 4
    assert not any(bits[:8] in answer or bits[8:] in answer for answer in answers)
