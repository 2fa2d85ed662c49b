"""Keys of cards that are expected: asked for in chunks, bounded, and overwritten afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys import CardKey
from sscard_ic.keys.pkcs11.expected import CARDS_PER_CHUNK, ExpectedCards

CITY = "210200"
FACTORS = [number.to_bytes(8, "big") for number in range(1, 200)]


class Deriver:
    """Gives each card its factor as key, twice over for those of 16 bytes; notes what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, int]] = []
        self.given: list[bytearray] = []

    def __call__(
        self, name: str, version: int, algorithm: Algorithm, division_code: str, factors: bytes
    ) -> bytearray:
        assert division_code == CITY
        cards = [factors[at : at + 8] for at in range(0, len(factors), 8)]
        self.asked.append((name, version, len(cards)))
        chunk = bytearray(b"".join(card if name == "STK" else 2 * card for card in cards))
        self.given.append(chunk)
        return chunk


@pytest.fixture
def deriver() -> Deriver:
    return Deriver()


@pytest.fixture
def cards(deriver: Deriver) -> ExpectedCards:
    """199 cards of one city are expected."""
    expected = ExpectedCards(deriver)
    expected.expect(CITY, FACTORS)
    return expected


def key(factor: bytes, name: str = "IRK", city: str = CITY) -> CardKey:
    return CardKey(name, 1, city, factor)


def test_one_call_for_a_chunk(cards: ExpectedCards, deriver: Deriver) -> None:
    for factor in FACTORS:
        assert cards.key(key(factor)) == 2 * factor
        assert cards.key(key(factor, "STK")) == factor
    assert deriver.asked == [
        (name, 1, count)
        for count in (CARDS_PER_CHUNK, CARDS_PER_CHUNK, CARDS_PER_CHUNK, 199 - 3 * CARDS_PER_CHUNK)
        for name in ("IRK", "STK")
    ]


def test_other_cards(cards: ExpectedCards, deriver: Deriver) -> None:
    assert cards.key(key(bytes(8))) is None
    assert cards.key(key(FACTORS[0], city="220200")) is None
    assert deriver.asked == []


def test_two_chunks_are_kept_and_the_rest_overwritten(
    cards: ExpectedCards, deriver: Deriver
) -> None:
    for at in (0, CARDS_PER_CHUNK, 0, 2 * CARDS_PER_CHUNK):
        cards.key(key(FACTORS[at]))
    assert len(deriver.asked) == 3
    first, second, third = deriver.given
    assert any(first) and any(third)
    assert not any(second)


def test_stations_at_a_border_do_not_ask_in_turn(cards: ExpectedCards, deriver: Deriver) -> None:
    for _ in range(5):
        cards.key(key(FACTORS[CARDS_PER_CHUNK - 1]))
        cards.key(key(FACTORS[CARDS_PER_CHUNK]))
    assert len(deriver.asked) == 2


@pytest.mark.parametrize("again", [True, False])
def test_what_is_dropped_is_overwritten(
    cards: ExpectedCards, deriver: Deriver, again: bool
) -> None:
    cards.key(key(FACTORS[0]))
    if again:
        cards.expect(CITY, FACTORS[:1])
    else:
        cards.clear()
    assert not any(deriver.given[0])
    assert cards.key(key(FACTORS[0])) == 2 * FACTORS[0]
    assert len(deriver.asked) == 2


def test_a_card_that_comes_twice(deriver: Deriver) -> None:
    expected = ExpectedCards(deriver)
    expected.expect(CITY, [FACTORS[0], FACTORS[0], FACTORS[1]])
    assert expected.key(key(FACTORS[1])) == 2 * FACTORS[1]
    assert deriver.asked == [("IRK", 1, 2)]


def test_a_failure_is_asked_again(deriver: Deriver) -> None:
    def failing(*asked: object) -> bytearray:
        raise RuntimeError

    expected = ExpectedCards(failing)
    expected.expect(CITY, FACTORS)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            expected.key(key(FACTORS[0]))


def test_threads(cards: ExpectedCards, deriver: Deriver) -> None:
    with ThreadPoolExecutor(4) as pool:
        answered = list(pool.map(lambda factor: cards.key(key(factor)), FACTORS))
    assert answered == [2 * factor for factor in FACTORS]
