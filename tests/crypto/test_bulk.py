"""One key for many cards at once gives what one card after the other gives (ref 02 §3.1)."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.crypto.bulk import CARDS_AT_ONCE, derive_many, diversification_blocks
from sscard_ic.crypto.suites import SUITES, Suite

_3DES, _SM4 = SUITES["3des"], SUITES["sm4"]
_FACTOR = 8

_factors = st.lists(st.binary(min_size=_FACTOR, max_size=_FACTOR), max_size=20)
_two_keys = st.binary(min_size=16, max_size=16)
_WAYS = pytest.mark.parametrize(
    ("suite", "length"), [(_3DES, 8), (_3DES, 16), (_SM4, 16)], ids=["des", "3des", "sm4"]
)


def _made_up(count: int) -> bytes:
    """Different factors, the same in every run."""
    return hashlib.shake_256(b"factors").digest(count * _FACTOR)


def _one_by_one(suite: Suite, key: bytes, factors: bytes) -> bytes:
    starts = range(0, len(factors), _FACTOR)
    return b"".join(suite.diversify(key, factors[start : start + _FACTOR]) for start in starts)


@_WAYS
@given(key=_two_keys, factors=_factors)
def test_the_same_as_card_by_card(
    suite: Suite, length: int, key: bytes, factors: list[bytes]
) -> None:
    joined = b"".join(factors)
    expected = _one_by_one(suite, key[:length], joined)
    derived = derive_many(suite, key[:length], joined)
    assert isinstance(derived, bytearray)
    assert derived == expected


@_WAYS
@pytest.mark.parametrize(
    "count", [CARDS_AT_ONCE - 1, CARDS_AT_ONCE, CARDS_AT_ONCE + 1, 2 * CARDS_AT_ONCE + 1]
)
def test_the_cards_around_each_portion(suite: Suite, length: int, count: int) -> None:
    key, factors = bytes(range(0x10, 0x10 + length)), _made_up(count)
    derived = derive_many(suite, key, factors)
    assert len(derived) == count * length
    places = {*range(3), *range(count - 3, count), *range(CARDS_AT_ONCE - 2, CARDS_AT_ONCE + 2)}
    for place in sorted(places & set(range(count))):
        factor = factors[place * _FACTOR : (place + 1) * _FACTOR]
        mine = derived[place * length : (place + 1) * length]
        assert mine == suite.diversify(key, factor), place


@pytest.mark.parametrize(
    ("suite", "key", "factor", "expected"),
    [
        # Ref 02 §3.1, sanity value of single DES; vector A, a step each; §3.4, the same with SM4.
        (_3DES, "0123456789ABCDEF", "4E6F772069732074", "3FA40E8A984D4815"),
        (
            _3DES,
            "000102030405060708090A0B0C0D0E0F",
            "3332303030307368",
            "21284C75D51CB410FCA7F12ED4956C08",
        ),
        (
            _3DES,
            "9298F82BFD5D9945BA1D7961EEEF62BA",
            "866033110000048A",
            "BE1FE49F51FAD5BA7704395CD5E9FB48",
        ),
        (
            _SM4,
            "000102030405060708090A0B0C0D0E0F",
            "3332303030307368",
            "4D180264FCE2999D9C9B18823F6E6F3C",
        ),
        (
            _SM4,
            "17715146D072654C6D309CBB6028EE82",
            "866033110000048A",
            "8CF3F7A68B82A4C90122C083F86A4F1E",
        ),
    ],
)
def test_vectors_of_the_reference(suite: Suite, key: str, factor: str, expected: str) -> None:
    others = _made_up(2)
    asked = others[:8] + bytes.fromhex(factor) + others[8:]
    derived = derive_many(suite, bytes.fromhex(key), asked)
    length = len(key) // 2
    assert derived[length : 2 * length].hex().upper() == expected


@given(factors=_factors)
def test_blocks_are_factor_and_complement(factors: list[bytes]) -> None:
    joined = b"".join(factors)
    expected = b"".join(each + bytes(byte ^ 0xFF for byte in each) for each in factors)
    assert diversification_blocks(joined) == expected
    assert diversification_blocks(memoryview(joined), 8) == joined


@pytest.mark.parametrize("surplus", [1, 7, 9, _FACTOR * CARDS_AT_ONCE + 4])
@_WAYS
def test_factors_of_another_length_are_refused(suite: Suite, length: int, surplus: int) -> None:
    with pytest.raises(ValueError, match="8 bytes each"):
        diversification_blocks(bytes(surplus), length)
    with pytest.raises(ValueError, match="8 bytes each"):
        derive_many(suite, bytes(range(length)), bytes(surplus))


@pytest.mark.parametrize("length", [0, 7, 15, 24])
@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.algorithm)
def test_keys_of_another_length_are_refused(suite: Suite, length: int) -> None:
    with pytest.raises(ValueError, match=r"bytes|key size"):
        derive_many(suite, bytes(length), bytes(_FACTOR))


def test_no_card_is_no_key() -> None:
    assert derive_many(_SM4, bytes(16), b"") == b""
