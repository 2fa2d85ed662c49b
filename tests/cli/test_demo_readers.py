"""The readers of ``sscard demo --pcsc``: no card stays in a slot that nobody looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sscard_ic.base import Text
from sscard_ic.cli import demo_readers
from sscard_ic.cli.demo_readers import InReaders
from sscard_ic.profile import load
from sscard_ic.reader import Slot
from sscard_ic.reader.connection import always
from sscard_ic.reader.errors import AccessDenied
from sscard_ic.simulator import VirtualCard


class Link:
    """The side of a virtual reader that takes cards."""

    def __init__(self, port: int) -> None:
        self.card: VirtualCard | None = None

    def insert(self, card: VirtualCard, name: str) -> None:
        assert self.card is None, "there is a card in the slot"
        self.card = card

    def remove(self) -> VirtualCard:
        card, self.card = self.card, None
        assert card is not None, "there is no card in the slot"
        return card

    @contextmanager
    def holding(self, card: VirtualCard) -> Iterator[None]:
        yield


class Reader:
    """The PC/SC side: sees a card, or nothing as long as it is asked."""

    sees = True
    fails = False

    def __init__(self, name: str) -> None:
        self.name = name

    def wait_card(self, blank_wanted: bool = True, still: Callable[[], bool] = always) -> bool:
        if self.fails:
            raise AccessDenied(Text("不允许", "not admitted"))
        while not self.sees and still():
            pass
        return self.sees

    def release(self, good: bool | None) -> None:
        if self.fails:
            raise AccessDenied(Text("不允许", "not admitted"))

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slot:
    """A slot of the demo with a feeder."""
    monkeypatch.setattr(demo_readers, "VpcdSlot", Link)
    monkeypatch.setattr(demo_readers, "PcscSlot", Reader)
    monkeypatch.setattr(demo_readers, "find_card", lambda atr: "reader")
    monkeypatch.setattr(demo_readers, "_SEEING", 0.01)
    profile = load("dalian")
    return InReaders(tmp_path, 35963, profile).slots(profile)[0]


def images(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.glob("*/*.img"))


def test_a_card_that_nobody_waits_for_any_more_is_taken_back(
    slot: Slot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reader, "sees", False)
    assert not slot.wait_card(still=lambda: False)
    monkeypatch.setattr(Reader, "sees", True)
    assert slot.wait_card()
    slot.release(True)
    assert images(tmp_path) == ["cards"]


def test_a_reader_that_fails_keeps_no_card(
    slot: Slot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reader, "fails", True)
    with pytest.raises(AccessDenied):
        slot.wait_card()
    monkeypatch.setattr(Reader, "fails", False)
    assert slot.wait_card()
    monkeypatch.setattr(Reader, "fails", True)
    with pytest.raises(AccessDenied):
        slot.release(False)
    assert images(tmp_path) == ["rejected"]
    monkeypatch.setattr(Reader, "fails", False)
    assert slot.wait_card()
    slot.release(True)


def test_where_no_blank_is_wanted_an_absent_reader_is_not_waited_for(
    slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not slot.wait_card(blank_wanted=False)
    assert slot.wait_card()
    slot.close()
    monkeypatch.setattr(Reader, "sees", False)
    assert not slot.wait_card(blank_wanted=False)


def test_a_card_that_nobody_looked_at_is_taken_out_in_the_end(slot: Slot, tmp_path: Path) -> None:
    assert slot.wait_card()
    slot.close()
    assert slot.wait_card()
    slot.release(None)
    slot.close()
    assert images(tmp_path) == ["hopper-1"]
