"""Virtual cards in a PC/SC reader: one slot of a vpcd driver, seen from the card (ref 09 §1.4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sscard_ic.base import CardError, Text
from sscard_ic.simulator.card import VirtualCard
from sscard_ic.simulator.vpcd_stay import EventKind, SlotEvent, SlotState, Stay, VpcdTimes

DEFAULT_PORT = 35963
"""Of the first slot of the first vpcd reader; slot n listens n ports higher."""
_DEFAULT_TIMES = VpcdTimes()
_POLL = 0.02
_LAST_ANSWER = 2.0
"""Seconds that a card may be at work when the slot is closed."""


class VpcdSlot:
    """One slot of a vpcd reader, into which virtual cards are put one after the other.

    A card is served by a thread of its own: nothing else may use it until it is out again. When
    the PC/SC service stops, the card waits for it and goes in again; a card that lost itself
    (:class:`CardLost`) comes back after :attr:`VpcdTimes.back`. As a context manager the slot is
    closed at the end. ``on_event`` is called in the card's thread, or in that which takes the card
    out; it must not put in or take out a card itself.
    """

    def __init__(
        self,
        port: int = DEFAULT_PORT,
        host: str = "127.0.0.1",
        *,
        times: VpcdTimes = _DEFAULT_TIMES,
        on_event: Callable[[SlotEvent], None] | None = None,
    ) -> None:
        self.port = port
        self.host = host
        self.times = times
        self._on_event = on_event
        self._stay: Stay | None = None
        self._free_at = 0.0

    def insert(self, card: VirtualCard, name: str = "", *, insist: bool = False) -> None:
        """Put ``card`` in; returns when the reader has asked for it. ``name`` is for events.

        With ``insist`` a reader that is not there is waited for in the card's thread.

        Raises :class:`NoVpcdReader` when nobody listens on the port, :class:`CardNotRead` when
        the slot holds another program's card or it is not vpcd that listens; the slot is then
        empty. Waits first until a card before it has been away long enough to be missed.
        """
        if self._stay is not None:
            raise CardError(
                Text("卡槽中已有卡", "there is a card in the slot"),
                where=f"{self.host}:{self.port}",
                hint=Text("先取出它", "take it out first"),
            )

        def tell(kind: EventKind, **facts: Any) -> None:
            if self._on_event is not None:
                self._on_event(SlotEvent(kind, self.port, name, **facts))

        stay = Stay(
            card, self.host, self.port, self.times, tell, free_at=self._free_at, insist=insist
        )
        self._stay = stay
        stay.start()
        if stay.failure is not None:
            self._stay = None
            raise stay.failure

    def remove(self) -> VirtualCard:
        """Take the card out and give it back without power; returns when the driver let it go.

        Raises what broke the card's service, if something did; the slot is empty all the same.
        """
        stay = self._stay
        if stay is None:
            raise CardError(
                Text("卡槽中没有卡", "there is no card in the slot"),
                where=f"{self.host}:{self.port}",
            )
        stay.leave()
        self._stay, self._free_at = None, stay.free_at
        if stay.failure is not None:
            raise stay.failure
        stay.tell("removed")
        return stay.card

    @contextmanager
    def holding(self, card: VirtualCard, name: str = "") -> Iterator[None]:
        """``card`` in the slot for the length of a ``with`` block."""
        self.insert(card, name)
        try:
            yield
        except BaseException:
            self.close()
            raise
        self.remove()

    def close(self) -> None:
        """Pull a card that is there, without waiting for the driver, and forget it."""
        if self._stay is not None:
            stay = self._stay
            stay.drop(_LAST_ANSWER)
            self._stay, self._free_at = None, stay.free_at
            if stay.failure is None:
                stay.tell("removed")

    def __enter__(self) -> VpcdSlot:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def card(self) -> VirtualCard | None:
        """The card that was put in; its own thread uses it."""
        return self._stay.card if self._stay else None

    @property
    def state(self) -> SlotState:
        """Where the card is."""
        return self._stay.state if self._stay else "empty"

    @property
    def failure(self) -> Exception | None:
        """What broke the card's service, if something did."""
        return self._stay.failure if self._stay else None

    @property
    def powered(self) -> bool:
        """Whether the reader powers the card."""
        return self._stay is not None and self._stay.side.powered

    @property
    def exchanges(self) -> int:
        """Commands answered since the card was powered up last."""
        return self._stay.side.exchanges if self._stay else 0

    @property
    def resting(self) -> float | None:
        """Seconds since a card that answered a command was powered down; None for any other."""
        since = self._stay.resting_since if self._stay else None
        return None if since is None else time.monotonic() - since

    def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until ``condition()``, which looks at this slot; False when the time is up.

        Raises what broke the card's service, if something did.
        """
        end = time.monotonic() + timeout
        while not condition():
            stay = self._stay
            if stay is not None and stay.failure is not None:
                raise stay.failure
            if (left := end - time.monotonic()) <= 0:
                return False
            # Single exchanges wake nobody, so that they cost nothing.
            (stay.pause if stay else time.sleep)(min(left, _POLL))
        return True
