"""One station: takes cards from a slot, personalizes and verifies them, and journals every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

from sscard_ic.base.errors import CardError, SscardError, Text
from sscard_ic.card import Blank, HabitBook, chip_serial
from sscard_ic.card.blank import BlankKeys
from sscard_ic.issuance.job import CardJob
from sscard_ic.ledger import Card, CardState, Ledger, Phase, Reason, Step
from sscard_ic.profile import CardProfile
from sscard_ic.reader import Connection, Slot, Tally, open_session

MAX_BLANKS = 3
"""Blanks that one row may spoil before it is given up."""

MAX_BAD_IN_A_ROW = 2
"""Bad cards one after the other that end a run: the fault is then hardly the card's."""


@dataclass(slots=True)
class Outcome:
    """What a run did."""

    good: int = 0
    failures: list[tuple[int, SscardError]] = field(default_factory=list)
    """Row and error of every card that turned out bad; its row waits for another blank."""
    rejected: list[SscardError] = field(default_factory=list)
    """Cards that are no blanks of this batch: used ones, foreign ones."""
    unprepared: list[tuple[int, SscardError]] = field(default_factory=list)
    """Rows for which no plan could be made."""
    bad_in_a_row: int = 0
    """Bad cards since the last good one."""

    @property
    def clean(self) -> bool:
        """Whether everything that was touched became a good card."""
        return not (self.failures or self.rejected or self.unprepared)

    @property
    def stopped(self) -> bool:
        """Whether the run ended because card after card was bad."""
        return self.bad_in_a_row >= MAX_BAD_IN_A_ROW


_MADE_ELSEWHERE = Text("此卡已由另一台账制成", "this card has been made with another ledger")
_BLANK_WANTED = Text("换一张空白卡", "insert a blank card")


class Station:
    """Works through the prepared cards of one batch; one thread, one slot.

    Whatever happens to program, card or power, running it again continues: the ledger knows what
    was begun, the card is asked what it holds.
    """

    def __init__(
        self,
        slot: Slot,
        ledger: Ledger,
        profile: CardProfile,
        keys: BlankKeys,
        *,
        habits: HabitBook | None = None,
        tally: Tally | None = None,
        trace: TextIO | None = None,
        on_card: Callable[[Card], None] = lambda card: None,
    ) -> None:
        self._slot = slot
        self._ledger = ledger
        self._profile = profile
        self._keys = keys
        self._habits = habits or HabitBook()
        self._tally = tally
        self._trace = trace
        self._on_card = on_card

    def run(
        self, batch: str, *, outcome: Outcome | None = None, limit: int | None = None
    ) -> Outcome:
        """Make cards until no row waits, no card comes, or ``limit`` good ones are counted.

        ``outcome`` is kept up to date, so that it also tells of a run that an error ends.
        """
        outcome = outcome or Outcome()
        while (
            outcome.good != limit
            and not outcome.stopped
            and self._waiting(batch)
            and self._slot.wait_card()
        ):
            # Whatever goes wrong outside the card leaves it where it is, for the next run.
            verdict: bool | None = None
            try:
                verdict = self._take(batch, outcome)
            finally:
                self._slot.release(verdict)
        return outcome

    def _waiting(self, batch: str) -> bool:
        counts = self._ledger.counts(batch)
        return any(
            counts.get(state)
            for state in CardState
            if CardState.PREPARED.rank <= state.rank < CardState.VERIFIED.rank
        )

    def _take(self, batch: str, outcome: Outcome) -> bool | None:
        """One card; True when it is good, False when it is rejected, None to leave it there."""
        try:
            connection = self._slot.connect()
            session = open_session(connection, tally=self._tally, trace=self._trace)
            card = self._row_of(session, batch)
        except CardError as error:
            outcome.rejected.append(error)
            return False
        if card is None:
            return None
        if card.state.rank < CardState.VERIFIED.rank:
            try:
                job = CardJob(
                    self._ledger, self._profile, self._keys, self._slot.name, self._habits
                )
                job.run(session, card)
            except CardError as error:
                self._give_up(card, error)
                outcome.failures.append((card.row, error))
                outcome.bad_in_a_row += 1
                return False
            outcome.good += 1
            outcome.bad_in_a_row = 0
            self._on_card(card)
        return True

    def _row_of(self, session: Connection, batch: str) -> Card | None:
        """The row this card is for: begun earlier, or claimed now for a fresh blank."""
        serial = chip_serial(session.atr)
        where = serial.hex().upper()
        card = self._ledger.card_by_chip(serial)
        if card is None:
            try:
                Blank(session, self._profile, self._keys, serial).check_fresh()
            except CardError as error:
                error.where = where
                raise
            return self._ledger.claim_next(batch, self._slot.name, serial)
        if card.chip_serial is None:
            # A row not begun yet has met no chip: the card with its ATR was made elsewhere.
            raise CardError(_MADE_ELSEWHERE, where=where, hint=_BLANK_WANTED)
        if card.batch != batch or card.state is CardState.FAILED:
            state = card.state.text
            raise CardError(
                Text(
                    f"此卡属于批次 {card.batch} 第 {card.row} 行（{state.zh}）",
                    f"this card belongs to batch {card.batch}, row {card.row} ({state.en})",
                ),
                where=where,
                hint=_BLANK_WANTED,
            )
        return card

    def _give_up(self, card: Card, error: CardError) -> None:
        """The blank is bad; the row waits for another one, or fails after several."""
        attempts = sum(
            entry.step is Step.INITIALISE and entry.phase is Phase.FAILED
            for entry in self._ledger.journal_of(card.id)
        )
        if attempts + 1 < MAX_BLANKS:
            self._ledger.spoil(card.id, self._slot.name, error.what.en)
        else:
            reason = Reason("", "card failed", error.what)
            self._ledger.fail(card.id, reason, station=self._slot.name)
