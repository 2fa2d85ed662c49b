"""One stay of a virtual card in a slot: a thread that answers the driver until told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sscard_ic.simulator.card import CardLost, Loss, VirtualCard
from sscard_ic.simulator.vpcd_link import (
    CardNotRead,
    Link,
    LinkClosed,
    LinkSilent,
    NoVpcdReader,
)
from sscard_ic.simulator.vpcd_protocol import LOOK, POWER_OFF, WAKING, CardSide

SlotState = Literal["empty", "joining", "present", "card lost", "driver lost", "broken"]
"""No card; on its way in; in the reader; lost by a :class:`CardLost`; without a driver, because
the PC/SC service stopped; given up because the card failed."""

EventKind = Literal["inserted", "powered", "removed", "lost", "returned", "error"]


@dataclass(frozen=True, slots=True)
class VpcdTimes:
    """Seconds; the defaults suit a service that asks for the card every 0.4 s (ref 09 §1.4)."""

    patience: float = 3.0
    """For the connection, for the first frame, and for the driver's goodbye."""
    silence: float = 5.0
    """Without a frame before the connection is given up. A client's command of one byte 00, 01 or
    02 is taken for a control message: the client waits for ever unless the card goes away."""
    empty: float = 0.45
    """That a slot stays without a card: the service asks every 0.4 s, and a card that has come
    back by then was never away."""
    back: float | None = 1.0
    """After which a lost card comes back by itself; None: it stays out."""
    retry: float = 0.25
    """Between two attempts to reach a service that stopped."""


@dataclass(frozen=True, slots=True)
class SlotEvent:
    """Something happened to the card of a slot; ``kind`` says which of the others is set.

    ``powered`` (``on``); ``removed``: taken out, or lost by a fault (``loss``); ``lost``: the
    driver went away; ``returned`` after either; ``error``: given up.
    """

    kind: EventKind
    port: int
    card: str
    on: bool | None = None
    loss: Loss | None = None
    error: Exception | None = None


