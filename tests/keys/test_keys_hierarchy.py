"""From root to card key: the vectors, and where each owner's chain begins."""

from __future__ import annotations

import threading
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.base import InputError, Secret
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.keys import CardKey, UnknownKeyError
from sscard_ic.keys.hierarchy import Hierarchy, RootKey
from sscard_ic.keys.inventory import RootAlgorithm

_FOLDER = Path(__file__).parents[1] / "vectors"
_ALGORITHMS: tuple[Algorithm, ...] = ("3des", "sm4")
_CHAINS: list[tuple[Algorithm, dict[str, Any]]] = [
    (algorithm, row)
    for algorithm in _ALGORITHMS
    for row in tomllib.loads((_FOLDER / f"crypto_{algorithm}.toml").read_text("utf-8"))["chain"]
]
_CREATED = datetime(2026, 11, 21, tzinfo=UTC)
_FACTOR = bytes.fromhex("866033110000048A")


def _root(
    level: Any, value: bytes, use: Any = "external", algorithm: RootAlgorithm = "3des"
) -> RootKey:
    return RootKey("K", 1, level, use, _CREATED, Secret(value), algorithm)


@pytest.mark.parametrize(
    ("algorithm", "row"), _CHAINS, ids=[f"{name}: {row['source']}" for name, row in _CHAINS]
)
def test_vector(algorithm: Algorithm, row: dict[str, Any]) -> None:
    root = _root(row["level"], bytes.fromhex(row["keys"][0]), algorithm=algorithm)
    factor = bytes.fromhex(row["factors"][-1])
    card = CardKey("K", 1, row["division_code"], factor, algorithm)
    hierarchy = Hierarchy([root])
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
@pytest.mark.parametrize(
    ("algorithm", "family", "length"),
    [("des", "3des", 8), ("3des", "3des", 16), ("sm4", "sm4", 16)],
)
def test_chain_of_each_owner(
    level: str, steps: list[str], algorithm: RootAlgorithm, family: Algorithm, length: int
) -> None:
    value = bytes(range(1, length + 1))
    card = CardKey("K", 1, "320800", _FACTOR, family)
    expected = value
    for step in [*steps, _FACTOR.hex()]:
        expected = SUITES[family].diversify(expected, bytes.fromhex(step))
    assert len(expected) == length
    hierarchy = Hierarchy([_root(level, value, algorithm=algorithm)])
    assert hierarchy.card_key(card) == expected
    assert hierarchy.card_key(card) == expected, "the second time from the kept engine"


def test_3des_and_sm4_roots_of_one_name_live_together() -> None:
    roots = [_root("P1", bytes(16)), _root("P1", bytes(range(16)), algorithm="sm4")]
    hierarchy = Hierarchy(roots)
    assert hierarchy.roots() == roots
    for root in roots:
        card = CardKey("K", 1, "320800", _FACTOR, root.suite.algorithm)
        assert hierarchy.card_key(card) == Hierarchy([root]).card_key(card)


@pytest.mark.parametrize(("algorithm", "length"), [("des", 16), ("3des", 8), ("sm4", 8)])
def test_a_root_of_another_length_is_refused(algorithm: RootAlgorithm, length: int) -> None:
    with pytest.raises(ValueError, match="length and algorithm"):
        _root("P1", bytes(length), algorithm=algorithm)


def test_cities_and_cards_do_not_share_keys() -> None:
    hierarchy = Hierarchy([_root("P1", bytes(range(16)))])
    cards = [
        CardKey("K", 1, city, factor)
        for city in ("320800", "320900")
        for factor in (_FACTOR, bytes(8))
    ]
    assert len({hierarchy.card_key(card) for card in cards}) == 4


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


@pytest.mark.parametrize(
    ("name", "version", "algorithm", "words"),
    [
        ("K", 2, "3des", "there is no 3DES key K version 2"),
        ("J", 1, "3des", "there is no 3DES key J version 1"),
        ("K", 1, "sm4", "there is no SM4 key K version 1"),
    ],
)
def test_unknown_key(name: str, version: int, algorithm: Algorithm, words: str) -> None:
    hierarchy = Hierarchy([_root("P1", bytes(16))], where="vault.json")
    with pytest.raises(UnknownKeyError) as caught:
        hierarchy.card_key(CardKey(name, version, "320800", _FACTOR, algorithm))
    assert caught.value.render("en").startswith(f"vault.json: {words}")
    assert f"没有 {algorithm.upper()} 密钥 {name} 版本 {version}" in caught.value.render("zh")


@pytest.mark.parametrize("code", ["", "32080", "3208000", "32O800", "３２０８００", "FFFFFF"])
def test_division_code_of_another_form(code: str) -> None:
    with pytest.raises(InputError, match="6 digits"):
        CardKey("K", 1, code, _FACTOR)


@pytest.mark.parametrize("length", [0, 7, 9, 13])
def test_factor_of_another_length(length: int) -> None:
    with pytest.raises(InputError, match="8 bytes"):
        CardKey("K", 1, "320800", bytes(length))
