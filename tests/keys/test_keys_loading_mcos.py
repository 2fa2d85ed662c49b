"""Key loading and proofs of MCOS blanks, through a vault that holds the keys (ref 11 §3.7, §9)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.support.fixed_keys import FixedKeys

from sscard_ic.base import Secret
from sscard_ic.keys import CardKey, Protection, PublishedKey
from sscard_ic.keys.inventory import TRANSPORT

VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "mcos.toml").read_text(encoding="utf-8")
)
FACTOR = bytes(8)


def fixed(**values: str) -> FixedKeys:
    """A service whose card keys are given in hex."""
    return FixedKeys({name: bytes.fromhex(value) for name, value in values.items()})


@pytest.mark.parametrize("under", ["published", "of the card"])
@pytest.mark.parametrize("row", VECTORS["load"], ids=lambda row: row["source"])
def test_loading_under_a_published_key_and_under_one_of_the_card(
    row: dict[str, Any], under: str
) -> None:
    service = fixed(KEY=row["value"], MASTER=row["under"])
    published = PublishedKey(bytes.fromhex(row["under"]))
    master = CardKey("MASTER", 1, "511900", FACTOR)
    protection = Protection(
        "enciphered_mac",
        under=published if under == "published" else master,
        iv=bytes.fromhex(row["iv"]),
    )
    command = service.load_key(
        bytes.fromhex(row["head"]),
        bytes.fromhex(row["header"]),
        CardKey("KEY", 1, "511900", FACTOR),
        protection,
        filled=0,
    )
    assert command.reveal().hex().upper() == row["command"]


@pytest.mark.parametrize("row", VECTORS["plain_keys"], ids=lambda row: row["key"])
def test_plain_records_have_no_filling(row: dict[str, Any]) -> None:
    plain = bytes.fromhex(row["apdu"])
    value = plain[13:]
    service = fixed(KEY=value.hex())
    key = CardKey("KEY", 1, "511900", FACTOR)
    command = service.load_key(plain[:4], plain[5:13], key, Protection("plain", 0x80), filled=0)
    assert command.reveal() == plain


def test_the_pin_is_filled_to_eight_bytes() -> None:
    plain = bytes.fromhex(VECTORS["plain_pin"]["apdu"])
    pin = Secret(bytes.fromhex("123456"))
    service = fixed(KEY="00" * 16)
    command = service.load_pin(plain[:4], plain[5:13], pin, Protection("plain", 0x80), filled=8)
    assert command.reveal() == plain


@pytest.mark.parametrize("published", [True, False])
def test_the_key_that_opens_blanks(published: bool) -> None:
    """The COS maker's published one, or the card maker's own."""
    row = VECTORS["manufacturer"]
    own = "42" * 16 if published else row["key"]
    service = fixed(**{TRANSPORT: own})
    key = PublishedKey(bytes.fromhex(row["key"])) if published else None
    cryptogram = service.blank_cryptogram(bytes.fromhex(row["challenge"]), key)
    assert cryptogram.hex().upper() == row["apdu"][10:]
