"""What every driver offers, and every wrapper takes and gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from sscard_ic.base.secret import Secretive

TransmissionProtocol = Literal["T=0", "T=1"]


class Connection(Protocol):
    """A powered card.

    ``transmit`` sends one command and gives data and status word, at least two bytes; it raises a
    :class:`~sscard_ic.reader.errors.ReaderError` when there is no answer. A finished command that
    carries a key or a PIN comes as a ``Secret``; only the driver at the end of the chain reveals
    it.
    """

    @property
    def atr(self) -> bytes:
        """Answer to the last reset."""
        ...

    @property
    def protocol(self) -> TransmissionProtocol:
        """Transmission protocol in use."""
        ...

    def transmit(self, command: Secretive) -> bytes:
        """One exchange."""
        ...

    def reset(self, cold: bool) -> bytes:
        """Reset the card, with power off and on when ``cold``; the new ATR."""
        ...

    def close(self) -> None:
        """Power the card down and let it go."""
        ...


def always() -> bool:
    """The answer of those who wait as long as it takes."""
    return True


class Slot(Protocol):
    """Where cards come and go: a person, a feeder or a deck of virtual cards answers it."""

    @property
    def name(self) -> str:
        """Name for people and for the journal."""
        ...

    def wait_card(self, blank_wanted: bool = True, still: Callable[[], bool] = always) -> bool:
        """Wait for the next card; False when no more will come, or nobody waits any more.

        Where no blank is wanted, only cards that are there already are of interest. ``still`` is
        asked from time to time, at least once a second, whether a card is still waited for.
        """
        ...

    def connect(self) -> Connection:
        """Power the card that is there."""
        ...

    def release(self, good: bool | None) -> None:
        """Let the card go: to the good ones, to the rejected ones, or (None) leave it there.

        A card that is left is not offered again by this slot.
        """
        ...

    def close(self) -> None:
        """Let go of the slot itself, and of a card that is still connected."""
        ...
