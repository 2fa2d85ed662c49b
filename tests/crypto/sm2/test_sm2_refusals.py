"""What both libraries refuse, and in the same words."""

from __future__ import annotations

import pytest
from tests.support.sm2_backends import (
    CIPHER,
    DIGEST,
    MESSAGE,
    PAIR,
    SIGNATURE,
    N,
    P,
    both,
    number,
    vector,
)

from sscard_ic.base.secret import Secret
from sscard_ic.crypto.sm2 import Sm2, Sm2Error

_X, _Y = (int.from_bytes(half, "big") for half in (PAIR.public[:32], PAIR.public[32:]))
_R, _S = (int.from_bytes(half, "big") for half in (SIGNATURE[:32], SIGNATURE[32:]))

_NO_POINTS = {
    "off the curve": number(_X) + number(_Y ^ 1),
    "zeros, as infinity may be written": bytes(64),
    "x is p": number(P) + number(_Y),
    "y is p": number(_X) + number(P),
    "all ones": b"\xff" * 64,
}
_NO_LENGTHS = {"empty": b"", "short": PAIR.public[:-1], "with 04": b"\x04" + PAIR.public}

_NO_PRIVATE_KEYS = {
    "zero": bytes(32),
    "n-1": number(N - 1),
    "n": number(N),
    "all ones": b"\xff" * 32,
    "empty": b"",
    "short": bytes(30) + b"\x01",
    "long": bytes(32) + b"\x01",
}
_NO_SIGNATURES = {
    "another digest": number(_R) + number(_S ^ 1),
    "r zero": bytes(32) + number(_S),
    "s zero": number(_R) + bytes(32),
    "r is n": number(N) + number(_S),
    "s is n": number(_R) + number(N),
    "all ones": b"\xff" * 64,
    "r + s = n": number(_R) + number(N - _R),
    "r and s exchanged": number(_S) + number(_R),
    "the point at infinity": vector("signature_at_infinity", "r", "s"),
    "empty": b"",
    "short": SIGNATURE[:-1],
    "long": SIGNATURE + b"\x00",
    "leading zero": b"\x00" + SIGNATURE,
}
_DAMAGED = {
    "C3": CIPHER[:64] + bytes((CIPHER[64] ^ 1,)) + CIPHER[65:],
    "C2": CIPHER[:-1] + bytes((CIPHER[-1] ^ 0x80,)),
    "C2 cut": CIPHER[:-1],
    "C2 longer": CIPHER + b"\x00",
    "C1 another point": vector("curve", "gx", "gy") + CIPHER[64:],
    "C1‖C2‖C3": CIPHER[:64] + CIPHER[96:] + CIPHER[64:96],
    "key stream of zeros": vector("zero_key_stream", "c1", "c3", "c2"),
}


def _each(name: str, values: dict[str, bytes]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(name, list(values.values()), ids=list(values))


@both
@_each("public", _NO_POINTS)
def test_no_point_of_the_curve(sm2: Sm2, public: bytes) -> None:
    with pytest.raises(Sm2Error, match="no point of the SM2 curve"):
        sm2.check_public(public)
    with pytest.raises(Sm2Error, match="no point of the SM2 curve"):
        sm2.verify(public, DIGEST, SIGNATURE)
    with pytest.raises(Sm2Error, match="no point of the SM2 curve"):
        sm2.encrypt(public, MESSAGE)
    with pytest.raises(Sm2Error, match="no point of the SM2 curve"):
        sm2.decrypt(PAIR.private, public + CIPHER[64:])


@both
@_each("public", _NO_LENGTHS)
def test_public_key_of_another_length(sm2: Sm2, public: bytes) -> None:
    with pytest.raises(Sm2Error, match="64 bytes"):
        sm2.check_public(public)
    with pytest.raises(Sm2Error, match="64 bytes"):
        sm2.verify(public, DIGEST, SIGNATURE)
    with pytest.raises(Sm2Error, match="64 bytes"):
        sm2.encrypt(public, MESSAGE)


@both
@_each("value", _NO_PRIVATE_KEYS)
def test_no_private_key(sm2: Sm2, value: bytes) -> None:
    private = Secret(value)
    with pytest.raises(Sm2Error, match="private key"):
        sm2.public_of(private)
    with pytest.raises(Sm2Error, match="private key"):
        sm2.sign(private, DIGEST)
    with pytest.raises(Sm2Error, match="private key"):
        sm2.decrypt(private, CIPHER)


@both
@_each("signature", _NO_SIGNATURES)
def test_no_signature(sm2: Sm2, signature: bytes) -> None:
    assert sm2.verify(PAIR.public, DIGEST, signature) is False


@both
def test_signature_of_another(sm2: Sm2) -> None:
    assert sm2.verify(vector("curve", "gx", "gy"), DIGEST, SIGNATURE) is False
    assert sm2.verify(PAIR.public, DIGEST[::-1], SIGNATURE) is False


@both
@pytest.mark.parametrize("digest", [b"", DIGEST[:-1], DIGEST + b"\x00"], ids=len)
def test_digest_of_another_length(sm2: Sm2, digest: bytes) -> None:
    with pytest.raises(Sm2Error, match="32 bytes"):
        sm2.sign(PAIR.private, digest)
    with pytest.raises(Sm2Error, match="32 bytes"):
        sm2.verify(PAIR.public, digest, SIGNATURE)


@both
def test_empty_message(sm2: Sm2) -> None:
    with pytest.raises(Sm2Error, match="at least one byte"):
        sm2.encrypt(PAIR.public, b"")


@both
@pytest.mark.parametrize("length", [0, 64, 96])
def test_short_ciphertext(sm2: Sm2, length: int) -> None:
    with pytest.raises(Sm2Error, match="too short"):
        sm2.decrypt(PAIR.private, CIPHER[:length])


@both
@_each("cipher", _DAMAGED)
def test_damaged_ciphertext(sm2: Sm2, cipher: bytes) -> None:
    with pytest.raises(Sm2Error, match="damaged, or is for another key") as caught:
        sm2.decrypt(PAIR.private, cipher)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@both
def test_ciphertext_for_another(sm2: Sm2) -> None:
    with pytest.raises(Sm2Error, match="for another key"):
        sm2.decrypt(Secret(number(2)), CIPHER)
