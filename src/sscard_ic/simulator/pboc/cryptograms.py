"""GENERATE AC: what the card answers with, and what that leaves behind (ref 14 §5.4, §5.6).

The decision changes nothing that is kept; what it leaves behind happens once the answer is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sscard_ic.apdu import Command
from sscard_ic.codec.pboc.bits import (
    ADVICE,
    Ada,
    Aip,
    Cvr,
    Kind,
    Reason,
)
from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc import counters, logs, offline, risk
from sscard_ic.simulator.pboc.state import DebitState

_CURRENCY = 0x5F2A
_CONDITIONS = 0x6985
_PARAMETERS = 0x6A86
_KIND_SHIFT = 6
_COMBINED = 0x10
"""P1: a signature over the cryptogram is wanted (CDA)."""
_UNABLE_ONLINE = (b"Y3", b"Z3")
_APPROVED = (b"00", b"10", b"11", b"01", b"02")
"""Response codes of approvals and referrals."""
_MANDATORY = 0x80
"""9F56: the issuer has to be authenticated."""
Effect = Callable[[DebitState], None]
"""Something that a cryptogram leaves behind."""
_LIVE = (0x95, 0x9B, 0x9F37)
"""What may change between GPO and GENERATE AC."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a GENERATE AC ends in."""

    kind: Kind
    effects: tuple[Effect, ...] = ()
    advice: bool = False
    reason: Reason = Reason.NONE

    @property
    def cid(self) -> int:
        """Cryptogram information data, tag 9F27."""
        return self.kind << _KIND_SHIFT | (ADVICE if self.advice else 0) | self.reason


def generate(state: DebitState, command: Command) -> bytes:
    """GENERATE AC, the first or the second one of the transaction.

    Refuses 6A86 (P1 P2), 6985 (before GPO, or when the last cryptogram is there; a key that is
    missing), or the length error of the settings. What is refused leaves nothing behind.
    """
    if command.p2 or command.p1 >> _KIND_SHIFT not in list(Kind):
        raise Refusal(_PARAMETERS)
    asked, combined = Kind(command.p1 >> _KIND_SHIFT), bool(command.p1 & _COMBINED)
    combined = combined and Aip.CDA in state.aip and offline.has_key(state)
    steps = {"initiated": _first, "online": _second}
    step = steps.get(state.stage)
    if step is None:
        raise Refusal(_CONDITIONS)
    before = state.cvr, state.terminal, state.generate_data
    try:
        return step(state, asked, command.data, combined)
    except Refusal:
        state.cvr, state.terminal, state.generate_data = before
        raise


# The first one


def _first(state: DebitState, asked: Kind, data: bytes, combined: bool) -> bytes:
    values = _split(state, state.list_of(0x8C), data)
    altered = {
        tag
        for tag, value in values.items()
        if tag not in _LIVE and state.terminal.get(tag, value) != value
    }
    state.terminal = state.terminal | values
    state.generate_data = data
    cash = state.path == "cash"
    outcome = _decide_cash(state, asked, altered) if cash else _decide(state, asked)
    state.note_kinds(outcome.kind)
    spent = state.amount if cash and outcome.kind is Kind.TC else 0
    told = outcome.kind is Kind.ARQC or (cash and outcome.kind is Kind.TC)
    cryptogram, answer = _answer(state, outcome, combined, discretionary=told, spent=spent)
    state.cryptogram = cryptogram
    state.stage = "online" if outcome.kind is Kind.ARQC else "finished"
    return _leave(state, outcome, answer)


def _decide(state: DebitState, asked: Kind) -> Outcome:
    """Debit: what the terminal asks for, the card's checks, and a block (ref 14 §5.4).

    An amount that is no number cannot be checked against any limit: it is declined.
    """
    verdict = risk.check_first(state)
    blocks: tuple[Effect, ...] = (_block,) if verdict.block else ()
    if asked is Kind.AAC or verdict.decline or state.blocked or not state.has_amount:
        return _decline_offline(state, blocks)
    if asked is Kind.ARQC or verdict.online:
        return Outcome(Kind.ARQC, (*blocks, partial(_note_pending, pending=True)))
    return Outcome(
        Kind.TC,
        (
            *blocks,
            partial(_note_pending, pending=False),
            counters.count_abroad,
            counters.count_amounts,
            logs.log_transaction,
        ),
    )


def _decide_cash(state: DebitState, asked: Kind, altered: set[int]) -> Outcome:
    """Electronic cash: as the terminal asks, within balance and limit (ref 14 §8.1).

    ``altered`` are the objects that differ from those of GPO: another currency is declined, since
    GPO chose the purse, other values where the settings say so.
    """
    risk.note_last_failures(state)
    sound = not (altered and state.model.settings.cash_integrity)
    unaffordable = asked is Kind.TC and not (sound and _affordable(state))
    if state.blocked or unaffordable or _CURRENCY in altered:
        asked = Kind.AAC
    effects: dict[Kind, tuple[Effect, ...]] = {
        Kind.AAC: (counters.note_failures,),
        Kind.ARQC: (partial(_note_pending, pending=True),),
        Kind.TC: (counters.spend, logs.log_transaction),
    }
    return Outcome(asked, effects[asked])


def _affordable(state: DebitState) -> bool:
    balance, single = state.amount_of(state.purse.balance) or 0, state.amount_of(state.purse.single)
    amount = state.amount
    return state.has_amount and amount <= balance and (single is None or amount <= single)


