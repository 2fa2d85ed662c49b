"""GENERATE AC: what the card answers with, and what that leaves behind (ref 14 §5.4, §5.6)."""

from __future__ import annotations

from dataclasses import dataclass

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
from sscard_ic.codec.pboc.elements import number
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc import counters, logs, offline, risk
from sscard_ic.simulator.pboc.state import DebitState

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
_LIVE = (0x95, 0x9B, 0x9F37)
"""What may change between GPO and GENERATE AC."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a GENERATE AC ends in."""

    kind: Kind
    advice: bool = False
    reason: Reason = Reason.NONE

    @property
    def cid(self) -> int:
        """Cryptogram information data, tag 9F27."""
        return self.kind << _KIND_SHIFT | (ADVICE if self.advice else 0) | self.reason


def generate(state: DebitState, command: Command) -> bytes:
    """GENERATE AC, the first or the second one of the transaction.

    Refuses 6A86 (P1 P2), 6985 (before GPO, or when the last cryptogram is there), or the length
    error of the settings.
    """
    if command.p2 or command.p1 >> _KIND_SHIFT not in list(Kind):
        raise Refusal(_PARAMETERS)
    asked, combined = Kind(command.p1 >> _KIND_SHIFT), bool(command.p1 & _COMBINED)
    combined = combined and Aip.CDA in state.aip and offline.has_key(state)
    if state.stage == "initiated":
        return _first(state, asked, command.data, combined)
    if state.stage == "online":
        return _second(state, asked, command.data, combined)
    raise Refusal(_CONDITIONS)


# The first one


def _first(state: DebitState, asked: Kind, data: bytes, combined: bool) -> bytes:
    wanted = state.list_of(0x8C)
    values = _split(state, wanted, data)
    state.key("cryptogram")
    unchanged = all(
        state.terminal.get(tag, value) == value for tag, value in values.items() if tag not in _LIVE
    )
    state.terminal |= values
    state.generate_data = data
    if state.path == "cash":
        outcome = Outcome(_decide_cash(state, asked, unchanged))
    else:
        outcome = _decide(state, asked)
    signed = combined and outcome.kind is not Kind.AAC
    if signed:
        state.cvr |= Cvr.DDA_PERFORMED
    state.note_kinds(outcome.kind)
    state.cryptogram = state.compute_cryptogram(state.terminal)
    if outcome.kind is Kind.ARQC:
        state.store.put_flag("online_pending", True)
    if outcome.kind is Kind.TC:
        _keep_approved(state)
    state.stage = "online" if outcome.kind is Kind.ARQC else "finished"
    told = outcome.kind is Kind.ARQC or (state.path == "cash" and outcome.kind is Kind.TC)
    return _answer(state, outcome, signed, discretionary=told)


def _decide(state: DebitState, asked: Kind) -> Outcome:
    """Debit: what the terminal asks for, the card's checks, and a block (ref 14 §5.4)."""
    verdict = risk.check_first(state)
    if asked is Kind.AAC or verdict.decline or state.blocked:
        return _decline_offline(state)
    return Outcome(Kind.ARQC if asked is Kind.ARQC or verdict.online else Kind.TC)


def _decide_cash(state: DebitState, asked: Kind, unchanged: bool) -> Kind:
    """Electronic cash: as the terminal asks, within balance and limit (ref 14 §8.1)."""
    risk.note_last_failures(state)
    affordable = _affordable(state) and (unchanged or not state.model.settings.cash_integrity)
    if state.blocked or (asked is Kind.TC and not affordable):
        asked = Kind.AAC
    if asked is Kind.AAC:
        counters.note_failures(state)
    return asked


def _affordable(state: DebitState) -> bool:
    balance, single = state.amount_of(state.purse.balance) or 0, state.amount_of(state.purse.single)
    try:
        amount = number(state.told(0x9F02, 6))
    except ValueError:
        return False
    return amount <= balance and (single is None or amount <= single)


def _keep_approved(state: DebitState) -> None:
    """The effects of an approval without the issuer, before it is answered."""
    if state.path == "cash":
        counters.spend(state)
    else:
        state.store.put_flag("online_pending", False)
        counters.count_abroad(state)
        counters.count_amounts(state)
    logs.log_transaction(state)


def _decline_offline(state: DebitState) -> Outcome:
    """AAC without the issuer, with its effects (ref 14 §5.4, §5.6.3)."""
    counters.note_failures(state)
    counters.count_abroad(state)
    action = risk.default_action(state)
    if state.pin_exhausted and Ada.PIN_EXCEEDED_ADVICE in action:
        return Outcome(Kind.AAC, True, Reason.PIN_TRIES_EXCEEDED)
    return Outcome(Kind.AAC, Ada.DECLINED_ADVICE in action)


# The second one


def _second(state: DebitState, asked: Kind, data: bytes, combined: bool) -> bytes:
    if asked is Kind.ARQC:
        if state.model.settings.second_arqc == "refuse":
            raise Refusal(_CONDITIONS)
        asked = Kind.AAC
    wanted = state.list_of(0x8D)
    state.terminal |= _split(state, wanted, data)
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
    signed = combined and outcome.kind is Kind.TC
    if signed:
        state.cvr |= Cvr.DDA_PERFORMED
    state.note_kinds(Kind.ARQC, outcome.kind)
    state.stage = "finished"
    return _answer(state, outcome, signed, discretionary=False)


def _unable_online(state: DebitState, asked: Kind) -> Outcome:
    """ref 14 §5.6.3."""
    if risk.check_offline(state) or asked is not Kind.TC:
        return _decline_offline(state)
    counters.count_abroad(state)
    counters.count_amounts(state)
    logs.log_transaction(state)
    return Outcome(Kind.TC)


def _declined_online(state: DebitState) -> Outcome:
    """ref 14 §5.6.1."""
    if _note_issuer(state):
        counters.clear_flags(state)
    elif _is_missing(state):
        state.store.put_flag("issuer_authentication_failed", True)
    return Outcome(Kind.AAC)


def _approved_online(state: DebitState) -> Outcome:
    """ref 14 §5.6.2."""
    action = risk.default_action(state)
    if _note_issuer(state):
        counters.clear_flags(state)
        counters.clear_totals(state)
    elif _is_missing(state):
        state.store.put_flag("issuer_authentication_failed", True)
        if Ada.ISSUER_MISSING_DECLINE in action:
            return _decline_unproved(action)
    elif Ada.ISSUER_FAILED_DECLINE in action:
        return _decline_unproved(action)
    logs.log_transaction(state)
    return Outcome(Kind.TC)


def _decline_unproved(action: Ada) -> Outcome:
    """The issuer approved, but was not authenticated."""
    if Ada.ISSUER_DECLINE_ADVICE in action:
        return Outcome(Kind.AAC, True, Reason.ISSUER_AUTHENTICATION_FAILED)
    return Outcome(Kind.AAC)


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


def _answer(state: DebitState, outcome: Outcome, signed: bool, *, discretionary: bool) -> bytes:
    """Template 80 with CID, ATC, cryptogram, issuer data; template 77 where they are signed."""
    cryptogram = state.compute_cryptogram(state.terminal)
    issuer_data = state.answered_issuer_data(discretionary=discretionary)
    if signed:
        return offline.combined_answer(state, outcome.cid, cryptogram, issuer_data)
    counter = state.atc.to_bytes(2, "big")
    return encode_ber(0x80, bytes((outcome.cid,)), counter, cryptogram, issuer_data)
