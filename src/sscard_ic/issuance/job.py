"""One card from blank to verified, in steps that are each journalled before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sscard_ic.base.errors import CardError, Text
from sscard_ic.card import Blank, BlankKeys, CardIdentity, HabitBook, Habits, SocialSecurityCard
from sscard_ic.issuance.bank.steps import BankSteps
from sscard_ic.issuance.certificate_steps import CertificateSteps
from sscard_ic.issuance.holder import Holder
from sscard_ic.issuance.prepare import PreparedCard
from sscard_ic.issuance.verification import verify
from sscard_ic.ledger import Card, CardState, Ledger, Phase, Step
from sscard_ic.profile import CardProfile
from sscard_ic.reader import Connection

_REACHED: Mapping[Step, CardState] = {
    Step.INITIALISE: CardState.INITIALISED,
    Step.PERSONALIZE: CardState.PERSONALIZED,
    Step.REQUEST: CardState.GRANTED,
    Step.CERTIFY: CardState.CERTIFIED,
    Step.BANK: CardState.BANKED,
    Step.FINISH: CardState.FINISHED,
    Step.VERIFY: CardState.VERIFIED,
}
"""In the order of the work."""

_OF_CERTIFICATES = (Step.REQUEST, Step.CERTIFY)


@dataclass(frozen=True, slots=True)
class _Work:
    """What the steps of one card share."""

    session: Connection
    card: Card
    plan: PreparedCard
    identity: CardIdentity
    blank: Blank
    open: bool
    """Whether the card still takes personalization commands."""
    first: Step
    """The step at which this run goes on; an earlier one may have been broken off within it."""


class CardJob:
    """Takes a started card on from where the ledger says it stands.

    Every step may be repeated: a crash between a step and its journal entry only costs the
    exchanges of that step. Cards without ``certificates`` skip the steps of these, cards whose
    ``bank`` applications are not made here that of those.
    """

    def __init__(
        self,
        ledger: Ledger,
        profile: CardProfile,
        keys: BlankKeys,
        station: str,
        habits: HabitBook,
        certificates: CertificateSteps | None = None,
        bank: BankSteps | None = None,
    ) -> None:
        self._ledger = ledger
        self._profile = profile
        self._keys = keys
        self._station = station
        self._habits = habits
        self._certificates = certificates
        self._bank = bank
        skipped = set[Step]()
        if certificates is None:
            skipped.update(_OF_CERTIFICATES)
        if bank is None or not bank.personalizes:
            skipped.add(Step.BANK)
        self._steps = [step for step in _REACHED if step not in skipped]
        self.step = Step.INITIALISE
        """The step that :meth:`run` is at."""

    def run(self, session: Connection, card: Card, claimed: bool) -> None:
        """All steps still to do; raises :class:`CardError` when the card is bad.

        ``claimed``: the row was claimed just now, which has journalled its first beginning.
        """
        blob = self._ledger.plan(card.id)
        assert blob is not None and card.chip_serial is not None, "a started card has both"
        plan = PreparedCard.from_json(blob)
        identity = CardIdentity(plan.division_code, plan.historical)
        blank = Blank(session, self._profile, self._keys, card.chip_serial)
        left = [step for step in self._steps if card.state.rank < _REACHED[step].rank]
        self.step = left[0]
        still_open = card.state.rank < CardState.FINISHED.rank and blank.unlock(identity)
        work = _Work(session, card, plan, identity, blank, still_open, left[0])
        for step in left:
            self.step = step
            if not (claimed and step is Step.INITIALISE):
                self._ledger.journal(
                    card.id,
                    step,
                    Phase.BEGIN,
                    station=self._station,
                    chip_serial=card.chip_serial,
                )
            note = self._method(step)(work)
            self._ledger.complete(
                card.id,
                step,
                _REACHED[step],
                station=self._station,
                chip_serial=card.chip_serial,
                note=note,
            )

    def _method(self, step: Step) -> Callable[[_Work], str]:
        methods: dict[Step, Callable[[_Work], str]] = {
            Step.INITIALISE: self._initialise,
            Step.PERSONALIZE: self._personalize,
            Step.REQUEST: self._request,
            Step.CERTIFY: self._certify,
            Step.BANK: self._give_bank_applications,
            Step.FINISH: self._finish,
            Step.VERIFY: self._verify,
        }
        return methods[step]

    def _initialise(self, work: _Work) -> str:
        _require(work.open)
        if self._bank is not None and not self._bank.personalizes:
            self._bank.check_blank(work.session, self._fields(work))
            self._back_to_blank(work)
        work.blank.initialise(work.identity, work.plan.pin)
        return ""

    def _personalize(self, work: _Work) -> str:
        _require(work.open)
        self._card(work).update(work.plan.items)
        return ""

    def _request(self, work: _Work) -> str:
        _require(work.open)
        assert self._certificates is not None, "a step of cards with certificates"
        again = work.first is Step.REQUEST
        return self._certificates.request(work.session, work.card, work.plan, again=again)

    def _certify(self, work: _Work) -> str:
        _require(work.open)
        assert self._certificates is not None, "a step of cards with certificates"
        again = work.first is Step.CERTIFY
        note = self._certificates.certify(work.session, work.card, work.plan, again=again)
        self._back_to_blank(work)
        return note

    def _give_bank_applications(self, work: _Work) -> str:
        _require(work.open)
        assert self._bank is not None, "a step of cards with an application of a bank"
        plan = work.plan.bank
        if plan is None:
            raise CardError(
                Text(
                    "制卡计划中没有银行应用的数据：它由旧配置或旧版本准备",
                    "the plan has no data for the bank's application: it was prepared with "
                    "another profile or an earlier version",
                ),
                hint=Text(
                    f"放弃此卡，重新准备：sscard batch run … --lost {work.card.row}",
                    f"give the card up and have it prepared again: sscard batch run … "
                    f"--lost {work.card.row}",
                ),
            )
        note = self._bank.personalize(work.session, plan)
        self._back_to_blank(work)
        return note

    def _back_to_blank(self, work: _Work) -> None:
        """What was proved to the blank is forgotten where another application was selected."""
        work.session.reset(cold=True)
        _require(work.blank.unlock(work.identity))

    def _fields(self, work: _Work) -> Mapping[str, str]:
        return Holder.from_json(self._ledger.holder(work.card.id)).fields

    def _finish(self, work: _Work) -> str:
        # A card that ended itself before the journal could say so is finished already.
        if work.open:
            work.blank.finish(work.identity)
        return ""

    def _verify(self, work: _Work) -> str:
        work.session.reset(cold=True)
        work.blank.check_directories()
        result, unproven = verify(
            work.session, self._profile, self._keys, work.plan, self._habits_of(work)
        )
        if self._certificates is not None:
            self._certificates.prove(work.session, work.card, work.plan)
        if self._bank is not None:
            number, more = self._bank.prove(work.session, work.plan.bank, self._fields(work))
            result = replace(result, bank_card_number=number)
            unproven = [*unproven, *more]
        work.session.reset(cold=True)
        work.blank.check_ended()
        self._ledger.store_result(work.card.id, result.to_json())
        return f"no proof: {', '.join(unproven)}" if unproven else ""

    def _card(self, work: _Work) -> SocialSecurityCard:
        return SocialSecurityCard(
            work.session,
            self._profile,
            self._keys,
            identity=work.identity,
            habits=self._habits_of(work),
        )

    def _habits_of(self, work: _Work) -> Habits:
        return self._habits.of(work.plan.historical)


def _require(still_open: bool) -> None:
    if not still_open:
        raise CardError(
            Text(
                "此卡的个人化已经结束，但台账中尚未写入数据",
                "personalization of this card has ended before its data were written",
            ),
            hint=Text("换一张空白卡", "insert a blank card"),
        )
