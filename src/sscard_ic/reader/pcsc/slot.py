"""A PC/SC reader through which many cards pass by a person's hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sscard_ic.base.errors import Text
from sscard_ic.reader.connection import always
from sscard_ic.reader.errors import NoReader, NoService, ReaderBusy
from sscard_ic.reader.pcsc.binding import Scard, ScardError, load_scard
from sscard_ic.reader.pcsc.connection import (
    PATIENCE,
    Access,
    PcscConnection,
    ProtocolChoice,
    open_pcsc,
)
from sscard_ic.reader.pcsc.failures import failure
from sscard_ic.reader.pcsc.watch import Watch

_SLICE = 0.4
"""Seconds after which a wait asks whether it is to go on."""

_AWAY = 0.2
"""Seconds after which a service or a reader that is away is looked for again."""

_SETTLING = 2.0
"""Seconds that a service which is back may need until it has seen the cards in its readers."""

_BUSY_PAUSE = 1.0
"""Seconds after which a card that another program kept is offered again."""

_REMINDER = 2.0
"""Seconds without a new card after which a person is asked for one."""

Place = Literal["no service", "no reader", "empty", "handled", "busy", "card"]

_Card = tuple[int, int]
"""How often service or reader were away before it; the count of the service when it was there."""


@dataclass(frozen=True, slots=True)
class _Sight:
    place: Place
    state: int = 0
    card: _Card | None = None


def _nobody(text: Text) -> None:
    pass


class PcscSlot:
    """One reader as a slot; for one thread.

    A card is offered once: it must be taken out before the slot offers one again. Whoever went
    away with the service or the reader, was kept by another program, or is another one, counts as
    not yet offered. ``tell`` gets words for the person at the reader.
    """

    def __init__(
        self,
        reader_name: str,
        *,
        access: Access = "exclusive",
        protocol: ProtocolChoice = "any",
        patience: float = PATIENCE,
        tell: Callable[[Text], None] = _nobody,
        scard: Scard | None = None,
    ) -> None:
        self._name = reader_name
        self._access: Access = access
        self._protocol: ProtocolChoice = protocol
        self._patience = patience
        self._tell = tell
        self._scard = scard or load_scard()
        self._watch = Watch(self._scard)
        self._connection: PcscConnection | None = None
        self._outages = 0
        self._away = False
        self._settled = 0.0
        self._offered: _Card | None = None
        self._handled: _Card | None = None
        self._busy_until = 0.0

    @property
    def name(self) -> str:
        """The reader's name."""
        return self._name

    def wait_card(self, blank_wanted: bool = True, still: Callable[[], bool] = always) -> bool:
        """Wait for a card that was not offered yet; False when nobody waits any more.

        Service and reader may be away meanwhile. Where no blank is wanted, a card counts that is
        there now, or is seen again soon after an outage, and the person is told nothing. Raises
        :class:`ReaderError` for what no waiting mends.
        """
        begun = time.monotonic()
        told: set[Place] = set()
        while True:
            sight = self._look()
            if sight.place == "card":
                self._offered = sight.card
                return True
            now = time.monotonic()
            if not blank_wanted and now >= min(self._settled, begun + self._patience):
                return False
            if not still():
                return False
            due = sight.place not in _LATER or now >= begun + _REMINDER
            if blank_wanted and due and sight.place not in told:
                told.add(sight.place)
                self._say(_WAITING.get(sight.place))
            self._pause(sight)

    def connect(self) -> PcscConnection:
        """Power the card that is there. Raises :class:`ReaderError`."""
        try:
            self._connection = open_pcsc(
                self._name,
                access=self._access,
                protocol=self._protocol,
                patience=self._patience,
                scard=self._scard,
            )
        except ReaderBusy:
            self._offered = None
            self._busy_until = time.monotonic() + _BUSY_PAUSE
            raise
        # It may be another one than was offered: what is connected now is what is handled.
        self._offered = self._look().card
        return self._connection

    def release(self, good: bool | None) -> None:
        """Let the card go and tell the person where to put it; None: it stays where it is."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        # After a loss nobody knows whether the card that is there now is the same.
        self._handled = None if connection is not None and connection.lost else self._offered
        self._offered = None
        if good is not None:
            self._say(_GOOD if good else _REJECTED)

    def close(self) -> None:
        """Let go of the reader."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._watch.drop()

    def _look(self) -> _Sight:
        try:
            look = self._watch.ask(lambda context: context.look_at(self._name))
        except ScardError as error:
            return self._gone(error)
        if not look.there:
            return self._miss("no reader")
        self._away = False
        card = (self._outages, look.count)
        if not look.card:
            return _Sight("empty", look.state)
        if card == self._handled:
            return _Sight("handled", look.state, card)
        busy = time.monotonic() < self._busy_until
        return _Sight("busy" if busy else "card", look.state, card)

    def _gone(self, error: ScardError) -> _Sight:
        reason = failure(error.code, self._name, self._scard.SCardGetErrorMessage(error.code))
        if isinstance(reason, NoReader):
            return self._miss("no reader")
        if isinstance(reason, NoService):
            return self._miss("no service")
        raise reason from None

    def _miss(self, place: Place) -> _Sight:
        """Service or reader are away; when they are back, every card has lost its power."""
        self._outages += not self._away
        self._away = True
        self._settled = time.monotonic() + _SETTLING
        return _Sight(place)

    def _pause(self, sight: _Sight) -> None:
        """Wait for a change, or until it is time to look again."""
        if self._away:
            time.sleep(_AWAY)
            return
        try:
            known = {self._name: sight.state}
            self._watch.ask(lambda context: context.look(known, _SLICE), _SLICE)
        except ScardError:
            time.sleep(_AWAY)  # the next look tells what it is

    def _say(self, text: Text | None) -> None:
        if text is not None:
            self._tell(Text(f"{self._name}：{text.zh}", f"{self._name}: {text.en}"))


_WAITING: dict[Place, Text] = {
    "no service": Text(
        "PC/SC 服务没有运行，等待其恢复（sudo systemctl start pcscd）",
        "the PC/SC service does not run; waiting for it (sudo systemctl start pcscd)",
    ),
    "no reader": Text(
        "读写器已拔下，请重新插上", "the reader was unplugged; please plug it in again"
    ),
    "empty": Text("请插入下一张卡", "please insert the next card"),
    "handled": Text(
        "请取出卡；然后插入下一张，或擦净触点后重新插入此卡",
        "please take the card out; then insert the next one, or wipe the contacts of this one and "
        "insert it again",
    ),
}
_LATER = ("empty", "handled")
"""What a person at the reader sees; only who does nothing about it is told."""

_GOOD = Text("卡已制好，请取出，放入合格卡盒", "the card is good: take it out, to the good ones")
_REJECTED = Text("坏卡，请取出，放入废卡盒", "the card is bad: take it out, to the rejected ones")
