"""Layouts and commands of the PSAM against the bytes of the reference."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.apdu import psam, psam_ksa
from sscard_ic.apdu.medical import Amounts
from sscard_ic.apdu.psam import KeyHeader, PublicData, PurchaseInit, Validity
from sscard_ic.apdu.psam_ksa import DirectoryHeader, FileHeader

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "psam.toml").read_text("utf-8")
)


def ids(part: str) -> dict[str, Any]:
    return {"argvalues": VECTORS[part], "ids": [vector["source"] for vector in VECTORS[part]]}


@pytest.mark.parametrize("vector", **ids("directory"))
def test_create_a_directory(vector: dict[str, str]) -> None:
    header = DirectoryHeader(
        int(vector["fid"], 16),
        int(vector["kind"], 16),
        bytes.fromhex(vector["middle"]),
        bytes.fromhex(vector["name"]),
        bytes.fromhex(vector["tail"]),
    )
    make = psam_ksa.create_mf if vector["fid"] == "3F00" else psam_ksa.create
    assert bytes(make(header)).hex().upper() == vector["command"]
    assert DirectoryHeader.parse(bytes(header)) == header


@pytest.mark.parametrize("vector", **ids("file"))
def test_create_a_file(vector: dict[str, Any]) -> None:
    fid, kind, form, read, update = (
        int(vector[name], 16) for name in ("fid", "kind", "form", "read", "update")
    )
    header = FileHeader(fid, kind, form, vector["size"], read, update)
    assert bytes(psam_ksa.create(header)).hex().upper() == vector["command"]
    assert FileHeader.parse(bytes(header)) == header


@pytest.mark.parametrize("raw", ["", "3F00", "00" * 41, "00" * 42, "FF" * 42, "00" * 43])
def test_no_directory_header(raw: str) -> None:
    with pytest.raises(ValueError, match="bytes"):
        DirectoryHeader.parse(bytes.fromhex(raw))


def test_key_file_is_named_by_its_low_byte() -> None:
    """ref 02 §7.5: EF11 and 84D40011."""
    assert psam_ksa.load_key_head(0xEF11).hex().upper() == "84D40011"
    assert psam_ksa.load_key_head(0x0013).hex().upper() == "84D40013"


def test_public_data() -> None:
    vector = VECTORS["public"]
    data = PublicData(
        int(vector["issuer"], 16),
        vector["serial"],
        int(vector["version"], 16),
        int(vector["card_type"], 16),
        bytes.fromhex(vector["fci"]),
    )
    assert bytes(data).hex().upper() == vector["bytes"]
    assert PublicData.parse(bytes(data)) == data
    with pytest.raises(ValueError, match="15 bytes, not 14"):
        PublicData.parse(bytes(14))


def test_validity() -> None:
    vector = VECTORS["validity"]
    validity = Validity(
        int(vector["dpk_index"], 16), vector["key_version"], vector["first"], vector["last"]
    )
    assert bytes(validity).hex().upper() == vector["bytes"]
    assert Validity.parse(bytes(validity)) == validity


@pytest.mark.parametrize("raw", ["", "0101202601012045", "01012026130120451231", "FF" * 10])
def test_no_validity(raw: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Validity.parse(bytes.fromhex(raw))


@pytest.mark.parametrize("vector", **ids("usage"))
def test_usage_byte(vector: dict[str, Any]) -> None:
    usage = int(vector["usage"], 16)
    assert (psam.steps_of(usage), psam.type_of(usage)) == (vector["steps"], vector["type"])
    assert psam.with_steps(vector["type"], vector["steps"]) == usage


@pytest.mark.parametrize("vector", **ids("record"))
def test_key_header(vector: dict[str, str]) -> None:
    header = KeyHeader(*(int(vector[name], 16) for name in ("usage", "id", "algorithm")))
    assert bytes(header).hex().upper() == vector["header"]
    assert KeyHeader.parse(bytes(header) + bytes(16)) == header


@pytest.mark.parametrize("raw", ["", "42010000000000", "4201010000000000", "4201000000000001"])
def test_no_key_header(raw: str) -> None:
    with pytest.raises(ValueError, match="header"):
        KeyHeader.parse(bytes.fromhex(raw))


@pytest.mark.parametrize(
    ("usage", "key_id", "owner"),
    [
        (0x67, 0x08, "national"),
        (0x48, 0x12, "provincial"),
        (0x48, 0x18, "city"),
        (0x47, 0x2E, "national"),
        (0x48, 0x58, "provincial"),
        (0x47, 0xB4, "city"),
        (0x42, 0x03, "national"),
    ],
)
def test_owner_by_identifier(usage: int, key_id: int, owner: str) -> None:
    """ref 01 §10.2, PSAM identifier ranges [spec]."""
    assert psam.owner_of(usage, key_id) == owner


@pytest.mark.parametrize("key_id", [0x00, 0x07, 0xC0, 0xFF])
def test_identifiers_of_no_card_key(key_id: int) -> None:
    with pytest.raises(ValueError, match=f"{key_id:02X}"):
        psam.owner_of(0x48, key_id)


@pytest.mark.parametrize(
    "vector", VECTORS["session"], ids=[vector["source"] for vector in VECTORS["session"]]
)
def test_session_commands(vector: dict[str, str]) -> None:
    raw = bytes.fromhex(vector["command"])
    block = 16 if vector["algorithm"] == "sm4" else 8
    with_session = raw[0] == 0xBF
    end = len(raw) - block if with_session else len(raw)
    factors = [raw[at : at + 8] for at in range(5, end, 8)]
    made = (
        psam.delivery_session_key(raw[2], raw[3], factors, raw[end:])
        if with_session
        else psam.derive_key(raw[2], raw[3], factors)
    )
    assert bytes(made) == raw


@pytest.mark.parametrize(
    "vector",
    VECTORS["purchase"]["example"],
    ids=[vector["source"] for vector in VECTORS["purchase"]["example"]],
)
def test_init_purchase(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["p5"])
    asked = PurchaseInit.parse(raw[5:])
    factors = [raw[at : at + 8] for at in range(5 + PurchaseInit.LENGTH, len(raw), 8)]
    assert bytes(psam.init_purchase(asked, factors)) == raw + b"\x08"
    assert len(factors) == vector["steps"]


def test_purchase_fields() -> None:
    """ref 12 §8 E3."""
    raw = bytes.fromhex(VECTORS["purchase"]["example"][-1]["p5"])
    assert PurchaseInit.parse(raw[5:]) == PurchaseInit(
        random=bytes.fromhex("55667788"),
        counter=9,
        amounts=Amounts(2000, 2500, 0),
        kind=0x32,
        time=bytes.fromhex("20260317090000"),
        key_version=1,
        algorithm=0,
    )


def test_single_commands() -> None:
    """ref 12 §7.1 step 8, 02 §7.3."""
    assert bytes(psam.verify_mac2(bytes.fromhex("B134A332"))).hex().upper() == (
        "8072000004B134A332"
    )
    assert bytes(psam.cipher_data(psam.ENCRYPT, bytes(8), 8)).hex().upper() == (
        "80FA000008000000000000000008"
    )
    assert bytes(psam.external_authenticate(3, bytes(8))).hex().upper() == (
        "00820003080000000000000000"
    )
