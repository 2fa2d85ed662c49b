"""Where the cards of the demo are made and read: in this process, or in PC/SC readers."""

from __future__ import annotations

import secrets
import time
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

_SEEING = 5.0
"""Seconds within which a reader sees a card that was put in (ref 09 §1.4: 0.4)."""


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

    @property
    def taken(self) -> bool:
        """Whether a card is in it."""
        return self._link.card is not None

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
        """Feed the next card, and wait until the reader has seen it; else it is taken back.

        A reader that is away is waited for only where a blank is wanted.
        """
        if not self._deck.wait_card(blank_wanted, still):
            return False
        assert self._deck.current is not None
        self._place.insert(self._deck.current)
        end = time.monotonic() + _SEEING
        seen = False
        try:
            # To the reader every card is new, whatever it is wanted for.
            seen = self._slot.wait_card(
                still=still if blank_wanted else lambda: still() and time.monotonic() < end
            )
        finally:
            if not seen:
                self._place.remove()
        return seen

    def connect(self) -> Connection:
        """Power the card that is there."""
        return self._slot.connect()

    def release(self, good: bool | None) -> None:
        """Take the card out, to where it belongs."""
        try:
            self._slot.release(good)
        finally:
            self._place.remove()
            self._deck.release(good)

    def close(self) -> None:
        """Let go of the reader, and take out a card that nobody looked at."""
        self._slot.close()
        if self._place.taken:
            self._place.remove()


def _deck(out: Path, profile: CardProfile, hopper: str) -> VirtualDeck:
    return VirtualDeck(out / hopper, out / "cards", out / "rejected", partial(new_blank, profile))
