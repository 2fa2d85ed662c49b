"""Known answers of the bank's card keys, cryptograms and script messages, 3DES and SM4."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.codec.pboc.issuer_data import IssuerData
from sscard_ic.crypto.pboc import symmetric
from sscard_ic.crypto.pboc.symmetric import BankSuite
from sscard_ic.crypto.suites import SUITES

_VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[2] / "vectors" / "financial.toml").read_text("utf-8")
)
_CARD = _VECTORS["card"]
_PAN, _SEQUENCE, _ATC = _CARD["pan"], _CARD["sequence"], _CARD["atc"]
_AIP = bytes.fromhex(_CARD["aip"])
_VALUES = {int(tag, 16): bytes.fromhex(value) for tag, value in _CARD["transaction"].items()}
_FIRST_CVR, _ONLINE_CVR = bytes.fromhex("03A02000"), 0xA02000


def _hex(value: bytes) -> str:
    return value.hex().upper()


def _suite(row: dict[str, Any]) -> BankSuite:
    return BankSuite(row["algorithm"], row["sm_mac"])


def _keys(row: dict[str, Any], kind: str = "session_keys") -> dict[str, bytes]:
    return {name: bytes.fromhex(value) for name, value in row[kind].items()}


_each_suite = pytest.mark.parametrize(
    "row", _VECTORS["suite"], ids=[row["source"] for row in _VECTORS["suite"]]
)
_PARTS = [
    (row, part, kind)
    for row in _VECTORS["suite"]
    for kind in ("script", "issuer_data")
    for part in row.get(kind, [])
]


@pytest.mark.parametrize("row", _VECTORS["account"], ids=lambda row: f"{row['block']}")
def test_account_block(row: dict[str, Any]) -> None:
    block = symmetric.account_block(row["pan"], row.get("sequence"))
    assert _hex(block) == row["block"]
    if "master" in row:
        master = bytes.fromhex(row["master"])
        key = BankSuite("3des").card_key(master, row["pan"], row["sequence"])
        assert _hex(key) == row["key"]
        assert _hex(SUITES["3des"].encrypt(key, bytes(8))[:3]) == row["check"]


@_each_suite
def test_card_and_session_keys(row: dict[str, Any]) -> None:
    suite = _suite(row)
    for name, master in _CARD["masters"].items():
        key = suite.card_key(bytes.fromhex(master), _PAN, _SEQUENCE)
        assert _hex(key) == row["card_keys"][name]
        cipher = SUITES[suite.algorithm]
        assert _hex(cipher.encrypt(key, bytes(cipher.block))[:3]) == row["checks"][name]
        assert _hex(suite.session_key(key, _ATC)) == row["session_keys"][name]


@pytest.mark.parametrize("version", ["01", "17"])
def test_what_a_cryptogram_covers(version: str) -> None:
    data = symmetric.cryptogram_input(int(version, 16), _VALUES, _AIP, _ATC, _FIRST_CVR)
    assert _hex(data) == _CARD["inputs"][version]


def test_a_hash_of_the_terminal_comes_first() -> None:
    values = _VALUES | {0x98: bytes(range(20))}
    data = symmetric.cryptogram_input(1, values, _AIP, _ATC, _FIRST_CVR)
    assert _hex(data) == bytes(range(20)).hex().upper() + _CARD["inputs"]["01"]


def test_missing_values_are_zeros() -> None:
    assert symmetric.cryptogram_input(1, {}, _AIP, _ATC, _FIRST_CVR)[:29] == bytes(29)
    with pytest.raises(ValueError, match="cryptogram version 10"):
        symmetric.cryptogram_input(0x10, {}, _AIP, _ATC, _FIRST_CVR)


@_each_suite
def test_cryptograms(row: dict[str, Any]) -> None:
    suite, key = _suite(row), _keys(row)["ac"]
    arqc = suite.mac(key, bytes.fromhex(_CARD["inputs"]["01"]))
    assert _hex(arqc) == row["arqc"]
    assert _hex(suite.mac(key, bytes.fromhex(_CARD["inputs"]["17"]))) == row["cryptogram_17"]
    code = bytes.fromhex(_CARD["response_code"])
    assert _hex(suite.response_cryptogram(key, arqc, code)) == row["arpc"]
    if "arpc_folded" in row:
        folded = BankSuite(row["algorithm"], row["sm_mac"], "folded")
        assert _hex(folded.response_cryptogram(key, arqc, code)) == row["arpc_folded"]
    for further in row.get("cryptogram", []):
        cvr = bytes.fromhex(further["cvr"])
        data = symmetric.cryptogram_input(1, _VALUES, _AIP, _ATC, cvr)
        assert _hex(suite.mac(key, data)) == further["value"]


@pytest.mark.parametrize(
    ("row", "part", "kind"),
    _PARTS,
    ids=[f"{row['source']}: {part.get('source', part['mac'])}" for row, part, _ in _PARTS],
)
def test_codes_of_scripts_and_issuer_data(
    row: dict[str, Any], part: dict[str, str], kind: str
) -> None:
    suite, key = _suite(row), _keys(row)["mac"]
    if kind == "issuer_data":
        values = bytes.fromhex(part["values"])
        assert _hex(suite.discretionary_mac(key, _ATC, values)) == part["mac"]
        return
    head, data = bytes.fromhex(part["head"]), bytes.fromhex(part["data"])
    arqc = bytes.fromhex(row["arqc"])
    assert _hex(suite.script_mac(key, head, _ATC, arqc, data)) == part["mac"]


@pytest.mark.parametrize("row", _VECTORS["pin_change"], ids=lambda row: row["source"])
def test_pin_change(row: dict[str, Any]) -> None:
    keys = _VECTORS["suite"][row.get("suite", 0)]
    mask = _keys(keys, "card_keys")[row["key"]][4:8]
    block = symmetric.change_block(mask, _CARD["new_pin"], row.get("current"))
    assert _hex(block) == row["block"]
    suite, key = _suite(keys), _keys(keys)["enc"]
    enciphered = suite.encipher(key, block)
    assert _hex(enciphered) == row["enciphered"]
    assert suite.decipher(key, enciphered) == block


def test_pin_blocks() -> None:
    assert _hex(symmetric.pin_block("123456")) == "26123456FFFFFFFF"
    assert _hex(symmetric.pin_block("0" * 12, 0)) == "0C000000000000FF"


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
@given(key=st.binary(min_size=16, max_size=16), data=st.binary(max_size=100))
def test_what_is_enciphered_is_deciphered(algorithm: Any, key: bytes, data: bytes) -> None:
    suite = BankSuite(algorithm)
    cipher = suite.encipher(key, data)
    assert len(cipher) % SUITES[suite.algorithm].block == 0
    assert suite.decipher(key, cipher) == data


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
@pytest.mark.parametrize(
    "block",
    [
        pytest.param("", id="nothing"),
        pytest.param("0806123456021392" * 2, id="no filling"),
        pytest.param("08061234560213929781000000000000", id="other filling"),
        pytest.param("08061234560213929780000000000001", id="not zeros"),
        pytest.param("FF061234560213929780000000000000", id="longer than the block"),
    ],
)
def test_what_nobody_enciphered(algorithm: Any, block: str) -> None:
    suite, key = BankSuite(algorithm), bytes(range(16))
    cipher = SUITES[suite.algorithm].encrypt(key, bytes.fromhex(block)) if block else b""
    with pytest.raises(ValueError, match=r"blocks are needed|length or filling"):
        suite.decipher(key, cipher)
    with pytest.raises(ValueError, match="whole blocks"):
        suite.decipher(key, cipher + b"\x00")


def test_issuer_data_of_the_example() -> None:
    """9F10 of ref 04 §6.8 and ref 14 §13, built of its parts."""
    for row, text in zip(
        _VECTORS["suite"],
        [
            "07000103A02000010A01000001000029BD3A6C",
            "07000103A02000040A010000010000E20940EF",
            "07000103A02000040A0100000100004D160717",
        ],
        strict=True,
    ):
        suite = _suite(row)
        values = bytes.fromhex("0000010000")
        code = suite.discretionary_mac(_keys(row)["mac"], _ATC, values)
        made = IssuerData(0, 1, _ONLINE_CVR, suite.identifier, b"\x01" + values + code)
        assert _hex(bytes(made)) == text
