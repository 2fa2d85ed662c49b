"""Issued virtual cards in which every item of the profile holds its example."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sscard_ic.apdu.ssc import pin_block
from sscard_ic.issuance.remake import remake
from sscard_ic.profile import CardProfile, load
from sscard_ic.profile.contents import Contents
from sscard_ic.profile.values import encode
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import new_blank, open_virtual
from sscard_ic.simulator import Chip, open_image

PIN = pin_block("123456")
_LOGGED = 2
"""Records of every log."""
_HISTORICAL = bytes.fromhex("00814842428653")
_IDENTIFICATION = "SSSE.EF05.01"


@cache
def example_values(profile: CardProfile) -> Mapping[str, bytes]:
    """Every item's example by path; of a log the newest two records."""
    values: dict[str, bytes] = {}
    for place in profile.places:
        if place.file.structure == "cyclic" and place.occurrence > _LOGGED:
            continue
        assert place.item.example is not None, place.path
        values[place.path] = encode(place.item, place.item.example, profile.codes)
    assert profile.region is not None
    division = bytes.fromhex(profile.region.issuer.division_code)
    values[_IDENTIFICATION] = division + values[_IDENTIFICATION][3:]
    return values


def historical(profile: CardProfile) -> bytes:
    """The historical bytes of the card that bears the examples."""
    code = example_values(profile)[_IDENTIFICATION]
    return _HISTORICAL + code[:2] + code[8:12]


@cache
def _made(profile_name: str, cos: str | None) -> bytes:
    """The image of the card."""
    profile = load(profile_name, cos)
    atr = bytes((0x3B, 0x6D, 0, 0)) + historical(profile)
    with TemporaryDirectory() as folder:
        image = new_blank(profile, Path(folder))
        connection = open_virtual(image)
        try:
            contents = Contents(profile.name, atr, example_values(profile))
            remake(open_session(connection), profile, contents)
        finally:
            connection.close()
        return image.read_bytes()


def whole_card(profile_name: str, folder: Path, cos: str | None = None) -> Chip:
    """A copy of the card, in ``folder``, with power; made once a process."""
    copy = folder / "card.img"
    copy.write_bytes(_made(profile_name, cos))
    chip = open_image(copy)
    chip.power_on()
    return chip
