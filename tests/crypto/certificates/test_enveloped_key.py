"""The wrapped encryption key pair, ENVELOPEDKEYBLOB (ref 02 §8.4, §8.9)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sscard_ic.base.secret import Secret
from sscard_ic.crypto import sm4
from sscard_ic.crypto.enveloped_key import BLOB_LENGTH, EnvelopedKey, EnvelopedKeyError, seal
from sscard_ic.crypto.sm2 import KeyPair, Sm2Error, provider

CARD, PAIR = provider().generate(), provider().generate()
BLOB = seal(CARD.public, PAIR)

OFFSETS = {
    "version": (0, 4),
    "algorithm": (4, 4),
    "key bits": (8, 4),
    "encrypted private key": (44, 32),
    "public bits": (76, 4),
    "public X": (112, 32),
    "public Y": (176, 32),
    "cipher X": (240, 32),
    "cipher Y": (304, 32),
    "cipher HASH": (336, 32),
    "cipher length": (368, 4),
    "cipher": (372, 16),
}
"""Where the used parts lie (ref 02 §8.4)."""

UNUSED = ((12, 32), (80, 32), (144, 32), (208, 32), (272, 32))
"""The first halves of the fields of 64 bytes."""


def part(blob: bytes, name: str) -> bytes:
    start, length = OFFSETS[name]
    return blob[start : start + length]


def put(blob: bytes, start: int, value: bytes) -> bytes:
    return blob[:start] + value + blob[start + len(value) :]


def refused(blob: bytes, why: str) -> EnvelopedKeyError:
    with pytest.raises(EnvelopedKeyError, match=why) as caught:
        EnvelopedKey.parse(blob)
    error = caught.value
    assert error.hint is not None
    assert any("\u4e00" <= char <= "\u9fff" for char in error.what.zh)
    return error


def test_the_offsets_are_those_of_the_recorded_blob() -> None:
    assert len(BLOB) == BLOB_LENGTH == 388
    numbers = {name: int.from_bytes(part(BLOB, name), "little") for name in OFFSETS}
    assert numbers["version"] == 1
    assert part(BLOB, "algorithm") == bytes.fromhex("01040000"), "401, little-endian"
    assert numbers["key bits"] == numbers["public bits"] == 256
    assert numbers["cipher length"] == 16
    for start, length in UNUSED:
        assert BLOB[start : start + length] == bytes(length)
    assert part(BLOB, "public X") + part(BLOB, "public Y") == PAIR.public
    used = sum(length for _, length in (*OFFSETS.values(), *UNUSED))
    assert used == BLOB_LENGTH, "every byte is accounted for"


def test_the_parts_are_found_at_their_offsets() -> None:
    key = EnvelopedKey.parse(BLOB)
    assert key.encrypted_private == part(BLOB, "encrypted private key")
    assert key.public == PAIR.public
    names = ("cipher X", "cipher Y", "cipher HASH", "cipher")
    assert key.cipher == b"".join(part(BLOB, name) for name in names)
    assert len(key.cipher) == 112
    assert bytes(key) == BLOB


def test_a_terminal_can_unwrap_it_with_two_commands() -> None:
    """What the card is asked: 804E decrypts the SM4 key, 80C2 takes the private key under it."""
    key = EnvelopedKey.parse(BLOB)
    session = provider().decrypt(CARD.private, key.cipher)
    assert len(session) == 16
    assert sm4.decrypt(session.reveal(), key.encrypted_private) == PAIR.private.reveal()


def test_it_opens_with_the_private_key_it_is_for() -> None:
    assert EnvelopedKey.parse(BLOB).open(CARD.private) == PAIR


def test_no_two_are_alike() -> None:
    other = seal(CARD.public, PAIR)
    assert part(other, "cipher X") != part(BLOB, "cipher X")
    assert part(other, "encrypted private key") != part(BLOB, "encrypted private key")
    assert EnvelopedKey.parse(other).open(CARD.private) == PAIR


def test_it_does_not_open_with_another_key() -> None:
    with pytest.raises(EnvelopedKeyError, match="for another key, or damaged") as caught:
        EnvelopedKey.parse(BLOB).open(PAIR.private)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("name", ["encrypted private key", "cipher HASH", "cipher"])
def test_damage_shows_when_it_is_opened(name: str) -> None:
    start, length = OFFSETS[name]
    for place in (start, start + length - 1):
        damaged = put(BLOB, place, bytes((BLOB[place] ^ 0x10,)))
        with pytest.raises(EnvelopedKeyError):
            EnvelopedKey.parse(damaged).open(CARD.private)


def test_a_public_key_of_another_pair_shows_when_it_is_opened() -> None:
    other = provider().generate().public
    swapped = put(put(BLOB, 112, other[:32]), 176, other[32:])
    with pytest.raises(EnvelopedKeyError, match="not that of its public key"):
        EnvelopedKey.parse(swapped).open(CARD.private)


@pytest.mark.parametrize("length", [0, 1, 387, 389, 776])
def test_another_length_is_refused(length: int) -> None:
    error = refused((BLOB * 2)[:length], f"{length} bytes instead of 388")
    assert str(length) in error.what.zh


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("version", 2, "the version is 2 instead of 1"),
        ("version", 1 << 24, "the version"),  # 1, the highest byte first
        ("algorithm", 0x402, "symmetric algorithm is 1026 instead of 1025"),
        ("key bits", 512, "private key is 512 instead of 256"),
        ("public bits", 0, "public key is 0 instead of 256"),
        ("cipher length", 32, "ciphertext is 32 instead of 16"),
    ],
)
def test_another_number_is_refused(name: str, value: int, why: str) -> None:
    refused(put(BLOB, OFFSETS[name][0], value.to_bytes(4, "little")), why)


@pytest.mark.parametrize("start", [start for start, _ in UNUSED])
def test_an_unused_half_that_is_used_is_refused(start: int) -> None:
    for place in (start, start + 31):
        refused(put(BLOB, place, b"\x01"), "does not begin with 32 of 00")


@pytest.mark.parametrize(
    ("name", "why"), [("public Y", "its public key is off"), ("cipher Y", "C1 .* is off")]
)
def test_a_point_off_the_curve_is_refused(name: str, why: str) -> None:
    last = OFFSETS[name][0] + 31
    refused(put(BLOB, last, bytes((BLOB[last] ^ 1,))), why)


def test_nothing_is_sealed_for_a_point_off_the_curve() -> None:
    with pytest.raises(Sm2Error):
        seal(bytes(63) + b"\x01", PAIR)


@pytest.mark.parametrize("private", [b"\x00" * 31 + b"\x05", b"\x00\x01" + b"\x7f" * 30])
def test_private_keys_with_leading_zeros_survive(private: bytes) -> None:
    secret = Secret(private)
    pair = KeyPair(secret, provider().public_of(secret))
    assert EnvelopedKey.parse(seal(CARD.public, pair)).open(CARD.private) == pair


def test_nothing_secret_shows() -> None:
    key = EnvelopedKey.parse(BLOB)
    shown = repr(key) + repr(key.open(CARD.private))
    assert "encrypted" not in shown
    assert "cipher" not in shown
    for secret in (key.encrypted_private, key.cipher, PAIR.private.reveal()):
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown


@settings(deadline=None, max_examples=200)
@given(st.integers(0, BLOB_LENGTH - 1), st.integers(1, 255))
def test_no_changed_byte_opens(place: int, change: int) -> None:
    with pytest.raises(EnvelopedKeyError):
        EnvelopedKey.parse(put(BLOB, place, bytes((BLOB[place] ^ change,)))).open(CARD.private)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=400) | st.binary(min_size=388, max_size=388))
def test_anything_else_is_refused(blob: bytes) -> None:
    with pytest.raises(EnvelopedKeyError):
        EnvelopedKey.parse(blob)
