"""One station: takes cards from a slot, personalizes and verifies them, and journals every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

from sscard_ic.base.errors import CardError, SscardError, Text
from sscard_ic.card import Blank, HabitBook, Refused, SocialSecurityCard, chip_serial
from sscard_ic.card.blank import BlankKeys
from sscard_ic.issuance.job import CardJob
from sscard_ic.issuance.prepare import CardResult
from sscard_ic.ledger import Card, CardState, Ledger, Phase, Reason, Step
from sscard_ic.profile import CardProfile, load
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

    def sort_finished(self, outcome: Outcome) -> None:
        """Let go of cards that were finished when an earlier run was cut off; leave all others."""
        while self._slot.wait_card(blank_wanted=False):
            verdict: bool | None = None
            try:
                session = open_session(self._slot.connect(), tally=self._tally)
                verdict = self._is_finished(session)
            except CardError as error:
                outcome.rejected.append(error)
                verdict = False
            finally:
                self._slot.release(verdict)

    def _is_finished(self, session: Connection) -> bool | None:
        serial = chip_serial(session.atr)
        card = self._ledger.card_by_chip(serial)
        if card is None or card.state.rank < CardState.VERIFIED.rank:
            return None
        if card.state is CardState.FAILED or card.chip_serial is None:
            return None
        self._check_finished(session, card, serial.hex().upper())
        return True

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
            card, claimed = self._row_of(session, batch)
        except CardError as error:
            outcome.rejected.append(error)
            # A refused transport code costs the card a try: a wrong key must not spend a stack.
            outcome.bad_in_a_row += isinstance(error, Refused)
            return False
        if card is None:
            return None
        if card.state.rank < CardState.VERIFIED.rank:
            return self._make(session, card, claimed, outcome)
        return True

    def _make(self, session: Connection, card: Card, claimed: bool, outcome: Outcome) -> bool:
        """Take the card of a row on to the end; False when it is bad."""
        job = CardJob(self._ledger, self._profile, self._keys, self._slot.name, self._habits)
        known_by_factory = chip_serial(session.atr) == card.chip_serial
        try:
            job.run(session, card, claimed)
        except CardError as error:
            outcome.bad_in_a_row += 1
            if known_by_factory:
                self._give_up(card, job.step, error)
                outcome.failures.append((card.row, error))
            else:
                # It bears the number of the row, but need not be the card that was begun for it.
                outcome.rejected.append(error)
            return False
        outcome.good += 1
        outcome.bad_in_a_row = 0
        self._on_card(card)
        return True

    def _row_of(self, session: Connection, batch: str) -> tuple[Card | None, bool]:
        """The row this card is for, and whether it was claimed just now for a fresh blank.

        None for a card that is not for this run: a blank too many, or one in work elsewhere.
        """
        serial = chip_serial(session.atr)
        where = serial.hex().upper()
        card = self._ledger.card_by_chip(serial)
        if card is None:
            try:
                Blank(session, self._profile, self._keys, serial).check_fresh()
            except CardError as error:
                error.where = where
                raise
            return self._ledger.claim_next(batch, self._slot.name, serial), True
        finished = card.state.rank >= CardState.PERSONALIZED.rank
        if card.chip_serial is None or (serial != card.chip_serial and not finished):
            # The ATR of a row comes into a card at its finish: this one was made elsewhere.
            raise CardError(_MADE_ELSEWHERE, where=where, hint=_BLANK_WANTED)
        if card.state is CardState.FAILED:
            raise CardError(
                Text(
                    f"此卡属于批次 {card.batch} 第 {card.row} 行，已判为坏卡",
                    f"this card of batch {card.batch}, row {card.row}, has been given up",
                ),
                where=where,
                hint=_BLANK_WANTED,
            )
        if card.state.rank >= CardState.VERIFIED.rank:
            self._check_finished(session, card, where)
            return card, False
        return (card if card.batch == batch else None), False

    def _check_finished(self, session: Connection, card: Card, where: str) -> None:
        """Refuse a card that is in use, or has the number of a good one but not its data."""
        if card.state is CardState.ACTIVATED:
            raise CardError(
                Text(
                    f"此卡（批次 {card.batch} 第 {card.row} 行）已启用",
                    f"this card of batch {card.batch}, row {card.row}, is activated already",
                ),
                where=where,
                hint=_BLANK_WANTED,
            )
        stored = self._ledger.result(card.id)
        assert stored is not None, "a verified card has been read back"
        known = CardResult.from_json(stored).values
        profile = load(self._ledger.batch(card.batch).profile)
        read = SocialSecurityCard(session, profile, self._keys).read_basic().values
        if any(known[path] != value for path, value in read.items()):
            raise CardError(_MADE_ELSEWHERE, where=where, hint=_BLANK_WANTED)

    def _give_up(self, card: Card, step: Step, error: CardError) -> None:
        """The blank is bad; the row waits for another one, or fails after several."""
        attempts = sum(e.phase is Phase.FAILED for e in self._ledger.journal_of(card.id))
        if attempts + 1 < MAX_BLANKS:
            self._ledger.spoil(card.id, station=self._slot.name, step=step, note=error.what.en)
        else:
            reason = Reason("", "card failed", error.what)
            self._ledger.fail(card.id, reason, station=self._slot.name, step=step)
