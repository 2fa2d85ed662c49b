"""Faults on order as a terminal sees them, and decks whose cards have some."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.simulator import cards

from sscard_ic.profile import load
from sscard_ic.reader.errors import CardRemoved, MuteCard, ReaderError
from sscard_ic.reader.virtual import (
    VirtualConnection,
    deck_of,
    new_blank,
    open_virtual,
)
from sscard_ic.simulator import Fault, FaultFile, FaultFileError, FaultyCard

CHALLENGE = bytes.fromhex("0084000008")
TRANSPORT = bytes.fromhex(cards.TRANSPORT)
CREATE_MF = bytes.fromhex(cards.STEPS[1]["apdu"])
OK = b"\x90\x00"


_OPEN = """
import sys
from pathlib import Path
from sscard_ic.simulator import open_image
open_image(Path(sys.argv[1]))
"""
"""Fails while another program has the image."""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return new_blank(load("dalian"), tmp_path)


@pytest.mark.parametrize(
    ("kind", "cause", "words"),
    [
        ("removed", CardRemoved, "taken out"),
        ("mute", MuteCard, "does not answer"),
        ("torn-before", CardRemoved, "lost its power"),
        ("torn-after", CardRemoved, "lost its power"),
    ],
)
def test_a_loss_is_an_error_of_the_reader(kind: str, cause: type[ReaderError], words: str) -> None:
    chip = cards.blank_card(presented=False).chip
    card = FaultyCard(chip)
    connection = VirtualConnection(card, "slot 1")
    assert connection.transmit(CHALLENGE).endswith(OK)
    assert connection.transmit(TRANSPORT) == OK
    card.order(Fault.from_json({"kind": kind}))
    attempts: tuple[Callable[[], bytes], ...] = (
        lambda: connection.transmit(CREATE_MF),
        lambda: connection.transmit(CHALLENGE),
        lambda: connection.reset(cold=False),
    )
    for attempt in attempts:
        with pytest.raises(ReaderError, match=words) as caught:
            attempt()
        assert type(caught.value) is cause
        assert caught.value.where == "slot 1"
        assert caught.value.hint is not None
        assert caught.value.render("zh") != caught.value.render("en")
    assert connection.reset(cold=True) == chip.atr
    assert connection.transmit(CHALLENGE).endswith(OK)
    connection.close()


def test_mute_at_the_first_power_up(image: Path) -> None:
    FaultFile(image).order(Fault("mute-reset"))
    with pytest.raises(MuteCard) as caught:
        open_virtual(image)
    assert caught.value.where == str(image)
    subprocess.run([sys.executable, "-c", _OPEN, image], check=True)
    connection = open_virtual(image)
    assert connection.transmit(CHALLENGE).endswith(OK)
    FaultFile(image).order(Fault("mute-reset"))
    with pytest.raises(MuteCard):
        connection.reset(cold=True)
    connection.close()


def test_faults_move_with_their_card(tmp_path: Path) -> None:
    for _ in range(3):
        new_blank(load("dalian"), tmp_path)
    names = sorted(path.name for path in tmp_path.glob("*.img"))
    lasting, spent = Fault("slow", milliseconds=0), Fault("status", status=0x6F00)
    FaultFile(tmp_path / names[0]).order(lasting)
    FaultFile(tmp_path / names[1]).order(spent)
    deck = deck_of(tmp_path)
    for good, answer in ((True, "9000"), (False, "6f00"), (True, "9000")):
        assert deck.wait_card()
        assert deck.connect().transmit(CHALLENGE)[-2:].hex() == answer
        deck.release(good)
    assert sorted(path.name for path in (tmp_path / "good").iterdir()) == [
        names[0],
        f"{names[0]}.faults",
        names[2],
    ]
    assert list(FaultFile(tmp_path / "good" / names[0]).read().values()) == [lasting]
    assert [path.name for path in (tmp_path / "rejected").iterdir()] == [names[1]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good", "rejected"]


def test_a_card_left_in_the_hopper_keeps_its_faults(image: Path) -> None:
    FaultFile(image).order(Fault("removed", after=9))
    deck = deck_of(image.parent)
    assert deck.wait_card()
    deck.connect()
    deck.release(None)
    assert list(FaultFile(image).read().values()) == [Fault("removed", after=9)]


def test_a_damaged_file_of_faults_rejects_no_card(image: Path) -> None:
    FaultFile(image).path.write_text("{")
    deck = deck_of(image.parent)
    assert deck.wait_card()
    with pytest.raises(FaultFileError, match="damaged"):
        deck.connect()
    deck.release(None)
    assert image.exists()
