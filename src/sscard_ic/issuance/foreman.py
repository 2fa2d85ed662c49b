"""What the stations of one run must agree on: who takes another card, and when it is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secretive
from sscard_ic.ledger import CardState, Ledger
from sscard_ic.reader import Connection
from sscard_ic.reader.wrappers import Wrapper

IN_WORK = tuple(state for state in CardState if state.in_work)
"""States of rows whose card has been begun and not ended."""

CARD_RETURN = 60.0
"""Seconds that a run waits for cards in work that are in no reader, when no other row waits."""

_LONGEST_SLEEP = 1.0
"""Seconds after which a sleeping station looks again: other programs change the ledger too."""


class Halted(Exception):
    """The run is to end at once; the card in work is left as it is, for the next run."""


@dataclass(slots=True, eq=False)
class Visit:
    """One card at one station, from the moment it is taken."""

    undecided: bool = True
    """Whether it may still turn out a blank that claims a prepared row."""
    row: int | None = None
    """The row it is in work for."""
    good: bool = False
    bad: bool = False
    vain: bool = False
    """There was no card to be had: it was gone again, or another program kept it."""


class _Call(Enum):
    """What a station that is free may do."""

    BLANK = "a row is prepared for which no station has a card"
    RETURN = "rows wait for their own cards, which are in no reader"
    OTHERS = "it depends on the cards at other stations"
    END = "nothing in this round"


class Foreman:
    """Shared by the stations of one run; every method may be called from any thread.

    ``limit`` is the number of good cards after which the run ends, ``wait`` the seconds without
    any card after which it ends. ``tell`` gets words for the person, from any thread.
    """

    def __init__(
        self,
        ledger: Ledger,
        batch: str,
        *,
        limit: int | None = None,
        wait: float | None = None,
        tell: Callable[[Text], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._batch = batch
        self._limit = limit
        self._wait = wait
        self.tell = tell
        self._clock = clock
        self._changed = threading.Condition()
        self._visits: set[Visit] = set()
        self._chips: set[bytes] = set()
        self._good = 0
        self._bad = 0
        self._last = clock()
        self._announced = False
        self._stopping = False
        self._halted = False

    def begin_round(self) -> None:
        """Rows have been prepared; what was bad before is no longer waited for."""
        with self._changed:
            self._bad = 0
            self._last = self._clock()
            self._announced = False

    @property
    def over(self) -> bool:
        """Whether no further round is wanted."""
        return self._stopping or self._good == self._limit

    # Asked by stations

    def ready(self) -> bool:
        """Whether to look for a card, asked before; sleeps while only other stations have work."""
        with self._changed:
            return self._decide() is not _Call.END

    def wanted(self) -> bool:
        """Whether a card is still waited for; the ``still`` of a slot."""
        with self._changed:
            call = self._call()
            if call is _Call.END or self._waited_out(call):
                return False
            announce = call is _Call.RETURN and not self._announced
            self._announced = self._announced or announce
        if announce:
            self._announce()
        return True

    def reserve(self) -> Visit | None:
        """Take the card that is there; None when it is not needed in this round.

        Sleeps while that depends on the cards at other stations.
        """
        with self._changed:
            if self._decide() is _Call.END:
                return None
            visit = Visit()
            self._visits.add(visit)
            return visit

    def decided(self, visit: Visit) -> None:
        """The card has claimed its row, or will not."""
        with self._changed:
            visit.undecided = False
            self._changed.notify_all()

    def settle(self, visit: Visit) -> None:
        """The card has left the station, good, bad or as it came."""
        with self._changed:
            self._visits.remove(visit)
            self._good += visit.good
            self._bad += visit.bad
            if not visit.vain:
                self._last = self._clock()
            self._changed.notify_all()

    @contextmanager
    def alone(self, chip: bytes) -> Iterator[None]:
        """No other station works on the chip with this factory serial meanwhile.

        Two may have it: a copied image, or a card put into another reader before the first one
        has noticed.
        """
        with self._changed:
            while chip in self._chips:
                self.check()
                self._changed.wait(_LONGEST_SLEEP)
            self._chips.add(chip)
        try:
            yield
        finally:
            with self._changed:
                self._chips.remove(chip)
                self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Sleep, but not longer than the run lasts."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, seconds)

    # The end

    def stop(self) -> None:
        """Stations end after their present card."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def halt(self) -> None:
        """Stations end before their next exchange."""
        self._halted = True
        self.stop()

    def check(self) -> None:
        """Raise :class:`Halted` when the run is to end at once."""
        if self._halted:
            raise Halted

    # Inside, with the lock held

    def _decide(self) -> _Call:
        while (call := self._call()) is _Call.OTHERS:
            self._changed.wait(_LONGEST_SLEEP)
        return call

    def _call(self) -> _Call:
        if self._stopping or self._good == self._limit:
            return _Call.END
        if self._limit is not None and self._good + len(self._visits) >= self._limit:
            return _Call.OTHERS
        # Every card that is still undecided may claim one of the prepared rows.
        taken = sum(visit.undecided for visit in self._visits)
        if self._ledger.count(self._batch, (CardState.PREPARED,), taken + 1) > taken:
            return _Call.BLANK
        if self._visits:
            return _Call.OTHERS
        # Rows of bad blanks are prepared anew between the rounds; blanks must be left for them.
        if not self._bad and self._ledger.count(self._batch, IN_WORK, 1):
            return _Call.RETURN
        return _Call.END

    def _waited_out(self, call: _Call) -> bool:
        """Whether nobody has brought a card for too long; the run is then over."""
        patience = self._wait
        if patience is None and call is _Call.RETURN:
            patience = CARD_RETURN
        if self._visits or patience is None or self._clock() - self._last < patience:
            return False
        self._stopping = True
        self._changed.notify_all()
        return True

    def _announce(self) -> None:
        rows = [str(card.row) for card in self._ledger.cards_of(self._batch, IN_WORK)]
        if rows:
            seconds = round(CARD_RETURN if self._wait is None else self._wait)
            self.tell(
                Text(
                    f"等待在制的卡（第 {'、'.join(rows)} 行），最多 {seconds} 秒：请重新放入",
                    f"waiting up to {seconds} s for cards in work, of row {', '.join(rows)}: "
                    "put them in again",
                )
            )


class Obedient(Wrapper):
    """A connection that ends between two exchanges when the run is to end at once."""

    def __init__(self, inner: Connection, foreman: Foreman) -> None:
        super().__init__(inner)
        self._foreman = foreman

    def transmit(self, command: Secretive) -> bytes:
        """One exchange; raises :class:`Halted` instead."""
        self._foreman.check()
        return self.inner.transmit(command)

    def reset(self, cold: bool) -> bytes:
        """Reset the card; raises :class:`Halted` instead."""
        self._foreman.check()
        return self.inner.reset(cold)
