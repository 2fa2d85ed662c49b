"""Published answers of GB/T 32918 and GB/T 32905, by both libraries."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.sm2_backends import (
    CIPHER,
    DIGEST,
    MESSAGE,
    PAIR,
    SIGNATURE,
    VECTORS,
    N,
    both,
    number,
    vector,
)

from sscard_ic.base.secret import Secret
from sscard_ic.crypto import sm3
from sscard_ic.crypto.sm2 import DEFAULT_USER_ID, Sm2, Sm2Error, message_digest, z_value

_SIGNED = VECTORS["signature"]


@pytest.mark.parametrize("row", VECTORS["digest"], ids=lambda row: str(row["source"]))
def test_sm3(row: dict[str, Any]) -> None:
    assert sm3.digest(bytes.fromhex(row["message"])).hex().upper() == row["digest"]


def test_digest_of_a_message() -> None:
    user_id, message = _SIGNED["user_id"].encode(), _SIGNED["message"].encode()
    assert user_id == DEFAULT_USER_ID
    assert z_value(PAIR.public) == z_value(PAIR.public, user_id) == vector("signature", "z")
    assert message_digest(PAIR.public, message) == DIGEST
    assert message_digest(PAIR.public, message, b"another") != DIGEST


def test_identifiers_are_counted_in_two_bytes() -> None:
    assert len(z_value(PAIR.public, bytes(8191))) == 32
    with pytest.raises(Sm2Error, match="too long"):
        z_value(PAIR.public, bytes(8192))


@both
def test_public_key(sm2: Sm2) -> None:
    assert sm2.public_of(PAIR.private) == PAIR.public
    sm2.check_public(PAIR.public)


@both
def test_least_and_greatest_private_key(sm2: Sm2) -> None:
    assert sm2.public_of(Secret(number(1))) == vector("curve", "gx", "gy")
    # (n-2)·G is -2G, and (n-1)·G would be -G: the same x as 2G.
    greatest, double = sm2.public_of(Secret(number(N - 2))), sm2.public_of(Secret(number(2)))
    assert greatest[:32] == double[:32]
    assert greatest[32:] != double[32:]


@both
def test_signature(sm2: Sm2) -> None:
    assert sm2.verify(PAIR.public, DIGEST, SIGNATURE)


@both
def test_ciphertext(sm2: Sm2) -> None:
    assert sm2.decrypt(PAIR.private, CIPHER).reveal() == MESSAGE


@both
def test_generated_pairs_are_pairs(sm2: Sm2) -> None:
    pairs = [sm2.generate() for _ in range(3)]
    assert len({pair.public for pair in pairs}) == 3
    for pair in pairs:
        assert sm2.public_of(pair.private) == pair.public
        assert 1 <= int.from_bytes(pair.private.reveal(), "big") <= N - 2


@both
def test_signatures_and_ciphertexts_differ_each_time(sm2: Sm2) -> None:
    assert sm2.sign(PAIR.private, DIGEST) != sm2.sign(PAIR.private, DIGEST)
    assert sm2.encrypt(PAIR.public, MESSAGE) != sm2.encrypt(PAIR.public, MESSAGE)
