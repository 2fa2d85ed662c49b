"""What every implementation refuses, in words of two languages, and nothing is half done then."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.keys.suites.implementations import PASSPHRASE, Store
from tests.keys.suites.offers import OFFERS
from tests.keys.suites.psam_bench import psam_profile, psam_with
from tests.keys.suites.remote_bench import Wanted, served
from tests.support.softhsm import USER_PIN, open_softhsm

from sscard_ic.apdu.medical import Amounts
from sscard_ic.base import FixedClock, Secret, SscardError
from sscard_ic.keys import (
    CardKey,
    DestroyedKeyError,
    EnvironmentMismatchError,
    ExpiredKeyError,
    KeySpec,
    NoPsamKeyError,
    Protection,
    PsamError,
    SoftwareVault,
    UnknownKeyError,
    VaultError,
    WrongPurposeError,
    require_environment,
)
from sscard_ic.keys.inventory import TRANSPORT, Use
from sscard_ic.keys.medical import Credit, Purchase
from sscard_ic.keys.pkcs11.errors import HsmError
from sscard_ic.keys.pkcs11.opening import open_service
from sscard_ic.keys.psam import Psam
from sscard_ic.keys.remote.errors import RefusedError
from sscard_ic.profile import Key

CITY, FACTOR = "320800", bytes.fromhex("866033110000048A")
RESET = bytes.fromhex("84240001")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
DAY = timedelta(days=1)

USES: Mapping[str, Use] = {
    "GOOD": "master",
    "OLD": "master",
    "FUTURE": "master",
    "GONE": "master",
    "IRK": "internal",
    "STK": "mac",
    "DPK": "purchase",
    "DLK": "load",
    "DTK": "tac",
    TRANSPORT: "transport",
}
"""Keys by what they are for; those of use ``master`` may do everything but settle."""


@dataclass(frozen=True)
class Bad:
    """A key that is refused, the error, and what it says in English."""

    name: str
    error: type[SscardError]
    words: str


UNKNOWN = Bad("NOKEY", UnknownKeyError, "no 3DES key NOKEY version 1|address of the key NOKEY")
LIMITS = (
    UNKNOWN,
    Bad("OLD", ExpiredKeyError, "OLD version 1 expired after"),
    Bad("FUTURE", ExpiredKeyError, "FUTURE version 1 is not valid before"),
    Bad("GONE", DestroyedKeyError, "GONE version 1 was destroyed on"),
)
_GOOD = "GOOD"


def key(name: str) -> CardKey:
    """A key of the card of these tests."""
    return CardKey(name, 1, CITY, FACTOR)


def wrong(name: str, words: str) -> Bad:
    """A key of another purpose."""
    return Bad(name, WrongPurposeError, f"{name} version 1 is for {words}")


def _protect(service: Any, name: str) -> object:
    pin = Secret(bytes.fromhex("258036"))
    return service.protect_command(key(name), RESET, pin, bytes(8), "card_key", enciphered=True)


def _load(service: Any, name: str) -> object:
    return service.load_key(bytes(4), bytes(8), key(name), Protection("plain"))


def _load_under(service: Any, name: str) -> object:
    protection = Protection("enciphered_mac", under=key(name))
    return service.load_key(bytes(4), bytes(8), key(_GOOD), protection)


def _load_pin_under(service: Any, name: str) -> object:
    protection = Protection("enciphered", under=key(name))
    return service.load_pin(bytes(4), bytes(8), Secret(b"\x12\x34"), protection)


def _purchase(service: Any, name: str) -> object:
    amounts = Amounts(0, 1, 1)
    purchase = Purchase(
        key(name), bytes(4), 1, amounts, bytes(6), bytes.fromhex("20261121080000"), 1, 0
    )
    return service.purchase_macs(purchase, 1)


def _credit(service: Any, name: str) -> object:
    credit = Credit(key(name), bytes(4), 1, 0, 1, bytes(6))
    return service.authorise_credit(credit, bytes(4), bytes(7))


CALLS: Mapping[str, tuple[str, Callable[[Any, str], object], tuple[Bad, ...]]] = {
    "authenticate": (
        "Authenticator",
        lambda service, name: service.cryptogram(key(name), bytes(8), bytes(8)),
        (*LIMITS, wrong("DPK", "purchase, not to authenticate"), wrong("STK", "mac")),
    ),
    "protect": (
        "MessageProtector",
        _protect,
        (*LIMITS, wrong("IRK", "internal, not to protect commands"), wrong("DPK", "purchase")),
    ),
    "check an answer": (
        "AnswerChecker",
        lambda service, name: service.answer_mac(key(name), b"data", bytes(8), "card_key"),
        (*LIMITS, wrong("IRK", "internal")),
    ),
    "compute a MAC": (
        "Macer",
        lambda service, name: service.mac(key(name), b"data"),
        (*LIMITS, wrong("DTK", "tac, not to compute MACs")),
    ),
    "load": (
        "KeyLoader",
        _load,
        (*LIMITS, wrong(TRANSPORT, "transport, not to be loaded into cards")),
    ),
    "load under": ("KeyLoader", _load_under, (*LIMITS, wrong("DLK", "load, not to protect"))),
    "load a PIN under": ("KeyLoader", _load_pin_under, (*LIMITS, wrong("IRK", "internal"))),
    "derive many": (
        "BulkDeriver",
        lambda service, name: service.derive_many(name, 1, "3des", CITY, FACTOR),
        (*LIMITS, wrong(TRANSPORT, "transport")),
    ),
    "settle": (
        "PurchaseHost",
        _purchase,
        (
            UNKNOWN,
            # An HSM service knows which addresses are those of purchase keys.
            Bad("DLK", WrongPurposeError, "DLK version 1 is for load|not that of a purchase key"),
        ),
    ),
    "credit": ("Crediter", _credit, (UNKNOWN, wrong("DPK", "purchase, not to authorise"))),
}
_STORES = ("vault", "pkcs11-host", "pkcs11-token")
_IMPLEMENTATIONS = (*_STORES, "remote")
_CASES = [
    pytest.param(implementation, call, bad, id=f"{implementation}-{call}-{bad.name}")
    for implementation in _IMPLEMENTATIONS
    for call, (capability, _, refused) in CALLS.items()
    if capability in OFFERS[implementation]
    for bad in refused
]


class Services:
    """Services that hold the keys of :data:`USES`, opened when first asked for."""

    def __init__(self, stack: ExitStack, folder: Callable[[str], Path]) -> None:
        self._stack = stack
        self._folder = folder
        self._opened: dict[str, Any] = {}

    def of(self, implementation: str) -> Any:
        """One of an implementation."""
        if implementation not in self._opened:
            self._opened[implementation] = self._open(implementation)
        return self._opened[implementation]

    def _open(self, implementation: str) -> Any:
        folder = self._folder(implementation)
        if implementation == "remote":
            client = served(folder, Wanted(), self.of("vault"), "xor_halves", _declared())
            return self._stack.enter_context(client)
        store = self._stack.enter_context(Store.fresh(implementation, folder))
        today = date.today()
        for name, use in USES.items():
            store.service.generate(KeySpec(name, 1, "maker", use))
        store.service.set_validity("OLD", 1, "3des", None, today - DAY)
        store.service.set_validity("FUTURE", 1, "3des", today + DAY, None)
        store.service.destroy("GONE", 1, "3des")
        return store.service


def _declared() -> dict[str, Key]:
    return {
        name: Key.model_validate(
            {
                "directory": "SSSE",
                "id": 4,
                "use": use,
                "level": "maker",
                "hsm_address": f"{number:04X}",
            }
        )
        for number, (name, use) in enumerate(USES.items(), 0x0100)
        if use != "transport"
    }


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with ExitStack() as stack:
        yield Services(stack, tmp_path_factory.mktemp)


def assert_clear(error: SscardError) -> None:
    """What, where and the next step, in Chinese and in English, and no cause that tells more."""
    zh, en = error.render("zh"), error.render("en")
    assert CHINESE.search(error.what.zh)
    assert not CHINESE.search(error.what.en)
    assert error.hint is not None
    assert CHINESE.search(error.hint.zh)
    assert not CHINESE.search(error.hint.en)
    assert error.where
    assert error.where in zh
    assert error.where in en


# Keys that may not be used


@pytest.mark.parametrize(("implementation", "call", "bad"), _CASES)
def test_keys_that_may_not_be_used(
    services: Services, implementation: str, call: str, bad: Bad
) -> None:
    service = services.of(implementation)
    _, ask, _ = CALLS[call]
    before = services.of("vault").keys()
    with pytest.raises(SscardError) as caught:
        ask(service, bad.name)
    error = caught.value
    if implementation == "remote":
        # The service tells why, in both languages at once.
        assert isinstance(error, RefusedError | UnknownKeyError)
        assert error.hint is not None
    else:
        assert isinstance(error, bad.error)
        assert_clear(error)
    assert re.search(bad.words, error.render("en"))
    assert services.of("vault").keys() == before


@pytest.mark.parametrize("implementation", _IMPLEMENTATIONS)
def test_after_a_refusal_others_are_served(services: Services, implementation: str) -> None:
    """Whatever was refused, the next question is answered as before."""
    service = services.of(implementation)
    _, ask, refused = CALLS["authenticate"]
    first = ask(service, _GOOD)
    for bad in refused:
        with pytest.raises(SscardError):
            ask(service, bad.name)
        assert ask(service, _GOOD) == first


@pytest.mark.parametrize("implementation", _STORES)
def test_the_key_of_blanks_outside_its_days(implementation: str, tmp_path: Path) -> None:
    with Store.fresh(implementation, tmp_path) as store:
        service = store.service
        service.generate(KeySpec(TRANSPORT, 1, "maker", "transport"))
        code = service.transport_code(bytes(6))
        service.set_validity(TRANSPORT, 1, "3des", None, date.today() - DAY)
        with pytest.raises(ExpiredKeyError, match="expired after") as caught:
            service.transport_code(bytes(6))
        assert_clear(caught.value)
        with pytest.raises(ExpiredKeyError, match="expired after"):
            service.blank_cryptogram(bytes(8), None)
        service.set_validity(TRANSPORT, 1, "3des", None, None)
        assert service.transport_code(bytes(6)) == code


# PSAM: its keys have the days and types of the card


PSAM_KEYS = {
    name: Key.model_validate(
        {
            "directory": "SSSE",
            "id": 4,
            "use": use,
            "level": "P1",
            "psam_usage": place[:2],
            "psam_id": place[2:],
        }
    )
    for name, use, place in (
        ("PUK", "external", "4810"),
        ("STK", "mac", "4658"),
        ("DPK", "purchase", "4201"),
    )
}


@pytest.fixture
def psam() -> Psam:
    return psam_with(psam_profile(PSAM_KEYS), lambda name, algorithm: name.encode().ljust(16))


@pytest.mark.parametrize(
    ("name", "error"), [("NOKEY", NoPsamKeyError), ("DPK", PsamError), ("STK", PsamError)]
)
def test_keys_that_a_psam_does_not_use_so(psam: Psam, name: str, error: type[SscardError]) -> None:
    """Unknown; a key for purchases that is to authenticate; one for MACs that is to encipher."""
    good = psam.cryptogram(key("PUK"), bytes(8), bytes(8))
    with pytest.raises(error) as caught:
        if name == "STK":
            _protect(psam, name)
        else:
            psam.cryptogram(key(name), bytes(8), bytes(8))
    assert caught.value.where == "PSAM"
    assert CHINESE.search(caught.value.what.zh)
    assert psam.cryptogram(key("PUK"), bytes(8), bytes(8)) == good


@pytest.mark.parametrize("day", [datetime(2025, 12, 31), datetime(2046, 1, 1)])
def test_a_psam_outside_its_days(day: datetime) -> None:
    profile = psam_profile(PSAM_KEYS)
    made = psam_with(profile, lambda name, algorithm: name.encode().ljust(16))
    late = Psam(made._connection, profile.card.keys, FixedClock(day.replace(tzinfo=UTC)))
    with pytest.raises(PsamError, match="valid from 2026-01-01 to 2045-12-31") as caught:
        late.cryptogram(key("PUK"), bytes(8), bytes(8))
    assert_clear(caught.value)
    assert len(made.cryptogram(key("PUK"), bytes(8), bytes(8))) == 8


# Environments and secrets of the services themselves


@pytest.mark.parametrize("implementation", _IMPLEMENTATIONS)
def test_test_keys_and_a_profile_of_production(services: Services, implementation: str) -> None:
    service = services.of(implementation)
    require_environment(service, "test", "dalian")
    with pytest.raises(EnvironmentMismatchError, match="the profile is of production") as caught:
        require_environment(service, "production", "dalian")
    assert_clear(caught.value)


def test_production_keys_and_a_profile_of_tests(tmp_path: Path) -> None:
    secret = Secret(b"several words of production")
    vault = SoftwareVault.create(tmp_path / "vault.json", secret, environment="production")
    with pytest.raises(EnvironmentMismatchError, match="the profile is of test") as caught:
        require_environment(vault, "test", "dalian")
    assert_clear(caught.value)
    vault.close()


def test_a_token_of_the_other_environment() -> None:
    """One that was prepared for test keys is not opened for production."""
    service = open_softhsm([])
    service.close()
    settings = service.settings.model_copy(update={"environment": "production"})
    with pytest.raises(EnvironmentMismatchError) as caught:
        open_service(settings, USER_PIN)
    assert_clear(caught.value)
    open_service(service.settings, USER_PIN).close()


def test_wrong_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    SoftwareVault.create(path, PASSPHRASE, environment="test", keys=()).close()
    before = path.read_bytes()
    with pytest.raises(VaultError, match="passphrase") as caught:
        SoftwareVault.open(path, Secret(b"another one"))
    assert_clear(caught.value)
    assert "another one" not in caught.value.render("en")
    assert path.read_bytes() == before


def test_wrong_hsm_pin() -> None:
    """Tried once; a person with the right one still opens the token."""
    service = open_softhsm([])
    service.close()
    with pytest.raises(HsmError, match="PIN") as caught:
        open_service(service.settings, Secret(b"999999"))
    assert_clear(caught.value)
    assert "999999" not in caught.value.render("en")
    open_service(service.settings, USER_PIN, typed=True).close()
