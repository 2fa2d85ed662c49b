"""MCOS cards to test on: the worked card of ref 11 §9 and ways to talk to it."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.simulator.cards import SERIAL, Card, Randomness

from sscard_ic import profile
from sscard_ic.crypto.mac import pad80_if_needed
from sscard_ic.crypto.suites import SUITES
from sscard_ic.profile import CardProfile
from sscard_ic.simulator import blank

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "mcos.toml").read_text("utf-8")
)
MF = "00A4000000"
SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
DF01 = "00A4040006D15600000500"
DF04 = "00A4000002DF04"
VERIFY = "0020000003123456"
ZERO, MASTER = "00" * 16, "11" * 16
SUITE = SUITES["3des"]
INFORMATION = "BFC800000F"
FREEZE = "BFFE0000"
CLEAR = "BFCE0000"
DF04_CREATE = "80E0000213DF04100000000000003900020FD15600000503"
MF_CREATE, SSSE_CREATE = (row["apdu"] for row in VECTORS["worked"][:2])


def with_settings(**settings: object) -> CardProfile:
    """The profile dalian on MCOS, with other settings."""
    loaded = profile.load("dalian", "mcos")
    dialect = loaded.dialect
    changed = dialect.settings.model_copy(update=settings)
    return replace(loaded, dialect=dialect.model_copy(update={"settings": changed}))


def mcos_blank(card_profile: CardProfile | None = None, *, path: Path | None = None) -> Card:
    """A powered blank with the manufacturer key of the manual."""
    randomness = Randomness("08CDF316E9DA2F96")
    chip = blank(card_profile or with_settings(), SERIAL, path=path, entropy=randomness)
    chip.power_on()
    return Card(chip, randomness)


def opened(card_profile: CardProfile | None = None, *, path: Path | None = None) -> Card:
    """A blank whose manufacturer key has been proved (ref 11 §9 step 1)."""
    card = mcos_blank(card_profile, path=path)
    assert card.authenticate_short(0x00, ZERO) == "9000"
    return card


def replace_master(card: Card, value: str = MASTER, *, old: str = ZERO) -> str:
    """WRITE KEY of the master key, enciphered and with MAC; the status word."""
    return card.sw(protected(card, "84D40100", "000000" + value, old))


def add_key(card: Card, record: str, *, under: str = MASTER, file: int = 1) -> str:
    """WRITE KEY of a new record, enciphered and with MAC; the status word."""
    return card.sw(protected(card, f"84D400{file:02X}", record, under))


def protected(card: Card, head: str, data: str, key: str, *, challenge: int = 8) -> str:
    """A WRITE KEY command by ref 11 §3.4: LD ‖ data ‖ 80…, enciphered, and its MAC."""
    iv = bytes.fromhex(card.data(f"00840000{challenge:02X}")).ljust(8, b"\x00")
    value, plain = bytes.fromhex(key), bytes.fromhex(data)
    body = SUITE.encrypt(value, pad80_if_needed(bytes((len(plain),)) + plain))
    header = bytes.fromhex(head)
    covered = header + bytes((len(body) + 4,)) + body
    return (covered + SUITE.mac(value, covered, iv)).hex()


def ssse_card(card_profile: CardProfile | None = None, *, path: Path | None = None) -> Card:
    """MF and SSSE with master keys 11…, the latter proved; nothing else (§9 steps 1-4)."""
    card = opened(card_profile, path=path)
    assert card.sw(MF_CREATE) == "9000"
    assert replace_master(card) == "9000"
    assert card.authenticate_short(0x00, MASTER) == "9000"
    assert card.sw(SSSE_CREATE) == "9000"
    assert card.sw(SSSE) == "9000"
    assert replace_master(card) == "9000"
    assert card.authenticate_short(0x00, MASTER) == "9000"
    return card


def _worked(*steps: str) -> list[str]:
    return [row["apdu"] for row in VECTORS["worked"] if row["step"] in steps]


SSSE_KEYS = {
    "IRK": "1C00010000000000" + "E1" * 16,
    "STK": "0102000100000300" + "20" * 8,
    "BK": "0005010000000322" + "50" * 16,
    "UKSSSE": "0004010000000333" + "41" * 16,
    "RKSSSE": "000A010000000344" + "A1" * 16,
    "PIN": "1F00060600000600" + "123456FFFFFFFFFF",
    "PUK": "0106000000000300" + "60" * 16,
}
DF01_KEYS = {
    "STKDF01": "0102000100000300" + "21" * 8,
    "UK1DF01": "0003010000000311" + "31" * 16,
    "RK1DF01": "00080100000003CC" + "81" * 16,
}
DF04_KEYS = {
    "UK2DF04": "0006010000000333" + "B3" * 16,
    "RK1DF04": "0004010000000355" + "B5" * 16,
}


def worked_card(card_profile: CardProfile | None = None, *, path: Path | None = None) -> Card:
    """The card of ref 11 §9 with some of its keys and records, before it is frozen.

    DF04 is filled as far as the example goes.
    """
    card = ssse_card(card_profile, path=path)
    for apdu in _worked("5", "7", "8"):
        assert card.sw(apdu) == "9000", apdu
    for record in SSSE_KEYS.values():
        assert add_key(card, record) == "9000", record
    for apdu in (*_worked("9"), DF04_CREATE):
        assert card.sw(apdu) == "9000", apdu
    _application(card, DF01, DF01_KEYS, _worked("10", "11"))
    _application(card, DF04, DF04_KEYS, ["80E0000B080001030000730000", *_worked("12")])
    assert card.sw(SSSE) == "9000"
    return card


def _application(card: Card, select: str, keys: dict[str, str], files: list[str]) -> None:
    assert card.sw(select) == "9000"
    assert replace_master(card) == "9000"
    assert card.authenticate_short(0x00, MASTER) == "9000"
    for apdu in files:
        assert card.sw(apdu) == "9000", apdu
    for record in keys.values():
        assert add_key(card, record) == "9000", record