class Stay:
    """A card in a slot, from the first connection until it is taken out."""

    def __init__(
        self,
        card: VirtualCard,
        host: str,
        port: int,
        times: VpcdTimes,
        tell: Callable[..., None],
        *,
        free_at: float,
        insist: bool,
    ) -> None:
        self.card = card
        self.tell = tell
        self.state: SlotState = "joining"
        self.failure: Exception | None = None
        self.free_at = free_at
        """Monotonic time from which the slot has been empty for long enough."""
        self.resting_since: float | None = None
        """Since when a card to which a command was sent has been without power."""
        self.side = CardSide(card)
        self._host, self._port, self._times = host, port, times
        self._insist = insist
        self._changed = threading.Condition()
        self._leaving = threading.Event()
        self._link: Link | None = None
        # A daemon: a card that is slow to answer does not hold up the end of the program.
        self._thread = threading.Thread(target=self._run, name=f"vpcd-{port}", daemon=True)

    def start(self) -> None:
        """Go in; returns when the driver asked for the card.

        Also when it did not, with :attr:`failure`, or waiting for it where it is insisted on.
        """
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self.state != "joining")

    def leave(self) -> None:
        """Come out; returns when the driver let go of the card, and the card is at rest."""
        with self._changed:
            self._leaving.set()
            if self._link is not None:
                # Before the driver asked for it, the connection is not one that it would end.
                (self._link.leave if self.state == "present" else self._link.drop)()
        self._thread.join()

    def drop(self, patience: float) -> None:
        """Come out at once; a card at work longer than ``patience`` is left to itself."""
        with self._changed:
            self._leaving.set()
            if self._link is not None:
                self._link.drop()
        self._thread.join(patience)

    def pause(self, seconds: float) -> None:
        """Wait until something but a single exchange happened, or ``seconds`` are over."""
        with self._changed:
            self._changed.wait(seconds)

    def _run(self) -> None:
        try:
            self._live()
        except Exception as error:
            if self._link is not None:
                self._link.drop()
                self._forget(self._link)
                self.free_at = time.monotonic() + self._times.empty
            self.failure = error
            joined = self.state != "joining"
            self._enter("broken")
            if joined:  # else start() tells
                self.tell("error", error=error)

    def _live(self) -> None:
        """Serve, and come back after every interruption."""
        self._leaving.wait(self.free_at - time.monotonic())
        link, request = self._go_in()
        while link is not None:
            lost = self._serve(link, request)
            if self._leaving.is_set():
                return
            if lost is None:
                self._enter("driver lost", "lost")
                link, request = self._return(self._times.empty)
            else:
                self._enter("card lost", "removed", loss=lost)
                link, request = self._return(self._times.back)

    def _go_in(self) -> tuple[Link | None, bytes]:
        try:
            link, request = self._connect()
        except (NoVpcdReader, CardNotRead):
            if not self._insist:
                raise
            self._enter("driver lost", "lost")
            return self._return(self._times.retry)
        self._enter("present", "inserted")
        return link, request

    def _connect(self) -> tuple[Link, bytes]:
        """A connection on which the driver asked for the card, and what it asked."""
        link = Link(self._host, self._port, self._times.patience)
        with self._changed:
            self._link = link
            if self._leaving.is_set():
                link.drop()
        try:
            request = link.first(self._times.patience)
        except CardNotRead:
            self._forget(link)
            raise
        link.expect_frames_within(self._times.silence)
        return link, request

    def _return(self, delay: float | None) -> tuple[Link | None, bytes]:
        """The next connection, when there is one; None when the card is taken out before."""
        if delay is not None:
            delay = max(delay, self.free_at - time.monotonic())
        while not self._leaving.wait(delay):
            try:
                link, request = self._connect()
            except (NoVpcdReader, CardNotRead):
                if self.state != "driver lost" and not self._leaving.is_set():
                    self._enter("driver lost", "lost")
                delay = self._times.retry
            else:
                self._enter("present", "returned")
                return link, request
        return None, b""

    def _serve(self, link: Link, request: bytes) -> Loss | None:
        """Answer until the connection ends; how the card was lost, if it is the card's doing."""
        side = self.side = CardSide(self.card)
        answer, send, receive = side.answer, link.send, link.receive
        previous, loss = b"", None
        try:
            while True:
                reply = answer(request)
                if reply is None:
                    self._power_changed(side, request[0])
                else:
                    send(reply)
                previous, request = request, b""
                request = receive()
        except CardLost as lost:
            loss = lost.loss
        except (LinkClosed, LinkSilent):
            pass
        side.power_off()
        self.resting_since = None
        if loss is not None or self._leaving.is_set():
            self._see_off(link, previous, request)
        else:
            self.free_at = time.monotonic() + self._times.empty
        self._forget(link)
        return loss

    def _see_off(self, link: Link, previous: bytes, unanswered: bytes) -> None:
        """Let the driver see that the card is away.

        When the last it asked was whether the card is still there, the service knows now. Where
        a client asked for something, and got no answer, it finds out when it looks the next time,
        and the slot has to be empty then.
        """
        link.leave()
        requests = [unanswered] if unanswered else []
        requests += link.see_off(self._times.patience)
        looked = requests == [LOOK] and previous not in WAKING
        self.free_at = time.monotonic() + (0 if looked else self._times.empty)

    def _power_changed(self, side: CardSide, control: int) -> None:
        rests = control == POWER_OFF and side.total > 0
        self.resting_since = time.monotonic() if rests else None
        with self._changed:
            self._changed.notify_all()
        self.tell("powered", on=side.powered)

    def _forget(self, link: Link) -> None:
        with self._changed:
            self._link = None
        link.close()

    def _enter(self, state: SlotState, kind: EventKind | None = None, **facts: object) -> None:
        with self._changed:
            self.state = state
            self._changed.notify_all()
        if kind is not None:
            self.tell(kind, **facts)
