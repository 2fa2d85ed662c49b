"""What the card decides at the GPO of a contactless payment, qPBOC (ref 14 §9.4, §9.5)."""

from __future__ import annotations

from dataclasses import dataclass

from sscard_ic.codec.pboc.bits import CardProcessing, Ctq, Cvr, Kind, Ttq
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc.purses import Purse, low_value, processing, purse_of, room
from sscard_ic.simulator.pboc.state import DebitState

_CONDITIONS = 0x6985
_COUNT_MAX = 0xFF


@dataclass(frozen=True, slots=True)
class Decision:
    """Kind of the answer, and what goes with it."""

    kind: Kind
    qualifiers: int = 0
    """CTQ: how the holder is to be verified."""
    results: int = 0
    """CVR."""
    spent: int = 0
    """What the balance loses."""
    accumulated: int = 0
    """What CTTA gains."""
    international: bool = False
    """Whether the counter of other currencies goes up."""


@dataclass(frozen=True, slots=True)
class Payment:
    """What terminal and card say about a payment."""

    state: DebitState
    amount: int
    terminal: Ttq
    options: CardProcessing
    purse: Purse | None
    """None: the card has no cash of this currency."""

    @classmethod
    def of(cls, state: DebitState) -> Payment:
        """The payment that GPO tells."""
        store = state.store
        purse = purse_of(store, state.model.settings, state.told(0x5F2A, 2))
        return cls(state, state.amount, state.qualifiers, processing(store), purse)

    @property
    def new_card(self) -> bool:
        """Whether the card has never been online."""
        return self.state.store.last_online == 0

    @property
    def pin_exhausted(self) -> bool:
        """Whether no PIN try is left and the card looks at it."""
        store = self.state.store
        looks = CardProcessing.PIN_TRIES in self.options
        return looks and store.pin is not None and store.pin_tries == 0

    @property
    def needs_verification(self) -> bool:
        """Whether the holder has to be verified."""
        if Ttq.CVM_REQUIRED in self.terminal:
            return True
        if self.purse is None:
            return CardProcessing.OTHER_CURRENCY_CVM in self.options
        return self.beyond(self.purse.verification)

    @property
    def signature(self) -> bool:
        """Whether card and terminal both know signatures."""
        return Ttq.SIGNATURE in self.terminal and CardProcessing.SIGNATURE in self.options

    @property
    def online_pin(self) -> bool:
        """Whether card and terminal both know an online PIN for this currency."""
        option = CardProcessing.ONLINE_PIN
        if self.purse is None:
            option = CardProcessing.ONLINE_PIN_OTHER_CURRENCY
        return Ttq.ONLINE_PIN in self.terminal and option in self.options

    def beyond(self, tag: int) -> bool:
        """Whether the amount exceeds that of a data object; False where the card has none."""
        limit = self.state.amount_of(tag)
        return limit is not None and self.amount > limit


def decide(state: DebitState) -> Decision:
    """The decision; raises :class:`Refusal` 6985 when the payment ends here."""
    payment = Payment.of(state)
    refused = CardProcessing.OTHER_CURRENCY_REFUSED in payment.options
    if state.blocked or (payment.purse is None and refused):
        return Decision(Kind.AAC)
    if Ttq.OFFLINE_ONLY in payment.terminal:
        return _before_offline_terminal(payment)
    return _before_online_terminal(payment)


def decide_prepaid(state: DebitState, decision: Decision) -> Decision:
    """``decision`` to go online, of a prepaid card: paid at once or declined (ref 14 §9.7).

    The text has no rule for "low-value or CTTA", nor for currencies that the card has not: nothing
    changes there.
    """
    payment = Payment.of(state)
    purse = payment.purse
    if CardProcessing.PREPAID not in payment.options or purse is None:
        return decision
    rule = low_value(state.store, purse)
    together = rule is CardProcessing.LOW_VALUE_AND_CTTA
    short = payment.amount > (state.amount_of(purse.balance) or 0)
    if payment.amount == 0:
        return Decision(Kind.AAC, decision.qualifiers, decision.results)
    if not together and rule is not CardProcessing.LOW_VALUE:
        return decision
    if short or (together and payment.amount > room(state.store)):
        return Decision(Kind.AAC, decision.qualifiers, decision.results)
    accumulated = payment.amount if together else 0
    return Decision(Kind.ARQC, decision.qualifiers, decision.results, payment.amount, accumulated)


