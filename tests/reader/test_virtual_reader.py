"""Virtual cards as connections and decks."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_ic.base import CardError
from sscard_ic.profile import load
from sscard_ic.reader.errors import ReaderError
from sscard_ic.reader.virtual import VirtualDeck, deck_of, new_blank, open_virtual


def test_a_blank_has_an_atr_of_its_own(tmp_path: Path) -> None:
    profile = load("dalian")
    first, second = (new_blank(profile, tmp_path) for _ in range(2))
    with_first, with_second = open_virtual(first), open_virtual(second)
    assert with_first.atr[:11] == with_second.atr[:11]
    assert with_first.atr != with_second.atr
    assert with_first.atr[-6:].hex().upper() == first.stem
    with_first.close()
    with_second.close()
    assert first.stat().st_mode & 0o777 == 0o600


def test_deck_gives_cards_in_order_and_sorts_them(tmp_path: Path) -> None:
    for _ in range(3):
        new_blank(load("dalian"), tmp_path)
    names = sorted(path.name for path in tmp_path.glob("*.img"))
    deck = deck_of(tmp_path)
    for verdict in (True, False, None):
        assert deck.wait_card()
        deck.connect()
        deck.release(verdict)
    assert [p.name for p in (tmp_path / "good").iterdir()] == names[:1]
    assert [p.name for p in (tmp_path / "rejected").iterdir()] == names[1:2]
    assert [p.name for p in tmp_path.glob("*.img")] == names[2:]
    assert not deck.wait_card()
    again = deck_of(tmp_path)
    assert again.wait_card()


def test_an_empty_deck_is_filled_where_blanks_are_made(tmp_path: Path) -> None:
    profile = load("urumqi")
    deck = VirtualDeck(
        tmp_path / "in",
        tmp_path / "out",
        tmp_path / "bad",
        lambda folder: new_blank(profile, folder),
    )
    for _ in range(2):
        assert deck.wait_card()
        deck.connect()
        deck.release(True)
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_a_slot_without_card_says_so(tmp_path: Path) -> None:
    deck = deck_of(tmp_path)
    assert not deck.wait_card()
    with pytest.raises(ReaderError, match="no card in the slot"):
        deck.connect()


def test_a_file_that_is_no_card_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "broken.img").write_text("no card")
    deck = deck_of(tmp_path)
    assert deck.wait_card()
    with pytest.raises(CardError, match="not an image"):
        deck.connect()
    deck.release(False)
    assert (tmp_path / "rejected" / "broken.img").exists()


def test_a_card_never_takes_the_place_of_another(tmp_path: Path) -> None:
    path = new_blank(load("dalian"), tmp_path)
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / path.name).write_text("an older card")
    deck = deck_of(tmp_path)
    assert deck.wait_card()
    deck.connect()
    deck.release(True)
    assert (tmp_path / "good" / path.name).read_text() == "an older card"
    assert (tmp_path / "good" / f"{path.stem}-2.img").exists()
