"""Blanks of TimeCOS and FMCOS, and how one talks to them."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.simulator.cards import SERIAL, Card, Randomness

from sscard_ic.crypto.mac import pad80_if_needed
from sscard_ic.crypto.suites import SUITES
from sscard_ic.profile import load
from sscard_ic.simulator import blank

VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "register_cos.toml").read_text(encoding="utf-8")
)
MF = "00A40000023F00"
ERASE = "800E000000"
KEY_FILE = "80E00000073F01FF01EFFFFF"
MK = "11" * 16
MK_RECORD = "80D4010015F9F0AA0A33" + MK


def new_card(
    cos: str, path: Path | None = None, settings: dict[str, Any] | None = None, **dialect: Any
) -> Card:
    """A powered blank with the key of its manual."""
    randomness = Randomness("0102030405060708")
    profile = load("dalian", cos)
    changed = profile.dialect.settings.model_copy(update=settings or {})
    tables = profile.dialect.model_copy(update={"settings": changed, **dialect})
    chip = blank(replace(profile, dialect=tables), SERIAL, path=path, entropy=randomness)
    chip.power_on()
    return Card(chip, randomness)


def opened_card(cos: str, path: Path | None = None, settings: dict[str, Any] | None = None) -> Card:
    """A blank, its factory's key proved and the MF erased, with a KEY file and one key MK."""
    card = new_card(cos, path, settings)
    factory = load("dalian", cos).dialect.factory_key
    assert factory is not None
    assert card.authenticate_short(0x00, factory.hex()) == "9000"
    for apdu in (ERASE, KEY_FILE, MK_RECORD):
        assert card.sw(apdu) == "9000", apdu
    return card


def directory_card(
    cos: str, *more: str, path: Path | None = None, settings: dict[str, Any] | None = None
) -> Card:
    """As :func:`opened_card`, with the directory 3F01 selected, its KEY file, and ``more``."""
    card = opened_card(cos, path, settings)
    for apdu in (
        "80E03F010D38FFFFEFEFFFFFFF4444463031",
        "00A40000023F01",
        "80E00000073F01FFFFEFFFFF",
        *more,
    ):
        assert card.sw(apdu) == "9000", apdu
    return card


def key(key_id: int, state: int, value: str, kind: int = 0x39) -> str:
    """WRITE KEY of an external key: use free, change in state A, 3 tries."""
    record = f"{kind:02X}F0AA{state:02X}33{value}"
    return f"80D401{key_id:02X}{len(record) // 2:02X}{record}"


def protected(card: Card, head: str, data: str, under: str) -> str:
    """WRITE KEY with ``data`` enciphered and authenticated (ref 02 §4.2 item 4)."""
    challenge = bytes.fromhex(card.data("0084000008"))
    suite, value, raw = SUITES["3des"], bytes.fromhex(under), bytes.fromhex(data)
    body = suite.encrypt(value, pad80_if_needed(bytes((len(raw),)) + raw))
    start = bytes.fromhex(head) + bytes((len(body) + 4,)) + body
    return (start + suite.mac(value, start, challenge)).hex()
