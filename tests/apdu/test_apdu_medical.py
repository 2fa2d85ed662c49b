"""Commands of the medical account and their answers (ref 12 §4, §8)."""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.apdu import ApduError, medical
from sscard_ic.apdu.medical import Amounts, LoadOffer, LogRecord, PurchaseOffer
from sscard_ic.apdu.names import command_name

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "medical.toml").read_text("utf-8")
)
TERMINAL = bytes.fromhex(VECTORS["keys"]["terminal"])


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text)


@pytest.mark.parametrize("case", VECTORS["purchase"], ids=lambda case: case["name"])
def test_purchase(case: dict[str, Any]) -> None:
    amounts, time = Amounts(*case["amounts"]), _bytes(case["time"])
    initialize = medical.initialize_for_purchase(1, amounts, TERMINAL)
    assert bytes(initialize) == _bytes(case["initialize"])
    offer = PurchaseOffer.parse(_bytes(case["offer"]))
    assert (offer.counter, offer.key_version, offer.algorithm) == (case["counter"], 1, 0)
    assert offer.random == _bytes(case["random"])
    assert offer.year == _bytes("2026")
    debit = medical.debit_for_purchase(case["number"], time, _bytes(case["mac1"]))
    assert bytes(debit) == _bytes(case["debit"])
    assert medical.parse_debit_answer(_bytes(case["answer"])) == (
        _bytes(case["tac_xor_halves"]),
        _bytes(case["mac2"]),
    )
    record = LogRecord(case["counter"], 0x32, TERMINAL, time, amounts)
    assert bytes(record) == _bytes(case["record"])
    assert LogRecord.parse(_bytes(case["record"])) == record


def test_credit() -> None:
    case = VECTORS["credit"]
    initialize = medical.initialize_for_load(1, case["amount"], TERMINAL)
    assert bytes(initialize) == _bytes(case["initialize"])
    offer = LoadOffer.parse(_bytes(case["offer"]))
    assert offer == LoadOffer(5000, 3, 1, 0, _bytes(case["random"]), _bytes(case["mac1"]))
    credit = medical.credit_for_load(_bytes(case["time"]), _bytes(case["mac2"]))
    assert bytes(credit) == _bytes(case["credit"])
    record = LogRecord.parse(_bytes(case["record"]))
    assert (record.sequence, record.kind, record.amounts.account) == (3, 0x31, 100000)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (medical.get_balance(medical.ACCOUNT), "B026000104"),
        (medical.get_balance(medical.SELF_PAID), "B026000206"),
        (medical.get_balance(medical.POOLED), "B026000306"),
        (medical.get_transaction_proof(0x32, 7), "B02E003202000708"),
        (medical.read_starting_day(), "B056010002"),
        (medical.update_starting_day(b"\x04\x01"), "B0560000020401"),
    ],
    ids=str,
)
def test_other_commands(command: Any, expected: str) -> None:
    """Ref 12 §4 C1-C3, C8-C10."""
    assert bytes(command) == _bytes(expected)


def test_balances() -> None:
    assert medical.parse_balance(_bytes("00001388")) == 5000
    assert medical.parse_total(_bytes("00003A982026")) == (15000, _bytes("2026"))


@pytest.mark.parametrize(
    "parse",
    [
        medical.parse_balance,
        medical.parse_total,
        medical.parse_debit_answer,
        medical.parse_tac,
        PurchaseOffer.parse,
        LoadOffer.parse,
        LogRecord.parse,
    ],
)
@pytest.mark.parametrize("data", [b"", bytes(3), bytes(21), bytes(29)])
def test_answers_of_another_length_are_refused(parse: Any, data: bytes) -> None:
    with pytest.raises(ApduError):
        parse(data)


@pytest.mark.parametrize("amount", [-1, 0x1_0000_0000])
def test_amounts_that_do_not_fit(amount: int) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Amounts(0, amount, 0)


def test_time() -> None:
    assert medical.time_bytes(datetime(2026, 3, 15, 10, 15, 30)) == _bytes("20260315101530")


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("B0260001", "GET BALANCE"),
        ("B0280001", "INITIALIZE FOR LOAD"),
        ("B0280101", "INITIALIZE FOR PURCHASE"),
        ("B02A0000", "CREDIT FOR LOAD"),
        ("B02C0100", "DEBIT FOR PURCHASE"),
        ("B02E0032", "GET TRANSACTION PROOF"),
        ("B0560100", "READ STARTING DAY"),
        ("B0560000", "UPDATE STARTING DAY"),
    ],
)
def test_names_for_traces(header: str, name: str) -> None:
    found = command_name(_bytes(header))
    assert found is not None
    assert found.en == name
