"""Known values of the debit application's data, from the reference."""

from __future__ import annotations

import tomllib
from enum import IntFlag
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.codec.pboc import bits
from sscard_ic.codec.pboc.bits import Cvr, Kind
from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.pboc.elements import fitted
from sscard_ic.codec.pboc.groups import DataGroup, leading_groups
from sscard_ic.codec.pboc.issuer_data import IssuerData
from sscard_ic.codec.pboc.locator import parse_locator, records

_VECTORS: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (Path(__file__).parents[2] / "vectors" / "financial_codec.toml").read_text("utf-8")
)


def _each(kind: str) -> pytest.MarkDecorator:
    rows = _VECTORS[kind]
    return pytest.mark.parametrize("row", rows, ids=[row["source"] for row in rows])


def _joined(flags: type[IntFlag], names: str) -> int:
    total = 0
    for name in names.split():
        assert not total & flags[name]
        total |= flags[name]
    return total


@_each("bits")
def test_bit_maps(row: dict[str, Any]) -> None:
    flags: type[IntFlag] = getattr(bits, row["map"])
    value = _joined(flags, row["names"])
    assert value.to_bytes(row["bytes"], "big").hex().upper() == row["value"]


def test_every_bit_has_a_vector() -> None:
    for flags in (bits.Aip, bits.Ada, bits.CardProcessing, bits.Ttq, bits.Ctq, bits.Tvr):
        rows = [row for row in _VECTORS["bits"] if row["map"] == flags.__name__]
        covered = {name for row in rows for name in row["names"].split()}
        assert covered == {flag.name for flag in flags}


@_each("cvr")
def test_card_verification_results(row: dict[str, Any]) -> None:
    value = bits.with_first(_joined(Cvr, row["names"]), Kind[row["first"]])
    value = bits.with_scripts(bits.with_second(value, row["second"]), row.get("scripts", 0))
    assert f"{value:06X}" == row["value"]
    assert bits.first_kind(value) is Kind[row["first"]]
    assert bits.second_kind(value) == row["second"]
    assert bits.scripts(value) == row.get("scripts", 0)


def test_fields_of_the_results_are_set_alone() -> None:
    full = 0xFFFFFF
    assert bits.first_kind(full) is Kind.AAC
    assert bits.with_first(full & ~(3 << 20), Kind.TC) == 0xDFFFFF
    assert bits.with_first(full, Kind.AAC) == 0xCFFFFF
    assert bits.with_second(full, Kind.TC) == 0x7FFFFF
    assert bits.with_second(0, bits.NOT_REQUESTED) == 0x800000
    assert bits.with_scripts(full, 3) == 0xFFFF3F
    assert bits.with_scripts(0, 16) == 0x0000F0


@_each("dol")
def test_object_lists(row: dict[str, Any]) -> None:
    dol = Dol.parse(bytes.fromhex(row["list"]))
    assert [f"{tag:02X}" for tag, _ in dol] == row["tags"].split()
    assert dol.length == row["length"]
    assert all(int(tag, 16) in dol for tag in row["tags"].split())
    assert 0x5A not in dol


@_each("element")
def test_values_are_fitted_to_their_room(row: dict[str, Any]) -> None:
    made = fitted(row["tag"], bytes.fromhex(row["value"]), row["room"])
    assert made.hex().upper() == row["fitted"]
    room = bytes((row["room"],))
    tag = row["tag"].to_bytes(2 if row["tag"] > 0xFF else 1, "big")
    dol = Dol.parse(tag + room)
    assert dol.join({row["tag"]: bytes.fromhex(row["value"])}) == made


@_each("locator")
def test_file_locators(row: dict[str, Any]) -> None:
    ranges = parse_locator(bytes.fromhex(row["value"]))
    told = [
        f"{sfi:02X}{number:02X}{'*' if signed else ''}" for sfi, number, signed in records(ranges)
    ]
    assert told == row["records"].split()
    assert b"".join(map(bytes, ranges)).hex().upper() == row["value"]


@_each("issuer_data")
def test_issuer_data(row: dict[str, Any]) -> None:
    value = bytes.fromhex(row["value"])
    data = IssuerData.parse(value)
    assert data == IssuerData(
        row["index"],
        row["version"],
        row["cvr"],
        row["algorithm"],
        bytes.fromhex(row.get("discretionary", "")),
        row.get("room"),
    )
    assert bytes(data) == value
    assert data.card_verification_results == value[3:7]


@_each("group")
def test_data_groups(row: dict[str, Any]) -> None:
    data = bytes.fromhex(row["bytes"])
    ([group], rest) = leading_groups(data)
    assert not rest
    assert group == DataGroup(row["number"], data[3:])
    assert group.record == (tuple(row["record"]) if "record" in row else None)
    assert bytes(group) == data
