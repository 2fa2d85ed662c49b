"""Readers and their cards, and what happens to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from sscard_ic.reader.errors import AccessDenied, NoService, ReaderError
from sscard_ic.reader.pcsc.binding import (
    E_UNKNOWN_READER,
    NOTIFICATION,
    UNAWARE,
    Context,
    Look,
    Scard,
    ScardError,
    load_scard,
)
from sscard_ic.reader.pcsc.failures import failure
from sscard_ic.reader.pcsc.watch import Watch

CardState = Literal["absent", "present", "mute"]
EventKind = Literal[
    "service stopped",
    "service started",
    "reader added",
    "reader removed",
    "card inserted",
    "card removed",
]

_SLICE = 0.4
"""Seconds after which a wait looks around: for readers, and whether it is to end."""

_BREATH = 0.01
"""Seconds between two looks around where a wait comes back at once, and nothing has happened."""

_SERVICE_AWAY = 0.2
"""Seconds after which a service that stopped, or refused to wait, is asked again."""


@dataclass(frozen=True, slots=True)
class ReaderState:
    """A reader; ``index`` counts from 0 in the order of the service."""

    name: str
    index: int
    card: CardState
    in_use: bool
    """Whether a program is connected to the card."""
    exclusive: bool
    """Whether it has the reader for itself."""
    atr: bytes
    """Of the card; empty without one, and when it is mute."""


@dataclass(frozen=True, slots=True)
class ReaderEvent:
    """Something happened; ``reader`` and ``atr`` are empty where there is none."""

    kind: EventKind
    reader: str = ""
    atr: bytes = b""


class ReaderMonitor:
    """Watches all readers; for one thread, as a context manager.

    What is there when it starts is told by :meth:`readers`; a first :meth:`wait` without it tells
    it as events. When the service stops, its readers are forgotten with it, and told again when
    it is back.
    """

    def __init__(self, *, scard: Scard | None = None) -> None:
        self._scard = scard or load_scard()
        self._watch = Watch(self._scard)
        self._known: dict[str, Look] = {}
        self._running = True
        self._admitted = False
        self._notified = True

    def readers(self) -> tuple[ReaderState, ...]:
        """The readers as they are now; later events are counted from here.

        Raises :class:`NoService`, :class:`AccessDenied` and other :class:`ReaderError`.
        """
        try:
            self._known = self._watch.ask(_look_around)
        except ScardError as error:
            raise failure(error.code, "", self._scard.SCardGetErrorMessage(error.code)) from None
        self._running = self._admitted = True
        return tuple(
            _reader_state(name, index, look)
            for index, (name, look) in enumerate(self._known.items())
        )

    def wait(self, timeout: float) -> tuple[ReaderEvent, ...]:
        """What happened since the last time; waits up to ``timeout`` seconds for something.

        A service that stops is an event. Raises :class:`AccessDenied` and the like.
        """
        deadline = time.monotonic() + timeout
        paused = _BREATH
        while True:
            events = self._news()
            left = deadline - time.monotonic()
            if events or left <= 0:
                return tuple(events)
            if paused < _BREATH:
                time.sleep(_BREATH)
            begun = time.monotonic()
            self._pause(min(left, _SLICE))
            paused = time.monotonic() - begun

    def events(self, stop: Callable[[], bool]) -> Iterator[ReaderEvent]:
        """What happens, until ``stop()``, which is asked at least every half second."""
        while not stop():
            yield from self.wait(_SLICE)

    def close(self) -> None:
        """End the conversation with the service."""
        self._watch.drop()

    def __enter__(self) -> ReaderMonitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _news(self) -> list[ReaderEvent]:
        try:
            seen = self._watch.ask(_look_around)
        except ScardError as error:
            reason = failure(error.code, "", self._scard.SCardGetErrorMessage(error.code))
            if not self._is_stopping(reason):
                raise reason from None
            stopped, self._running = self._running, False
            self._known = {}
            return [ReaderEvent("service stopped")] if stopped else []
        events = [] if self._running else [ReaderEvent("service started")]
        events += _differences(self._known, seen)
        self._known, self._running, self._admitted = seen, True, True
        return events

    def _is_stopping(self, reason: ReaderError) -> bool:
        """Whether the service is going, or gone.

        On its way down it may refuse, once, a program that it has admitted before.
        """
        refused = isinstance(reason, AccessDenied) and self._admitted and self._running
        return refused or isinstance(reason, NoService)

    def _pause(self, seconds: float) -> None:
        """Wait until a reader's state changes, readers come or go, or ``seconds`` are over."""
        if not self._running:
            time.sleep(min(seconds, _SERVICE_AWAY))
            return
        states = {name: look.state for name, look in self._known.items()}
        if self._notified:
            states[NOTIFICATION] = UNAWARE
        try:
            if states:
                self._watch.ask(lambda context: context.look(states, seconds), seconds)
                return
        except ScardError as error:
            # macOS knows no notification; without it readers are looked for in every slice.
            self._notified = self._notified and error.code != E_UNKNOWN_READER
        time.sleep(min(seconds, _SERVICE_AWAY))


def _look_around(context: Context, again: bool = True) -> dict[str, Look]:
    """Every reader, in the order of the service."""
    names = context.readers()
    try:
        rows = context.look(dict.fromkeys(names, UNAWARE)) if names else None
    except ScardError as error:
        if again and error.code == E_UNKNOWN_READER:  # one was unplugged between the two calls
            return _look_around(context, again=False)
        raise
    return {name: look for name, look in (rows or {}).items() if look.there}


def _reader_state(name: str, index: int, look: Look) -> ReaderState:
    card: CardState = "absent" if not look.card else "mute" if look.mute else "present"
    atr = look.atr if card == "present" else b""
    return ReaderState(name, index, card, look.in_use, look.exclusive, atr)


def _differences(before: dict[str, Look], after: dict[str, Look]) -> list[ReaderEvent]:
    events = []
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        had = old if old is not None and old.card else None
        has = new if new is not None and new.card else None
        same = had is not None and has is not None and had.count == has.count
        if old is None:
            events.append(ReaderEvent("reader added", name))
        if had is not None and not same:
            events.append(ReaderEvent("card removed", name))
        if has is not None and not same:
            events.append(ReaderEvent("card inserted", name, b"" if has.mute else has.atr))
        if new is None:
            events.append(ReaderEvent("reader removed", name))
    return events
