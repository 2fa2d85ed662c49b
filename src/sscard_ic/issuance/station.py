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

    @property
    def spoilt(self) -> int:
        """Blanks that were used up without a good card."""
        return len(self.failures)

    @property
    def clean(self) -> bool:
        """Whether everything that was touched became a good card."""
        return not (self.failures or self.rejected or self.unprepared)

    def add(self, other: Outcome) -> None:
        """Count another pass."""
        self.good += other.good
        self.failures += other.failures
        self.rejected += other.rejected


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

    def run(self, batch: str, limit: int | None = None) -> Outcome:
        """Make cards until no row waits, no card comes, or ``limit`` good ones are made."""
        outcome = Outcome()
        while outcome.good != limit and self._waiting(batch) and self._slot.wait_card():
            # Whatever goes wrong outside the card leaves it where it is, for the next run.
            verdict: bool | None = None
            try:
                session = open_session(self._slot.connect(), tally=self._tally, trace=self._trace)
                verdict = self._take(session, batch, outcome)
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

    def _take(self, session: Connection, batch: str, outcome: Outcome) -> bool | None:
        """One card; True when it is good, False when it is rejected, None to leave it there."""
        try:
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
                return False
            outcome.good += 1
            self._on_card(card)
        return True

    def _row_of(self, session: Connection, batch: str) -> Card | None:
        """The row this card is for: begun earlier, or claimed now for a fresh blank."""
        serial = chip_serial(session.atr)
        card = self._ledger.card_by_chip(serial)
        if card is None:
            Blank(session, self._profile, self._keys, serial).check_fresh()
            return self._ledger.claim_next(batch, self._slot.name, serial)
        # A row not begun yet has met no chip: the card with its ATR comes from somewhere else.
        mine = card.batch == batch and card.chip_serial is not None
        if not mine or card.state is CardState.FAILED:
            raise CardError(
                Text(
                    f"此卡属于批次 {card.batch} 第 {card.row} 行（{card.state}）",
                    f"this card belongs to batch {card.batch}, row {card.row} ({card.state})",
                ),
                hint=Text("换一张空白卡", "insert a blank card"),
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
            self._ledger.fail(card.id, Reason("", "card failed", error.what))
