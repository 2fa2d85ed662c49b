"""From root to card key: the vectors, and where each owner's chain begins."""

from __future__ import annotations

import threading
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.base import InputError, Secret
from sscard_ic.crypto import keys as rules
from sscard_ic.keys import CardKey, UnknownKeyError
from sscard_ic.keys.hierarchy import Hierarchy, RootKey

_VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "crypto_3des.toml").read_text(encoding="utf-8")
)
_CREATED = datetime(2026, 11, 21, tzinfo=UTC)
_FACTOR = bytes.fromhex("866033110000048A")


def _root(level: Any, value: bytes, use: Any = "external") -> RootKey:
    return RootKey("K", 1, level, use, _CREATED, Secret(value))


@pytest.mark.parametrize("row", _VECTORS["chain"], ids=lambda row: row["source"])
def test_vector(row: dict[str, Any]) -> None:
    hierarchy = Hierarchy([_root(row["level"], bytes.fromhex(row["keys"][0]))])
    card = CardKey("K", 1, row["division_code"], bytes.fromhex(row["factors"][-1]))
    assert hierarchy.card_key(card).hex().upper() == row["keys"][-1]


@pytest.mark.parametrize(
    ("level", "steps"),
    [
        ("N1", ["3332303030307368", "3332303830307378"]),
        ("N2", ["3332303030307368", "3332303830307378"]),
        ("P1", ["3332303830307378"]),
        ("maker", []),
    ],
)
@pytest.mark.parametrize("length", [8, 16])
def test_chain_of_each_owner(level: str, steps: list[str], length: int) -> None:
    value = bytes(range(1, length + 1))
    card = CardKey("K", 1, "320800", _FACTOR)
    expected = value
    for step in [*steps, _FACTOR.hex()]:
        expected = rules.diversify(expected, bytes.fromhex(step))
    assert len(expected) == length
    hierarchy = Hierarchy([_root(level, value)])
    assert hierarchy.card_key(card) == expected
    assert hierarchy.card_key(card) == expected, "the second time from the kept engine"


def test_cities_and_cards_do_not_share_keys() -> None:
    hierarchy = Hierarchy([_root("P1", bytes(range(16)))])
    cards = [
        CardKey("K", 1, city, factor)
        for city in ("320800", "320900")
        for factor in (_FACTOR, bytes(8))
    ]
    assert len({hierarchy.card_key(card) for card in cards}) == 4
    assert len({hierarchy.encryptor(card).encrypt(bytes(8)) for card in cards}) == 4


def test_the_transport_key_is_used_as_it_is() -> None:
    hierarchy = Hierarchy([_root("maker", bytes(range(16)), "transport")])
    assert hierarchy.card_key(CardKey("K", 1, "320800", _FACTOR)) == bytes(range(16))


def test_threads_derive_at_the_same_time() -> None:
    hierarchy = Hierarchy([_root("P1", bytes(range(16)))])
    cards = [CardKey("K", 1, "320800", n.to_bytes(8, "big")) for n in range(300)]
    expected = [hierarchy.card_key(card) for card in cards]
    results: list[list[bytes]] = []

    def derive() -> None:
        results.append([hierarchy.card_key(card) for card in cards])

    threads = [threading.Thread(target=derive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


@pytest.mark.parametrize(("name", "version"), [("K", 2), ("J", 1)])
def test_unknown_key(name: str, version: int) -> None:
    hierarchy = Hierarchy([_root("P1", bytes(16))], where="vault.json")
    with pytest.raises(UnknownKeyError) as caught:
        hierarchy.card_key(CardKey(name, version, "320800", _FACTOR))
    assert caught.value.render("en").startswith(
        f"vault.json: there is no key {name} version {version}"
    )


@pytest.mark.parametrize("code", ["", "32080", "3208000", "32O800", "３２０８００", "FFFFFF"])
def test_division_code_of_another_form(code: str) -> None:
    with pytest.raises(InputError, match="6 digits"):
        CardKey("K", 1, code, _FACTOR)


@pytest.mark.parametrize("length", [0, 7, 9, 13])
def test_factor_of_another_length(length: int) -> None:
    with pytest.raises(InputError, match="8 bytes"):
        CardKey("K", 1, "320800", bytes(length))
