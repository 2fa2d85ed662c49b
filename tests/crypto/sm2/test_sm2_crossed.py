"""What one library makes, the other takes; what one refuses, the other refuses."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.sm2_backends import (
    BACKENDS,
    CIPHER,
    DIGEST,
    GMALG,
    OPENSSL,
    PAIR,
    SIGNATURE,
    N,
    crossed,
    number,
)

from sscard_ic.base.secret import Secret
from sscard_ic.crypto.sm2 import Sm2, Sm2Error

_privates = st.integers(1, N - 2).map(lambda value: Secret(number(value)))
_digests = st.binary(min_size=32, max_size=32)
_some = settings(max_examples=8, deadline=None)


@_some
@given(_privates)
@example(Secret(number(1)))
@example(Secret(number(N - 2)))
def test_same_public_key(private: Secret) -> None:
    public = OPENSSL.public_of(private)
    assert GMALG.public_of(private) == public
    OPENSSL.check_public(public)
    GMALG.check_public(public)


@crossed
@_some
@given(_privates, _digests)
@example(Secret(number(1)), bytes(32))
@example(Secret(number(N - 2)), b"\xff" * 32)
def test_signed_and_verified(one: Sm2, other: Sm2, private: Secret, digest: bytes) -> None:
    signature = one.sign(private, digest)
    assert len(signature) == 64
    assert other.verify(OPENSSL.public_of(private), digest, signature)


@crossed
@_some
@given(_privates, st.binary(min_size=1, max_size=300))
def test_encrypted_and_decrypted(one: Sm2, other: Sm2, private: Secret, message: bytes) -> None:
    cipher = one.encrypt(OPENSSL.public_of(private), message)
    assert len(cipher) == 96 + len(message)
    assert other.decrypt(private, cipher).reveal() == message


@crossed
@pytest.mark.parametrize("length", [1, 16, 32, 33, 10_240])
def test_lengths_of_messages(one: Sm2, other: Sm2, length: int) -> None:
    message = bytes(place % 251 for place in range(length))
    cipher = one.encrypt(PAIR.public, message)
    assert other.decrypt(PAIR.private, cipher).reveal() == message


@crossed
def test_generated_by_one(one: Sm2, other: Sm2) -> None:
    pair = one.generate()
    assert other.public_of(pair.private) == pair.public
    other.check_public(pair.public)


@_some
@given(st.integers(0, 8 * len(SIGNATURE) - 1))
def test_flipped_bit_of_a_signature(bit: int) -> None:
    flipped = _flipped(SIGNATURE, bit)
    assert not OPENSSL.verify(PAIR.public, DIGEST, flipped)
    assert not GMALG.verify(PAIR.public, DIGEST, flipped)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 8 * len(CIPHER) - 1))
def test_flipped_bit_of_a_ciphertext(bit: int) -> None:
    words = set()
    for sm2 in BACKENDS.values():
        with pytest.raises(Sm2Error) as caught:
            sm2.decrypt(PAIR.private, _flipped(CIPHER, bit))
        words.add(str(caught.value))
    assert len(words) == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1))
def test_signatures_out_of_the_air(r: int, s: int) -> None:
    assert not OPENSSL.verify(PAIR.public, DIGEST, number(r) + number(s))
    assert not GMALG.verify(PAIR.public, DIGEST, number(r) + number(s))


def _flipped(data: bytes, bit: int) -> bytes:
    place, within = divmod(bit, 8)
    return data[:place] + bytes((data[place] ^ 1 << within,)) + data[place + 1 :]
