"""Cards to test on: the worked initialisation of ref 11 §8, blanks, and one way to talk to them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from sscard_ic import profile
from sscard_ic.apdu import Response
from sscard_ic.crypto import des
from sscard_ic.crypto.suites import SUITES
from sscard_ic.profile import CardProfile
from sscard_ic.simulator import Chip, blank

SERIAL = bytes.fromhex("5119000013DF")
SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
DF01 = "00A4000002DF01"
DF04 = "00A4000002DF04"
MF = "00A40000023F00"
VERIFY = "0020000003123456"
TRANSPORT = "80E00300082B055FA0594E1335"

STEPS: list[dict[str, str]] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "t514_initialisation.toml").read_text("utf-8")
)["step"]


class Randomness:
    """Answers a fixed byte string, repeated; settable."""

    def __init__(self, value: str = "0123456789ABCDEF") -> None:
        self.value = bytes.fromhex(value)

    def __call__(self, length: int) -> bytes:
        return (self.value * 16)[:length]


@dataclass
class Card:
    """A chip with its source of randomness; answers as ``data`` hex and status hex."""

    chip: Chip
    randomness: Randomness

    def raw(self, apdu: str) -> str:
        """The answer to exactly this APDU."""
        return self.chip.transmit(bytes.fromhex(apdu)).hex().upper()

    def send(self, apdu: str) -> Response:
        """The answer, waiting data fetched."""
        response = Response.parse(self.chip.transmit(bytes.fromhex(apdu)))
        if response.sw.remaining is not None:
            fetch = bytes((0x00, 0xC0, 0, 0, response.sw.remaining & 0xFF))
            response = Response.parse(self.chip.transmit(fetch))
        return response

    def sw(self, apdu: str) -> str:
        """Status word only."""
        return str(self.send(apdu).sw)

    def data(self, apdu: str) -> str:
        """Data of a successful command."""
        response = self.send(apdu)
        assert response.sw == 0x9000, f"{apdu}: {response.sw}"
        return response.data.hex().upper()

    def authenticate(self, key_id: int, key: str, *, version: int | None = None) -> str:
        """Challenge and EXTERNAL AUTHENTICATE of ref 02 §3.3; the status word."""
        challenge = bytes.fromhex(self.data("0084000008"))
        text = bytes.fromhex("1122334455667788")
        cryptogram = SUITES["3des"].authentication_cryptogram(bytes.fromhex(key), challenge, text)
        body = cryptogram + text + (b"" if version is None else bytes((version,)))
        return self.sw(f"008200{key_id:02X}{len(body):02X}{body.hex()}")

    def authenticate_short(self, key_id: int, key: str) -> str:
        """The form without text: C = 3DES(K, R)."""
        challenge = bytes.fromhex(self.data("0084000008"))
        return self.sw(f"008200{key_id:02X}08{des.encrypt(bytes.fromhex(key), challenge).hex()}")

    def reset(self) -> None:
        """Cold reset."""
        self.chip.reset(cold=True)


@cache
def _profile(name: str) -> CardProfile:
    return profile.load(name)


def with_dialect(
    settings: dict[str, Any] | None = None,
    features: dict[str, Any] | None = None,
    name: str = "dalian",
) -> CardProfile:
    """A profile of the package with other settings and features of its dialect."""
    loaded = _profile(name)
    dialect = loaded.dialect
    changed = dialect.model_copy(
        update={
            "settings": dialect.settings.model_copy(update=settings or {}),
            "features": dialect.features.model_copy(update=features or {}),
        }
    )
    return replace(loaded, dialect=changed)


def blank_card(
    card_profile: CardProfile | None = None, *, path: Path | None = None, presented: bool = True
) -> Card:
    """A powered blank with the serial and transport key of ref 11 §8."""
    randomness = Randomness()
    chip = blank(
        card_profile or with_dialect(),
        SERIAL,
        path=path,
        transport_key=bytes(16),
        entropy=randomness,
    )
    chip.power_on()
    card = Card(chip, randomness)
    if presented:
        assert card.sw(TRANSPORT) == "9000"
    return card


def initialise(card: Card, *, since: str = "1", until: str | None = None) -> None:
    """Run the worked initialisation from step ``since`` up to and without ``until``."""
    sources = [step["source"] for step in STEPS]
    first = next(i for i, source in enumerate(sources) if source.endswith(f"step {since}"))
    last = len(STEPS)
    if until is not None:
        last = next(i for i, source in enumerate(sources) if source.endswith(f"step {until}"))
    for step in STEPS[first:last]:
        assert card.sw(step["apdu"]) == "9000", step


CONTENTS = (
    (SSSE, ()),
    ("00A4000002EF05", ("00DC020403020133", "00DC0304060304322E3030")),
    ("00A4000002EF06", ("00DC01040408023132", "00DC02040409024142", "00DC0304030A0131")),
    (DF01, ()),
    ("00A4000002EF05", ("00DC0104042002AAAA", "00DC0204042102BBBB")),
    (DF04, ()),
    ("00A4000002EF06", ("00DC0104048502CCCC",)),
    ("00A4000002EF08", ("00DC00031C" + "01" * 28, "00DC00031C" + "02" * 28)),
    ("00A4000002EF15", ("00DC000303000001",)),
)
"""Files selected and records written on top of ref 11 §8; tags and values are arbitrary."""


def finished_card(card_profile: CardProfile | None = None, *, path: Path | None = None) -> Card:
    """The card of ref 11 §8 with some contents, ended, after a reset."""
    card = blank_card(card_profile, path=path, presented=False)
    initialise(card, until="20")
    for select, records in CONTENTS:
        assert card.sw(select) == "9000"
        for record in records:
            assert card.sw(record) == "9000", record
    initialise(card, since="20")
    card.reset()
    return card


def open_card(card_profile: CardProfile | None = None) -> Card:
    """The card of ref 11 §8 before the end commands, transport code presented."""
    card = blank_card(card_profile, presented=False)
    initialise(card, until="20")
    assert card.sw(SSSE) == "9000"
    return card


def ssse_card(card_profile: CardProfile | None = None) -> Card:
    """MF and an SSSE with its control key 11…, nothing else; SSSE current."""
    card = blank_card(card_profile, presented=False)
    initialise(card, until="6b")
    return card
