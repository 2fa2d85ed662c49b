"""One station: takes cards from a slot, personalizes and verifies them, and journals every step."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TextIO

from sscard_ic.base.errors import CardError, SscardError, Text
from sscard_ic.card import Blank, BlankKeys, HabitBook, Refused, SocialSecurityCard, chip_serial
from sscard_ic.hosts.certificate_authority import CertificateAuthority
from sscard_ic.issuance.bank.steps import bank_steps
from sscard_ic.issuance.certificate_steps import PersonRefused, certificate_steps
from sscard_ic.issuance.foreman import Foreman, Halted, Obedient, Visit
from sscard_ic.issuance.job import CardJob
from sscard_ic.issuance.outcome import Interruption, StationOutcome
from sscard_ic.issuance.prepare import CardResult
from sscard_ic.ledger import Card, CardState, Ledger, Phase, Reason, Step
from sscard_ic.profile import CardProfile, load
from sscard_ic.reader import Connection, Slot, Tally, open_session
from sscard_ic.reader.errors import NoCard, NoReader, NoService, ReaderBusy, ReaderError

MAX_BLANKS = 3
"""Blanks that one row may spoil before it is given up."""

RETRY_PAUSE = 1.0
"""Seconds before a reader that cannot be waited at, or had no card after all, is asked again."""

_MADE_ELSEWHERE = Text("此卡已由另一台账制成", "this card has been made with another ledger")
_BLANK_WANTED = Text("换一张空白卡", "insert a blank card")


class Station:
    """Works through the prepared cards of one batch; one thread, one slot.

    Whatever happens to program, card or power, running it again continues: the ledger knows what
    was begun, the card is asked what it holds. Stations of one run share ledger, keys,
    ``authority`` and ``habits``; ``tally``, ``trace`` and slot are each station's own. Raises
    :class:`InputError` for cards that bear certificates where there is no authority to ask.
    """

    def __init__(
        self,
        slot: Slot,
        ledger: Ledger,
        profile: CardProfile,
        keys: BlankKeys,
        *,
        authority: CertificateAuthority | None = None,
        habits: HabitBook | None = None,
        tally: Tally | None = None,
        trace: TextIO | None = None,
        on_card: Callable[[Card], None] = lambda card: None,
    ) -> None:
        self._slot = slot
        self._ledger = ledger
        self._profile = profile
        self._keys = keys
        self._certificates = certificate_steps(ledger, profile, authority)
        self._bank = bank_steps(profile, keys)
        self._habits = habits or HabitBook()
        self._tally = tally
        self._trace = trace
        self._on_card = on_card
        self.outcome = StationOutcome(slot.name)
        """What it has done so far, in all its rounds; also told when an error ends the run."""
        self.idle = threading.Event()
        """Set while no thread works at it; only then its slot may be closed."""
        self.idle.set()
        self._offered = False
        """Whether the slot has offered a card that has not been looked at yet."""
        self._kept: str | None = None
        """The place of the card that another program kept at the last attempt."""

    @property
    def name(self) -> str:
        """The name of its slot."""
        return self._slot.name

    def run(self, batch: str, foreman: Foreman | None = None) -> StationOutcome:
        """Make cards until no row waits, no card comes, or the station can take no more.

        A card that is taken out or does not answer any more is left, and the station goes on.
        ``foreman`` is shared with the other stations of the run.
        """
        foreman = foreman or Foreman(self._ledger, batch)
        while not self.outcome.over and foreman.ready():
            try:
                self._offered = self._offered or self._slot.wait_card(still=foreman.wanted)
            except ReaderError as error:
                self._interrupted(None, error, foreman)
                foreman.pause(RETRY_PAUSE)
                continue
            visit = foreman.reserve() if self._offered else None
            if visit is None:
                break
            self._serve(batch, visit, foreman)
            if visit.vain:
                foreman.pause(RETRY_PAUSE)
        return self.outcome

    def sort_finished(self, foreman: Foreman) -> None:
        """Let go of cards that were finished when an earlier run was cut off; leave all others."""
        while not self.outcome.broken_off and self._lies_there(foreman):
            verdict: bool | None = None
            try:
                session = self._open(foreman)
                if session is None:
                    return
                verdict = self._is_finished(session)
            except CardError as error:
                self.outcome.rejected.append(error)
                verdict = False
            except ReaderError as error:
                self._interrupted(None, error, foreman)
            except Halted:
                return
            finally:
                self._release(verdict, foreman)

    def _lies_there(self, foreman: Foreman) -> bool:
        """Whether the slot has one more card, without waiting."""
        try:
            self._offered = self._offered or self._slot.wait_card(blank_wanted=False)
        except ReaderError as error:
            self._interrupted(None, error, foreman)
        return self._offered

    def _serve(self, batch: str, visit: Visit, foreman: Foreman) -> None:
        # Whatever goes wrong outside the card leaves it where it is, for the next run.
        verdict: bool | None = None
        try:
            verdict = self._take(batch, visit, foreman)
        except ReaderError as error:
            self._interrupted(visit.row, error, foreman)
        except Halted:
            return
        finally:
            try:
                self._release(verdict, foreman)
            finally:
                foreman.settle(visit)

    def _open(self, foreman: Foreman) -> Connection | None:
        """The card that is there, powered; None when it is gone, or another program keeps it.

        Neither is an interruption. The slot waits for what is gone, and says so; of another
        program the person is told once while it keeps the card.
        """
        kept, self._kept = self._kept, None
        try:
            connection = self._slot.connect()
        except (NoCard, NoReader, NoService):
            return None
        except ReaderBusy as error:
            self._kept = error.where
            if error.where != kept:
                foreman.tell(Interruption(self.name, None, error).text)
            return None
        session = open_session(connection, tally=self._tally, trace=self._trace, reader=self.name)
        return Obedient(session, foreman)

    def _release(self, verdict: bool | None, foreman: Foreman) -> None:
        self._offered = False
        try:
            self._slot.release(verdict)
        except ReaderError as error:
            self._interrupted(None, error, foreman)

    def _interrupted(self, row: int | None, error: ReaderError, foreman: Foreman) -> None:
        interruption = Interruption(self.name, row, error)
        self.outcome.interruptions.append(interruption)
        self.outcome.interrupted_in_a_row += 1
        foreman.tell(interruption.text)

    def _is_finished(self, session: Connection) -> bool | None:
        serial = chip_serial(session.atr)
        card = self._ledger.card_by_chip(serial)
        if card is None or card.state is not CardState.VERIFIED or card.chip_serial is None:
            return None
        self._check_finished(session, card, serial.hex().upper())
        return True

    def _take(self, batch: str, visit: Visit, foreman: Foreman) -> bool | None:
        """One card; True when it is good, False when it is rejected, None to leave it there."""
        try:
            session = self._open(foreman)
            if session is None:
                visit.vain = True
                return None
            with foreman.alone(self._factory_serial(session)):
                card, claimed = self._row_of(session, batch)
                foreman.decided(visit)
                if card is None or card.state.rank >= CardState.VERIFIED.rank:
                    return None if card is None else True
                visit.row = card.row
                return self._make(session, card, claimed, visit)
        except CardError as error:
            self.outcome.rejected.append(error)
            # A refused transport code costs the card a try: a wrong key must not spend a stack.
            self.outcome.bad_in_a_row += isinstance(error, Refused)
            return False

    def _factory_serial(self, session: Connection) -> bytes:
        """The number by which the chip is known through all its steps."""
        serial = chip_serial(session.atr)
        card = self._ledger.card_by_chip(serial)
        return serial if card is None or card.chip_serial is None else card.chip_serial

    def _make(self, session: Connection, card: Card, claimed: bool, visit: Visit) -> bool:
        """Take the card of a row on to the end; False when it is bad."""
        job = CardJob(
            self._ledger,
            self._profile,
            self._keys,
            self._slot.name,
            self._habits,
            self._certificates,
            self._bank,
        )
        known_by_factory = chip_serial(session.atr) == card.chip_serial
        try:
            job.run(session, card, claimed)
        except CardError as error:
            self.outcome.bad_in_a_row += 1
            if known_by_factory:
                visit.bad = True
                self._give_up(card, job.step, error)
                self.outcome.failures.append((card.row, error))
            else:
                # It bears the number of the row, but need not be the card that was begun for it.
                self.outcome.rejected.append(error)
            return False
        except PersonRefused as error:
            self._fail(card, job.step, "refused by the certificate authority", error)
            self.outcome.refusals.append((card.row, error))
            self.outcome.refused_in_a_row += 1
            return False
        visit.good = True
        self.outcome.made_one()
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
            self._fail(card, step, "card failed", error)

    def _fail(self, card: Card, step: Step, reason: str, error: SscardError) -> None:
        given_up = Reason("", reason, error.what)
        self._ledger.fail(card.id, given_up, station=self._slot.name, step=step)
