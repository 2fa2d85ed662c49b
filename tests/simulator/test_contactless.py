"""The contactless face of a virtual chip: its ATR, and answers as over T=1 (PC/SC part 3)."""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from tests.simulator import cards
from tests.simulator.cards import SSSE, Card, Randomness
from tests.simulator.messages import profile

from sscard_ic.apdu.atr import historical_bytes
from sscard_ic.base import InputError
from sscard_ic.card import CardIdentity
from sscard_ic.simulator import Fault, FaultFile, describe_image, open_card, open_image

HISTORICAL = "008148424286535119000013DF"
"""ref 11 §8 A3."""

CONTACTLESS_ATR = "3B8D8001" + HISTORICAL + "94"


def _image(folder: Path, **changes: Any) -> Path:
    path = folder / "card.img"
    cards.finished_card(profile(**changes), path=path).chip.close()
    return path


def _card(path: Path) -> Card:
    randomness = Randomness()
    chip = open_image(path, interface="contactless", entropy=randomness)
    chip.power_on()
    return Card(chip, randomness)


def test_the_atr(tmp_path: Path) -> None:
    card = _card(_image(tmp_path))
    assert card.chip.atr.hex().upper() == CONTACTLESS_ATR
    assert card.chip.reset(cold=False) == card.chip.atr
    assert reduce(lambda a, b: a ^ b, card.chip.atr[1:]) == 0
    assert historical_bytes(card.chip.atr).hex().upper() == HISTORICAL


def test_both_faces_bear_one_factor(tmp_path: Path) -> None:
    path = _image(tmp_path)
    faces = []
    for interface in ("contact", "contactless"):
        chip = open_image(path, interface=interface)
        faces.append(CardIdentity("511900", historical_bytes(chip.power_on())))
        chip.close()
    assert faces[0] == faces[1]
    assert faces[0].factor.hex().upper() == "86535119000013DF"


def test_the_first_historical_bytes_may_be_others(tmp_path: Path) -> None:
    other = bytes.fromhex("00814D48008653")
    path = _image(tmp_path, messaging={"contactless_historical": other})
    card = _card(path)
    assert historical_bytes(card.chip.atr) == other + bytes.fromhex("5119000013DF")
    card.chip.close()
    chip = open_image(path)
    assert historical_bytes(chip.power_on()).hex().upper() == HISTORICAL


@pytest.mark.parametrize("protocol", ["T=0", "T=1"])
def test_answers_are_those_of_t1(tmp_path: Path, protocol: str) -> None:
    card = _card(_image(tmp_path, features={"protocol": protocol}))
    assert card.chip.protocol == "T=1"
    assert card.raw(SSSE).endswith("9000")
    assert card.raw(SSSE + "00").startswith("6F16")
    assert card.raw("00B2022C00") == "0201339000", "no 6Cxx for Le 00"
    assert card.raw("00C0000010") == "6985"


def test_the_rules_are_the_same(tmp_path: Path) -> None:
    card = _card(_image(tmp_path))
    card.send(SSSE)
    assert card.raw("00B0870008") == "6982"
    assert card.authenticate(0x0A, "A1" * 16) == "9000"
    assert card.raw("00B0870008").endswith("9000")
    assert card.authenticate(0x04, "41" * 16) == "9000"
    assert card.raw("00DC022C03020135") == "9000"
    card.chip.close()


def test_what_is_written_on_one_face_is_read_on_the_other(tmp_path: Path) -> None:
    path = _image(tmp_path)
    card = _card(path)
    card.send(SSSE)
    card.authenticate(0x04, "41" * 16)
    assert card.raw("00DC022C03020135") == "9000"
    card.chip.close()
    chip = open_image(path)
    chip.power_on()
    chip.transmit(bytes.fromhex(SSSE))
    assert chip.transmit(bytes.fromhex("00B2022C03")).hex() == "0201359000"


def test_a_chip_has_one_reader_at_a_time(tmp_path: Path) -> None:
    path = _image(tmp_path)
    chip = open_image(path)
    with pytest.raises(InputError, match="in use"):
        open_image(path, interface="contactless")
    chip.close()


def test_a_chip_without_such_a_face(tmp_path: Path) -> None:
    path = _image(tmp_path, features={"contactless": False})
    with pytest.raises(InputError, match="no contactless face") as caught:
        open_image(path, interface="contactless")
    assert caught.value.where == str(path)
    open_image(path).close()
    assert describe_image(path).contactless_atr is None


def test_both_are_described(tmp_path: Path) -> None:
    description = describe_image(_image(tmp_path))
    assert description.atr == "3B6D0000" + HISTORICAL
    assert description.contactless_atr == CONTACTLESS_ATR


def test_faults_on_order_reach_it(tmp_path: Path) -> None:
    path = _image(tmp_path)
    FaultFile(path).order(Fault("status", status=0x6F00))
    card = open_card(path, interface="contactless")
    assert card.power_on().hex().upper() == CONTACTLESS_ATR
    assert card.transmit(bytes.fromhex(SSSE)) == b"\x6f\x00"
    card.close()
