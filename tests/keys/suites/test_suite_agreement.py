"""Beyond the vectors: whatever is asked, every implementation answers as the vault does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.keys.suites.holdings import ALGORITHMS, BY_NAME, key_of
from tests.keys.suites.offers import BY_MESSAGES, EXAMPLES, TAC_FORMS, each_offering, offering
from tests.keys.suites.services import Services

from sscard_ic.apdu.medical import Amounts
from sscard_ic.base import Secret
from sscard_ic.crypto.secure_messaging import Method
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys import CardKey, Protection, PublishedKey
from sscard_ic.keys.medical import Purchase

EXTERNAL = ("NATION", "UKSSSE", "PUK", "RKSSSE")
"""Keys that every implementation has and that may both authenticate and protect."""

eight = st.binary(min_size=8, max_size=8)
digits = st.text("0123456789", min_size=4, max_size=4)


def card_keys(implementation: str, algorithm: Algorithm, *names: str) -> st.SearchStrategy[CardKey]:
    """Any of these keys of any card; an HSM service serves one province."""
    province = BY_NAME["NATION"].city[:2]
    anywhere = st.text("0123456789", min_size=2, max_size=2)
    provinces = st.just(province) if implementation in BY_MESSAGES else anywhere
    cities = st.builds(str.__add__, provinces, digits)
    return st.builds(CardKey, st.sampled_from(names), st.just(1), cities, eight, st.just(algorithm))


def commands(implementation: str) -> st.SearchStrategy[tuple[bytes, bytes, bool]]:
    """Head, data, and whether they are enciphered: PIN resets and locks for step messages."""
    if implementation not in BY_MESSAGES:
        heads = st.binary(min_size=4, max_size=4)
        return st.tuples(heads, st.binary(max_size=200), st.booleans())
    heads = st.sampled_from([bytes.fromhex(head) for head in ("84240001", "84160000", "841E0001")])
    locks = st.tuples(heads, st.just(b""), st.just(False))
    pins = st.binary(min_size=1, max_size=6)
    return locks | st.tuples(st.just(bytes.fromhex("84240001")), pins, st.just(True))


def others(capability: str) -> pytest.MarkDecorator:
    """Those that offer it besides the vault, with each algorithm."""
    cases = [case for case in offering(capability) if case[0] != "vault"]
    return pytest.mark.parametrize(("implementation", "algorithm"), cases)


def agree(implementation: str, **inputs: Any) -> Callable[[Callable[..., None]], None]:
    """Try a property with as many inputs as the implementation is fast for."""

    def now(test: Callable[..., None]) -> None:
        chosen = settings(max_examples=EXAMPLES[implementation], deadline=None)
        chosen(given(**inputs)(test))()

    return now


@others("Authenticator")
def test_cryptograms(services: Services, implementation: str, algorithm: Algorithm) -> None:
    mine, vault = services.held(implementation), services.held("vault")

    @agree(
        implementation,
        key=card_keys(implementation, algorithm, *EXTERNAL, "IRK"),
        challenge=eight,
        text=eight,
    )
    def same(key: CardKey, challenge: bytes, text: bytes) -> None:
        assert mine.cryptogram(key, challenge, text) == vault.cryptogram(key, challenge, text)


@pytest.mark.parametrize("method", get_args(Method))
@others("MessageProtector")
def test_messages(
    services: Services, implementation: str, algorithm: Algorithm, method: Method
) -> None:
    mine, vault = services.held(implementation, method=method), services.held("vault")

    @agree(
        implementation,
        key=card_keys(implementation, algorithm, *EXTERNAL, "STK", "STKDF06"),
        command=commands(implementation),
        challenge=st.binary(min_size=4, max_size=8),
    )
    def same(key: CardKey, command: tuple[bytes, bytes, bool], challenge: bytes) -> None:
        head, data, enciphered = command
        fields = [
            each.protect_command(key, head, Secret(data), challenge, method, enciphered=enciphered)
            for each in (mine, vault)
        ]
        assert fields[0] == fields[1]


@others("AnswerChecker")
def test_answers(services: Services, implementation: str, algorithm: Algorithm) -> None:
    mine, vault = services.held(implementation), services.held("vault")

    @agree(
        implementation,
        key=card_keys(implementation, algorithm, *EXTERNAL, "STK", "STKDF06"),
        data=st.binary(max_size=260),
        challenge=st.binary(min_size=4, max_size=8),
        method=st.sampled_from(get_args(Method)),
    )
    def same(key: CardKey, data: bytes, challenge: bytes, method: Any) -> None:
        expected = vault.answer_mac(key, data, challenge, method)
        assert mine.answer_mac(key, data, challenge, method) == expected


@others("Macer")
def test_macs(services: Services, implementation: str, algorithm: Algorithm) -> None:
    mine, vault = services.held(implementation), services.held("vault")

    @agree(
        implementation,
        key=card_keys(implementation, algorithm, "IRK", "STK", "STKDF06", "MKSSSE"),
        data=st.binary(max_size=60),
        iv=eight,
    )
    def same(key: CardKey, data: bytes, iv: bytes) -> None:
        assert mine.mac(key, data, iv) == vault.mac(key, data, iv)


@others("KeyLoader")
def test_loading(services: Services, implementation: str, algorithm: Algorithm) -> None:
    mine, vault = services.held(implementation), services.held("vault")
    controls = card_keys(implementation, algorithm, "MKSSSE", "MKDF01")
    published = st.builds(PublishedKey, st.binary(min_size=16, max_size=16))
    modes = st.sampled_from(["plain_mac", "enciphered", "enciphered_mac"])
    protections = st.just(Protection("plain")) | st.builds(
        Protection, modes, st.none() | st.just(0x94), controls | published, eight
    )

    @agree(
        implementation,
        key=card_keys(implementation, algorithm, *EXTERNAL, "IRK", "STK", "STKDF06", "MKSSSE"),
        header=st.binary(max_size=8),
        pin=st.binary(min_size=2, max_size=6),
        protection=protections,
        filled=st.sampled_from([0, 8, 16]),
    )
    def same(key: CardKey, header: bytes, pin: bytes, protection: Protection, filled: int) -> None:
        head = bytes.fromhex("00D40000")
        keys = [each.load_key(head, header, key, protection, filled) for each in (mine, vault)]
        assert keys[0].reveal() == keys[1].reveal()
        pins = [
            each.load_pin(head, header, Secret(pin), protection, filled) for each in (mine, vault)
        ]
        assert pins[0].reveal() == pins[1].reveal()


@others("BlankOpener")
def test_blanks(services: Services, implementation: str, algorithm: Algorithm) -> None:
    mine, vault = services.held(implementation), services.held("vault")
    published = st.builds(
        PublishedKey, st.binary(min_size=16, max_size=16), st.sampled_from(ALGORITHMS)
    )

    @agree(
        implementation,
        serial=st.binary(min_size=6, max_size=6),
        challenge=eight,
        key=st.none() | published,
    )
    def same(serial: bytes, challenge: bytes, key: PublishedKey | None) -> None:
        assert mine.transport_code(serial).reveal() == vault.transport_code(serial).reveal()
        assert mine.blank_cryptogram(challenge, key) == vault.blank_cryptogram(challenge, key)


@others("BulkDeriver")
def test_bulk(services: Services, implementation: str, algorithm: Algorithm) -> None:
    mine, vault = services.held(implementation), services.held("vault")

    @agree(
        implementation,
        name=st.sampled_from([*EXTERNAL, "STK", "STKDF06", "MKDF01"]),
        city=st.text("0123456789", min_size=6, max_size=6),
        factors=st.lists(eight, max_size=20).map(b"".join),
    )
    def same(name: str, city: str, factors: bytes) -> None:
        expected = vault.derive_many(name, 1, algorithm, city, factors)
        assert mine.derive_many(name, 1, algorithm, city, factors) == expected


@others("Inventory")
def test_check_values(services: Services, implementation: str, algorithm: Algorithm) -> None:
    mine, vault = services.held(implementation), services.held("vault")

    @agree(
        implementation, key=card_keys(implementation, algorithm, *EXTERNAL, "IRK", "STK", "MKSSSE")
    )
    def same(key: CardKey) -> None:
        assert mine.check_value(key) == vault.check_value(key)


@pytest.mark.parametrize(
    "implementation", [name for name in each_offering("PurchaseHost") if name != "vault"]
)
def test_purchases(services: Services, implementation: str) -> None:
    mine, vault = services.held(implementation, "DPK"), services.held("vault")
    amounts = st.integers(0, 0xFFFFFFFF)
    purchases = st.builds(
        lambda factor, random, counter, sums, time: Purchase(
            key_of("DPK", factor=factor), random, counter, Amounts(*sums), bytes(6), time, 1, 0
        ),
        eight,
        st.binary(min_size=4, max_size=4),
        st.integers(0, 0xFFFF),
        st.tuples(amounts, amounts, amounts),
        st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2099, 1, 1)).map(
            lambda moment: bytes.fromhex(f"{moment:%Y%m%d%H%M%S}")
        ),
    )

    @agree(implementation, purchase=purchases, number=st.integers(0, 0xFFFFFFFF))
    def same(purchase: Purchase, number: int) -> None:
        assert mine.purchase_macs(purchase, number) == vault.purchase_macs(purchase, number)
        tac_key = key_of("DTK", factor=purchase.key.factor)
        for form in TAC_FORMS[implementation]:
            codes = [each.debit_tac(tac_key, purchase, number, form) for each in (mine, vault)]
            assert codes[0] == codes[1]
