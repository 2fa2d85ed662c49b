"""Known answers of the medical account's keys, MACs and TACs (ref 12 §8, 02 §10)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.crypto import medical
from sscard_ic.crypto.mac import des_mac
from sscard_ic.crypto.suites import SUITES

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "medical.toml").read_text("utf-8")
)
KEYS = VECTORS["keys"]
FORMS: tuple[medical.TacForm, ...] = ("xor_halves", "double_length")


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text)


def test_the_purchase_key_comes_down_from_the_ministry() -> None:
    suite = SUITES["3des"]
    key = _bytes(KEYS["root"])
    for factor, result in (
        ("province_factor", "bmpk"),
        ("city_factor", "mpk"),
        ("factor", "dpk"),
    ):
        key = suite.diversify(key, _bytes(KEYS[factor]))
        assert key == _bytes(KEYS[result])


@pytest.mark.parametrize("case", VECTORS["purchase"], ids=lambda case: case["name"])
def test_purchase(case: dict[str, Any]) -> None:
    terminal, time = _bytes(KEYS["terminal"]), _bytes(case["time"])
    amounts = b"".join(amount.to_bytes(4, "big") for amount in case["amounts"])
    random = _bytes(case["random"])
    key = medical.purchase_key(_bytes(KEYS["dpk"]), random, case["counter"], case["number"])
    assert key == _bytes(case["session_key"])
    assert medical.purchase_mac1(key, amounts, 0x32, terminal, time) == _bytes(case["mac1"])
    assert medical.purchase_mac2(key, amounts) == _bytes(case["mac2"])
    for form in FORMS:
        tac = medical.purchase_tac(
            _bytes(KEYS["dtk"]), amounts, 0x32, terminal, case["number"], time, form
        )
        assert tac == _bytes(case[f"tac_{form}"])


def test_only_the_low_bytes_of_the_terminals_number_make_the_key() -> None:
    dpk, random = _bytes(KEYS["dpk"]), bytes(4)
    low = medical.purchase_key(dpk, random, 7, 0x0000_0005)
    assert medical.purchase_key(dpk, random, 7, 0x0001_0005) == low
    assert medical.purchase_key(dpk, random, 7, 0x0000_0105) != low


def test_credit() -> None:
    case = VECTORS["credit"]
    terminal, time = _bytes(KEYS["terminal"]), _bytes(case["time"])
    amount, counter = case["amount"], case["counter"]
    key = medical.load_key(_bytes(KEYS["dlk"]), _bytes(case["random"]), counter)
    assert key == _bytes(case["session_key"])
    mac1 = medical.load_mac1(key, case["balance"], amount, 0x31, terminal)
    assert mac1 == _bytes(case["mac1"])
    assert medical.load_mac2(key, amount, 0x31, terminal, time) == _bytes(case["mac2"])
    for form in FORMS:
        tac = medical.load_tac(
            _bytes(KEYS["dtk"]), case["new_balance"], counter, amount, 0x31, terminal, time, form
        )
        assert tac == _bytes(case[f"tac_{form}"])


def test_halves_of_the_tac_key() -> None:
    assert medical.xor_halves(_bytes(KEYS["dtk"])) == _bytes(KEYS["dtk_halves"])


@pytest.mark.parametrize("name", ["purse_purchase", "purse_load"])
def test_the_purse_uses_the_same_mechanisms(name: str) -> None:
    case = VECTORS[name]
    key, random = _bytes(case["key"]), _bytes(case["random"])
    if "number" in case:
        session = medical.purchase_key(key, random, case["counter"], case["number"])
    else:
        session = medical.load_key(key, random, case["counter"])
    assert session == _bytes(case["session_key"])
    assert des_mac(session, _bytes(case["mac1_data"])) == _bytes(case["mac1"])
    assert des_mac(session, _bytes(case["mac2_data"])) == _bytes(case["mac2"])
    tac_key = _bytes(case["tac_key"])
    assert medical.xor_halves(tac_key) == _bytes(case["tac_key_halves"])
    assert medical.tac(tac_key, _bytes(case["tac_data"]), "xor_halves") == _bytes(case["tac"])