def _before_offline_terminal(payment: Payment) -> Decision:
    """An amount of 0 needs the issuer; the option of 9F68 for other currencies is not asked here.

    Ref 14 §9.4 #2, #5 and §9.5 go by the counter alone.
    """
    if payment.new_card and CardProcessing.NEW_CARD_OFFLINE_DECLINE in payment.options:
        return Decision(Kind.AAC)
    if payment.pin_exhausted:
        return Decision(Kind.AAC, results=Cvr.PIN_TRIES_EXCEEDED)
    qualifiers = 0
    if payment.needs_verification:
        if not payment.signature:
            raise Refusal(_CONDITIONS)
        qualifiers = Ctq.SIGNATURE
    if payment.amount == 0:
        return Decision(Kind.AAC, qualifiers)
    return _spend(payment, qualifiers, Kind.AAC)


def _before_online_terminal(payment: Payment) -> Decision:
    qualifiers = results = 0
    if payment.needs_verification:
        if payment.online_pin:
            return Decision(Kind.ARQC, Ctq.ONLINE_PIN)
        if not payment.signature:
            raise Refusal(_CONDITIONS)
        qualifiers = Ctq.SIGNATURE
    if CardProcessing.NEW_CARD in payment.options and payment.new_card:
        results |= Cvr.NEW_CARD
    if payment.pin_exhausted:
        results |= Cvr.PIN_TRIES_EXCEEDED
    wanted = Ttq.CRYPTOGRAM_REQUIRED in payment.terminal or payment.amount == 0
    offline = CardProcessing.OTHER_CURRENCY_OFFLINE in payment.options
    if wanted or results or (payment.purse is None and not offline):
        return Decision(Kind.ARQC, qualifiers, results)
    return _spend(payment, qualifiers, Kind.ARQC)


def _spend(payment: Payment, qualifiers: int, otherwise: Kind) -> Decision:
    """A payment that needs no issuer, if it is within the limits; ``otherwise`` beyond them."""
    if payment.purse is None:
        decision = _spend_abroad(payment, qualifiers)
    else:
        decision = _spend_cash(payment, payment.purse, qualifiers, otherwise)
    if decision is None:
        return Decision(otherwise, qualifiers, Cvr.VELOCITY_EXCEEDED)
    return decision


def _spend_abroad(payment: Payment, qualifiers: int) -> Decision | None:
    """Another currency: counted, not summed up (ref 14 §9.5)."""
    store = payment.state.store
    limit = store.element(0x9F53)
    count = store.counter("offline_currency")
    if limit is None or count > limit[0] or count >= _COUNT_MAX:
        return None
    return Decision(Kind.TC, qualifiers, international=True)


def _spend_cash(
    payment: Payment, purse: Purse, qualifiers: int, otherwise: Kind
) -> Decision | None:
    """None: beyond a limit. A card without any rule pays nothing offline."""
    store, amount = payment.state.store, payment.amount
    rule = low_value(store, purse)
    if not rule:
        return Decision(otherwise, qualifiers)
    balance = payment.state.amount_of(purse.balance) or 0
    if payment.beyond(purse.single):
        return None
    if rule is CardProcessing.LOW_VALUE_OR_CTTA:
        if amount <= balance:
            return Decision(Kind.TC, qualifiers, spent=amount)
        if amount <= room(store):
            return Decision(Kind.TC, qualifiers, accumulated=amount)
        return None
    kept = 0 if otherwise is Kind.AAC else payment.state.amount_of(purse.threshold) or 0
    together = rule is CardProcessing.LOW_VALUE_AND_CTTA
    if amount > balance - kept or (together and amount > room(store)):
        return None
    return Decision(Kind.TC, qualifiers, spent=amount, accumulated=amount if together else 0)
