"""MAC and encipherment of secure messaging: known answers in all variants, and its limits."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.crypto.secure_messaging import MessageKey, Method, covered, message_key
from sscard_ic.crypto.suites import Algorithm

_VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "secure_messaging.toml").read_text(encoding="utf-8")
)
METHODS: tuple[Method, ...] = get_args(Method)
KEYS: list[tuple[Algorithm, int]] = [("3des", 8), ("3des", 16), ("sm4", 16)]


def _each(kind: str) -> pytest.MarkDecorator:
    rows: list[dict[str, Any]] = _VECTORS[kind]
    return pytest.mark.parametrize("row", rows, ids=[row["source"] for row in rows])


def _key(row: dict[str, Any]) -> MessageKey:
    key, challenge = bytes.fromhex(row["key"]), bytes.fromhex(row["challenge"])
    return message_key(row["algorithm"], key, challenge, row["method"])


@_each("command")
def test_command(row: dict[str, Any]) -> None:
    header, data = bytes.fromhex(row["header"]), bytes.fromhex(row["data"])
    assert _key(row).mac(covered(header, data)).hex().upper() == row["mac"]
    if "plain" in row:
        assert _key(row).encipher(bytes.fromhex(row["plain"])) == data
        assert _key(row).decipher(data).hex().upper() == row["plain"]


@_each("cipher")
def test_cipher(row: dict[str, Any]) -> None:
    assert _key(row).encipher(bytes.fromhex(row["plain"])).hex().upper() == row["cipher"]


@given(
    kind=st.sampled_from(KEYS),
    method=st.sampled_from(METHODS),
    plain=st.binary(max_size=60),
    challenge=st.binary(min_size=8, max_size=8),
)
def test_what_is_enciphered_is_deciphered(
    kind: tuple[Algorithm, int], method: Method, plain: bytes, challenge: bytes
) -> None:
    algorithm, length = kind
    key = message_key(algorithm, bytes(range(length)), challenge, method)
    sealed = key.encipher(plain)
    assert len(sealed) % key.suite.block == 0
    assert key.decipher(sealed) == plain


@pytest.mark.parametrize(("algorithm", "length"), KEYS)
@pytest.mark.parametrize("method", METHODS)
def test_another_challenge_gives_another_mac(
    algorithm: Algorithm, length: int, method: Method
) -> None:
    macs = {
        message_key(algorithm, bytes(range(length)), bytes.fromhex(challenge), method).mac(b"data")
        for challenge in ("01020304", "0102030405060708", "0102030405060709")
    }
    assert len(macs) == 3


def test_a_short_challenge_is_filled_with_zeros() -> None:
    short, long = bytes.fromhex("01020304"), bytes.fromhex("0102030400000000")
    for method in METHODS:
        assert message_key("3des", bytes(8), short, method) == message_key(
            "3des", bytes(8), long, method
        )


@pytest.mark.parametrize(
    ("algorithm", "length", "challenge"), [("3des", 8, 16), ("sm4", 16, 17), ("sm4", 16, 0)]
)
def test_challenges_of_other_lengths(algorithm: Algorithm, length: int, challenge: int) -> None:
    with pytest.raises(ValueError, match="challenge"):
        message_key(algorithm, bytes(length), bytes(challenge), "card_key")


@pytest.mark.parametrize(
    "block",
    [
        "0412345680000000",  # counts a byte of the filling
        "0312345600000000",  # no 80
        "0312345680000001",  # something after it
        "0812345680000000",  # counts more than there is
    ],
)
def test_malformed_blocks(block: str) -> None:
    key = message_key("3des", bytes(range(16)), bytes(8), "card_key")
    sealed = key.suite.encrypt(bytes(range(16)), bytes.fromhex(block))
    with pytest.raises(ValueError, match="another form"):
        key.decipher(sealed)
    with pytest.raises(ValueError, match="whole blocks"):
        key.decipher(sealed[:-1])
    with pytest.raises(ValueError, match="whole blocks"):
        key.decipher(b"")


def test_the_key_is_not_shown() -> None:
    key = message_key("3des", b"\xa5" * 8, bytes(8), "card_key")
    assert "a5a5" not in repr(key) and "\\xa5" not in repr(key)
