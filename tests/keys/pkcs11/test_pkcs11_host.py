"""Card keys from roots in a token, one card or many at a time: the same as those of the vault."""

from __future__ import annotations

import copy
import pickle
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from tests.support.softhsm import answering, open_softhsm, published_roots, softhsm_settings

from sscard_ic.keys import CardKey, SoftwareVault, UnknownKeyError, WrongPurposeError
from sscard_ic.keys.capabilities import BulkDeriver, CardExpecter, KeyLoader
from sscard_ic.keys.medical import Crediter, PurchaseHost, TacChecker
from sscard_ic.keys.pkcs11 import derivation
from sscard_ic.keys.pkcs11.errors import HsmError
from sscard_ic.keys.pkcs11.host import Pkcs11HostService

CITY = "210200"
KEYS = [("IRK", 1), ("IRK", 3), ("UKSSSE", 2), ("STK", 1), ("MKSSSE", 1), ("DTK", 1)]


def factors(count: int) -> bytes:
    return secrets.token_bytes(8 * count)


@pytest.mark.parametrize(("name", "version"), KEYS)
def test_one_card(host: Pkcs11HostService, vault: SoftwareVault, name: str, version: int) -> None:
    for city in (CITY, "650100"):
        key = CardKey(name, version, city, secrets.token_bytes(8))
        assert host.check_value(key) == vault.check_value(key)


@pytest.mark.parametrize(("name", "version"), KEYS)
@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_many_cards(
    host: Pkcs11HostService, vault: SoftwareVault, name: str, version: int, count: int
) -> None:
    asked = factors(count)
    derived = host.derive_many(name, version, "3des", CITY, asked)
    assert derived == vault.derive_many(name, version, "3des", CITY, asked)


@pytest.mark.parametrize("name", ["UKSSSE", "STK"])
def test_calls_of_the_size_that_is_set(vault: SoftwareVault, name: str) -> None:
    """The fewest calls that the setting allows, and nothing lost between them."""
    settings = softhsm_settings("any").model_copy(update={"bytes_per_call": 4096})
    roots = [root for root in published_roots(vault.keys()) if root.name == name]
    length = 8 if name == "STK" else 16
    with closing(open_softhsm(roots, settings=settings)) as service:
        assert isinstance(service, Pkcs11HostService)
        asked = factors(1000)
        service.derive_many(name, 1, "3des", CITY, asked[:8])
        with answering("C_Encrypt", 0, after=sys.maxsize) as calls:
            derived = service.derive_many(name, 1, "3des", CITY, asked)
        assert calls.calls == -(-1000 * length // 4096)
    assert derived == vault.derive_many(name, 1, "3des", CITY, asked)


def test_everything_of_a_batch_by_one_call(host: Pkcs11HostService) -> None:
    host.derive_many("IRK", 1, "3des", CITY, factors(1))
    with answering("C_Encrypt", 0, after=sys.maxsize) as calls:
        host.derive_many("IRK", 1, "3des", CITY, factors(8192))
    assert calls.calls == 1


class TestExpected:
    def test_chunks(self, host: Pkcs11HostService, vault: SoftwareVault) -> None:
        cards = [secrets.token_bytes(8) for _ in range(100)]
        host.expect_cards(CITY, cards)
        keys = [CardKey("IRK", 1, CITY, card) for card in cards]
        host.check_value(CardKey("IRK", 1, CITY, bytes(8)))
        with answering("C_Encrypt", 0, after=sys.maxsize) as calls:
            found = [host.check_value(key) for key in keys]
        assert found == [vault.check_value(key) for key in keys]
        assert calls.calls == 2
        host.expect_cards(CITY, [])

    def test_rules_of_use_hold(self, host: Pkcs11HostService) -> None:
        key = CardKey("DTK", 1, CITY, secrets.token_bytes(8))
        host.expect_cards(CITY, [key.factor])
        host.check_value(key)
        with pytest.raises(WrongPurposeError):
            host.mac(key, b"data")
        host.expect_cards(CITY, [])

    def test_not_after_the_end(self, vault: SoftwareVault) -> None:
        roots = [root for root in published_roots(vault.keys()) if root.name == "MKSSSE"]
        service = open_softhsm(roots)
        key = CardKey("MKSSSE", 1, CITY, bytes(8))
        service.expect_cards(CITY, [key.factor])
        service.check_value(key)
        service.close()
        with pytest.raises(HsmError, match="the HSM was closed"):
            service.check_value(key)


def test_more_cities_than_are_kept(
    host: Pkcs11HostService, vault: SoftwareVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derivation, "_MOST", 3)
    for _ in range(2):
        for number in range(10):
            key = CardKey("IRK", 1, f"2102{number:02}", secrets.token_bytes(8))
            assert host.check_value(key) == vault.check_value(key)


def test_threads(host: Pkcs11HostService, vault: SoftwareVault) -> None:
    """The library is entered by one thread at a time; nobody gets what another asked for."""
    asked = [
        CardKey(name, version, f"2102{number % 7:02}", secrets.token_bytes(8))
        for number in range(40)
        for name, version in KEYS
    ]
    host.expect_cards("210200", [key.factor for key in asked if key.division_code == "210200"])
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(host.check_value, asked))
    host.expect_cards(CITY, [])
    assert found == [vault.check_value(key) for key in asked]


def test_blanks(host: Pkcs11HostService, vault: SoftwareVault) -> None:
    serial, challenge = secrets.token_bytes(6), secrets.token_bytes(8)
    assert host.transport_code(serial) == vault.transport_code(serial)
    assert host.blank_cryptogram(challenge, None) == vault.blank_cryptogram(challenge, None)


def test_what_it_offers(host: Pkcs11HostService) -> None:
    for capability in (KeyLoader, BulkDeriver, CardExpecter, PurchaseHost, Crediter, TacChecker):
        assert isinstance(host, capability)


def test_roots(host: Pkcs11HostService, vault: SoftwareVault) -> None:
    """All that the vault tells, but those of SM4, which SoftHSM does not know."""
    listed = host.keys()
    assert listed == [info for info in vault.keys() if info.algorithm != "sm4"]  # noqa: SIM118
    for info in listed:
        expected = bytes.fromhex(info.check_value)
        assert host.root_check_value(info.name, info.version) == expected


def test_unknown_key(host: Pkcs11HostService) -> None:
    with pytest.raises(UnknownKeyError, match="there is no 3DES key IRK version 9"):
        host.check_value(CardKey("IRK", 9, CITY, bytes(8)))
    with pytest.raises(UnknownKeyError):
        host.require_key("IRK", 9, "3des")


def test_without_sm4(host: Pkcs11HostService) -> None:
    """Whoever asks learns that it is the HSM, not a forgotten key."""
    with pytest.raises(UnknownKeyError) as caught:
        host.require_key("IRK", 1, "sm4")
    assert caught.value.hint is not None
    assert "no mechanisms of this HSM for SM4 (mechanisms.sm4)" in caught.value.hint.en


def test_not_pickled_and_not_told(host: Pkcs11HostService) -> None:
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="each process logs in by itself"):
            attempt(host)
    assert repr(host) == f"<Pkcs11HostService {host.place}: 15 test keys>"
