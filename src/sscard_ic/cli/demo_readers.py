"""Where the cards of the demo are made and read: in this process, or in PC/SC readers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from sscard_ic.profile import CardProfile
from sscard_ic.reader import Connection, Slot
from sscard_ic.reader.connection import always
from sscard_ic.reader.pcsc import PcscSlot, open_pcsc
from sscard_ic.reader.pcsc.finding import find_card
from sscard_ic.reader.virtual import SERIAL_LENGTH, VirtualDeck, new_blank, open_virtual
from sscard_ic.simulator import blank, open_card
from sscard_ic.simulator.vpcd import VpcdSlot

SLOTS = 2
"""Of a vpcd reader (ref 09 §1.4)."""


class DemoReaders(Protocol):
    """The readers of the demo."""

    def slots(self, profile: CardProfile) -> Sequence[Slot]:
        """Slots through which blanks of ``profile`` pass; one station works at each."""
        ...

    def card(self, image: Path) -> AbstractContextManager[Connection]:
        """The finished card in ``image``, powered inside the scope."""
        ...


class InProcess:
    """Virtual cards without a reader; the folders are in ``out``."""

    def __init__(self, out: Path) -> None:
        self._out = out

    def slots(self, profile: CardProfile) -> Sequence[Slot]:
        """One deck."""
        return [_deck(self._out, profile, "hopper")]

    @contextmanager
    def card(self, image: Path) -> Iterator[Connection]:
        """The card, opened here."""
        connection = open_virtual(image)
        try:
            yield connection
        finally:
            connection.close()


class InReaders:
    """Virtual cards in the two slots of a vpcd reader, reached through PC/SC like any card."""

    def __init__(self, out: Path, port: int, probe: CardProfile) -> None:
        self._out = out
        self._places = [_Place(port + number, probe) for number in range(SLOTS)]

    def slots(self, profile: CardProfile) -> Sequence[Slot]:
        """A deck in front of each slot."""
        return [
            _FedSlot(_deck(self._out, profile, f"hopper-{number}"), place)
            for number, place in enumerate(self._places, start=1)
        ]

    @contextmanager
    def card(self, image: Path) -> Iterator[Connection]:
        """The card, put into the first slot."""
        place = self._places[0]
        place.insert(image)
        try:
            find_card(place.atr)
            connection = open_pcsc(place.reader)
            try:
                yield connection
            finally:
                connection.close()
        finally:
            place.remove()


class _Place:
    """A slot of the virtual reader: the side that takes cards, and its name in PC/SC."""

    def __init__(self, port: int, probe: CardProfile) -> None:
        self._link = VpcdSlot(port)
        # Which reader belongs to the port is seen from a card that lies in it.
        card = blank(probe, secrets.token_bytes(SERIAL_LENGTH))
        with self._link.holding(card):
            self.reader = find_card(card.atr)

    @property
    def atr(self) -> bytes:
        """Of the card that was put in."""
        assert self._link.card is not None
        return self._link.card.atr

    def insert(self, image: Path) -> None:
        """Put the card of ``image`` in."""
        card = open_card(image)
        try:
            self._link.insert(card, image.stem)
        except BaseException:
            card.close()
            raise

    def remove(self) -> None:
        """Take it out."""
        self._link.remove().close()


class _FedSlot:
    """A PC/SC reader with a feeder: it takes cards from a deck, and puts them back sorted."""

    def __init__(self, deck: VirtualDeck, place: _Place) -> None:
        self._deck = deck
        self._place = place
        self._slot = PcscSlot(place.reader)

    @property
    def name(self) -> str:
        """The reader's name."""
        return self._slot.name

    def wait_card(self, blank_wanted: bool = True, still: Callable[[], bool] = always) -> bool:
        """Feed the next card, and wait until the reader has seen it."""
        if not self._deck.wait_card(blank_wanted, still):
            return False
        assert self._deck.current is not None
        self._place.insert(self._deck.current)
        return self._slot.wait_card(True, still)

    def connect(self) -> Connection:
        """Power the card that is there."""
        return self._slot.connect()

    def release(self, good: bool | None) -> None:
        """Take the card out, to where it belongs."""
        self._slot.release(good)
        self._place.remove()
        self._deck.release(good)

    def close(self) -> None:
        """Let go of the reader."""
        self._slot.close()


def _deck(out: Path, profile: CardProfile, hopper: str) -> VirtualDeck:
    return VirtualDeck(out / hopper, out / "cards", out / "rejected", partial(new_blank, profile))
