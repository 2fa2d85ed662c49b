"""Known answers of ciphers, diversification, authentication and MACs."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.crypto import des, keys, mac

_VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "crypto_3des.toml").read_text(encoding="utf-8")
)


def _each(kind: str) -> pytest.MarkDecorator:
    rows: list[dict[str, Any]] = _VECTORS[kind]
    return pytest.mark.parametrize("row", rows, ids=[row["source"] for row in rows])


@_each("block")
def test_block(row: dict[str, Any]) -> None:
    key, plain, cipher = (bytes.fromhex(row[name]) for name in ("key", "plain", "cipher"))
    assert des.encrypt(key, plain) == cipher
    assert des.decrypt(key, cipher) == plain
    assert des.Encryptor(key).encrypt(plain) == cipher


@_each("factor")
def test_factor(row: dict[str, Any]) -> None:
    assert keys.province_factor(row["division_code"]).hex().upper() == row["province"]
    assert keys.city_factor(row["division_code"]).hex().upper() == row["city"]


@_each("chain")
def test_diversification(row: dict[str, Any]) -> None:
    key = bytes.fromhex(row["keys"][0])
    for factor, child in zip(row["factors"], row["keys"][1:], strict=True):
        key = keys.diversify(key, bytes.fromhex(factor))
        assert child in ("", key.hex().upper())


@_each("authentication")
def test_authentication(row: dict[str, Any]) -> None:
    key, challenge, text = (bytes.fromhex(row[name]) for name in ("key", "challenge", "text"))
    assert keys.process_key(key, challenge).hex().upper() == row["process_key"]
    cryptogram = keys.authentication_cryptogram(key, challenge, text)
    assert cryptogram.hex().upper() == row["cryptogram"]


@_each("mac")
def test_mac(row: dict[str, Any]) -> None:
    key, iv, data = (bytes.fromhex(row[name]) for name in ("key", "iv", "data"))
    method = mac.des_mac if len(key) == 8 else mac.retail_mac
    assert method(key, data, iv).hex().upper() == row["mac"]


@_each("secured")
def test_enciphered_with_mac(row: dict[str, Any]) -> None:
    key, iv, header, plain = (bytes.fromhex(row[n]) for n in ("key", "iv", "header", "plain"))
    cipher = des.encrypt(key, mac.pad80_if_needed(plain))
    assert cipher.hex().upper() == row["cipher"]
    assert mac.retail_mac(key, header + cipher, iv).hex().upper() == row["mac"]