def _decline_offline(state: DebitState, effects: tuple[Effect, ...] = ()) -> Outcome:
    """AAC without the issuer, with its effects (ref 14 §5.4, §5.6.3)."""
    effects = (*effects, counters.note_failures, counters.count_abroad)
    action = risk.default_action(state)
    if state.pin_exhausted and Ada.PIN_EXCEEDED_ADVICE in action:
        return Outcome(Kind.AAC, effects, True, Reason.PIN_TRIES_EXCEEDED)
    return Outcome(Kind.AAC, effects, Ada.DECLINED_ADVICE in action)


# The second one


def _second(state: DebitState, asked: Kind, data: bytes, combined: bool) -> bytes:
    if asked is Kind.ARQC:
        if state.model.settings.second_arqc == "refuse":
            raise Refusal(_CONDITIONS)
        asked = Kind.AAC
    state.terminal = state.terminal | _split(state, state.list_of(0x8D), data)
    state.generate_data += data
    code = state.response_code
    if code is None:
        code = state.told(0x8A, 2)
    if code in _UNABLE_ONLINE:
        outcome = _unable_online(state, asked)
    elif asked is Kind.TC and code in _APPROVED:
        outcome = _approved_online(state)
    else:
        outcome = _declined_online(state)
    state.note_kinds(Kind.ARQC, outcome.kind)
    _, answer = _answer(state, outcome, combined, discretionary=False)
    state.stage = "finished"
    return _leave(state, outcome, answer)


def _unable_online(state: DebitState, asked: Kind) -> Outcome:
    """ref 14 §5.6.3."""
    if risk.check_offline(state) or asked is not Kind.TC or not state.has_amount:
        return _decline_offline(state)
    effects = (counters.count_abroad, counters.count_amounts, logs.log_transaction)
    return Outcome(Kind.TC, effects)


def _declined_online(state: DebitState) -> Outcome:
    """ref 14 §5.6.1."""
    if _note_issuer(state):
        return Outcome(Kind.AAC, (counters.clear_flags,))
    return Outcome(Kind.AAC, (_note_missing,) if _is_missing(state) else ())


def _approved_online(state: DebitState) -> Outcome:
    """ref 14 §5.6.2."""
    action = risk.default_action(state)
    effects: tuple[Effect, ...] = ()
    if _note_issuer(state):
        effects = (counters.clear_flags, counters.clear_totals)
    elif _is_missing(state):
        effects = (_note_missing,)
        if Ada.ISSUER_MISSING_DECLINE in action:
            return _decline_unproved(action, effects)
    elif Ada.ISSUER_FAILED_DECLINE in action:
        return _decline_unproved(action, effects)
    return Outcome(Kind.TC, (*effects, logs.log_transaction))


def _decline_unproved(action: Ada, effects: tuple[Effect, ...]) -> Outcome:
    """The issuer approved, but was not authenticated."""
    if Ada.ISSUER_DECLINE_ADVICE in action:
        return Outcome(Kind.AAC, effects, True, Reason.ISSUER_AUTHENTICATION_FAILED)
    return Outcome(Kind.AAC, effects)


def _note_issuer(state: DebitState) -> bool:
    """Whether the card believes that the issuer has answered; a missing proof goes into the CVR.

    It does where the issuer was authenticated, where it cannot be, and where it need not be.
    """
    if Aip.ISSUER_AUTHENTICATION not in state.aip:
        return True
    if state.issuer_authenticated is None:
        state.cvr |= Cvr.ISSUER_AUTHENTICATION_NOT_PERFORMED
        return not _is_missing(state)
    return state.issuer_authenticated


def _is_missing(state: DebitState) -> bool:
    """Whether the issuer had to be authenticated, and did not try."""
    mandatory = (state.store.element(0x9F56) or b"\x00")[0] & _MANDATORY
    return state.issuer_authenticated is None and bool(mandatory)


# Both


def _split(state: DebitState, wanted: Dol, data: bytes) -> dict[int, bytes]:
    if len(data) != wanted.length:
        raise Refusal(state.model.settings.wrong_length_sw)
    return wanted.split(data)


def _answer(
    state: DebitState, outcome: Outcome, combined: bool, *, discretionary: bool, spent: int = 0
) -> tuple[bytes, bytes]:
    """The cryptogram, and the answer with it: template 80; 77 where the card signs it (CDA).

    Both hold CID, ATC, cryptogram, issuer data; ``spent`` is what the balance will lose.
    """
    signed = combined and outcome.kind is not Kind.AAC
    if signed:
        state.cvr |= Cvr.DDA_PERFORMED
    cryptogram = state.compute_cryptogram(state.terminal)
    issuer_data = state.answered_issuer_data(discretionary=discretionary, spent=spent)
    if signed:
        return cryptogram, offline.combined_answer(state, outcome.cid, cryptogram, issuer_data)
    counter = state.atc.to_bytes(2, "big")
    answer = encode_ber(0x80, bytes((outcome.cid,)), counter, cryptogram, issuer_data)
    return cryptogram, answer


def _leave(state: DebitState, outcome: Outcome, answer: bytes) -> bytes:
    """``answer``, once everything has happened that it leaves behind."""
    for effect in outcome.effects:
        effect(state)
    return answer


def _note_pending(state: DebitState, *, pending: bool) -> None:
    state.store.put_flag("online_pending", pending)


def _note_missing(state: DebitState) -> None:
    state.store.put_flag("issuer_authentication_failed", True)


def _block(state: DebitState) -> None:
    state.store.block()
