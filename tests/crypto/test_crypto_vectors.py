"""Known answers of ciphers, diversification, authentication and MACs, 3DES and SM4."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.crypto import factors, mac
from sscard_ic.crypto.suites import SUITES, Algorithm

_FOLDER = Path(__file__).parents[1] / "vectors"
_ALGORITHMS: tuple[Algorithm, ...] = ("3des", "sm4")
_VECTORS: dict[str, dict[str, list[dict[str, Any]]]] = {
    name: tomllib.loads((_FOLDER / f"crypto_{name}.toml").read_text("utf-8"))
    for name in _ALGORITHMS
}


def _each(kind: str) -> pytest.MarkDecorator:
    rows = [(name, row) for name in _ALGORITHMS for row in _VECTORS[name].get(kind, [])]
    names = [f"{name}: {row['source']}" for name, row in rows]
    return pytest.mark.parametrize(("name", "row"), rows, ids=names)


@_each("block")
def test_block(name: Algorithm, row: dict[str, Any]) -> None:
    suite = SUITES[name]
    key, plain, cipher = (bytes.fromhex(row[part]) for part in ("key", "plain", "cipher"))
    assert suite.encrypt(key, plain) == cipher
    assert suite.decrypt(key, cipher) == plain
    assert suite.engine(key).encrypt(plain) == cipher
    assert suite.encrypt_cbc(key, plain, bytes(suite.block)) == cipher


@_each("factor")
def test_factor(name: Algorithm, row: dict[str, Any]) -> None:
    assert factors.province_factor(row["division_code"]).hex().upper() == row["province"]
    assert factors.city_factor(row["division_code"]).hex().upper() == row["city"]


@_each("chain")
def test_diversification(name: Algorithm, row: dict[str, Any]) -> None:
    key = bytes.fromhex(row["keys"][0])
    for factor, child in zip(row["factors"], row["keys"][1:], strict=True):
        key = SUITES[name].diversify(key, bytes.fromhex(factor))
        assert child in ("", key.hex().upper())


@_each("authentication")
def test_authentication(name: Algorithm, row: dict[str, Any]) -> None:
    suite = SUITES[name]
    key, challenge, text = (bytes.fromhex(row[part]) for part in ("key", "challenge", "text"))
    process_key = suite.process_key(key, challenge)
    assert process_key.hex().upper() == row["process_key"]
    block = suite.encrypt(process_key, suite.extended(text)).hex().upper()
    assert block == row.get("block", row["cryptogram"])
    cryptogram = suite.authentication_cryptogram(key, challenge, text)
    assert cryptogram.hex().upper() == row["cryptogram"]


@_each("direct")
def test_without_process_key(name: Algorithm, row: dict[str, Any]) -> None:
    key, challenge = (bytes.fromhex(row[part]) for part in ("key", "challenge"))
    assert SUITES[name].direct_cryptogram(key, challenge).hex().upper() == row["cryptogram"]


@_each("mac")
def test_mac(name: Algorithm, row: dict[str, Any]) -> None:
    key, iv, data = (bytes.fromhex(row[part]) for part in ("key", "iv", "data"))
    assert SUITES[name].mac(key, data, iv).hex().upper() == row["mac"]


@_each("secured")
def test_enciphered_with_mac(name: Algorithm, row: dict[str, Any]) -> None:
    suite = SUITES[name]
    key, iv, header, plain = (bytes.fromhex(row[n]) for n in ("key", "iv", "header", "plain"))
    cipher = suite.encrypt(key, mac.pad80_if_needed(plain, suite.block))
    assert cipher.hex().upper() == row["cipher"]
    assert suite.mac(key, header + cipher, iv).hex().upper() == row["mac"]


def test_flags_of_the_algorithms() -> None:
    """ref 02 §2.4: 01 = DES/3DES, 03 = SM4."""
    assert {name: suite.flag for name, suite in SUITES.items()} == {"3des": "01", "sm4": "03"}
