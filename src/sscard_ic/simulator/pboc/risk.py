"""Card risk management: what the card checks before a cryptogram (ref 14 §5.3, §5.6.3)."""

from __future__ import annotations

from dataclasses import dataclass

from sscard_ic.codec.pboc.bits import Ada, Aip, Cvr, with_scripts
from sscard_ic.simulator.pboc.counters import dual_amount, foreign, in_own_currency
from sscard_ic.simulator.pboc.state import DebitState


@dataclass(slots=True)
class Verdict:
    """What the checks ask for; declining wins."""

    decline: bool = False
    online: bool = False
    block: bool = False
    """Whether the application is blocked after this transaction."""


def default_action(state: DebitState) -> Ada:
    """9F52; zeros where the card has none."""
    return Ada(int.from_bytes((state.store.element(0x9F52) or b"")[:2].ljust(2, b"\x00"), "big"))


def check_first(state: DebitState) -> Verdict:
    """All checks before the first cryptogram; their results go into the CVR alone."""
    verdict = Verdict()
    _last_online(state, verdict)
    note_last_failures(state)
    _last_scripts(state, verdict)
    if _beyond_limits(state):
        state.cvr |= Cvr.VELOCITY_EXCEEDED
        verdict.online = True
    action = default_action(state)
    if state.store.last_online == 0:
        state.cvr |= Cvr.NEW_CARD
        verdict.online |= Ada.NEW_CARD_ONLINE in action
    _pin(state, verdict)
    return verdict


def note_last_failures(state: DebitState) -> None:
    """Put into the CVR that offline data authentication failed last time."""
    if Aip.SDA in state.aip and state.store.flag("sda_failed"):
        state.cvr |= Cvr.LAST_SDA_FAILED
    if Aip.DDA in state.aip and state.store.flag("dda_failed"):
        state.cvr |= Cvr.LAST_DDA_FAILED


def check_offline(state: DebitState) -> bool:
    """All checks of a terminal that cannot go online; whether the card declines."""
    action = default_action(state)
    state.cvr |= Cvr.UNABLE_ONLINE
    decline = False
    if _beyond_upper_limits(state):
        state.cvr |= Cvr.VELOCITY_EXCEEDED
        decline = True
    if state.store.last_online == 0:
        state.cvr |= Cvr.NEW_CARD
        decline |= Ada.NEW_CARD_DECLINE_OFFLINE in action
    if _pin_was_exhausted(state) and Ada.PIN_EXCEEDED_BEFORE_DECLINE_OFFLINE in action:
        state.cvr |= Cvr.PIN_TRIES_EXCEEDED
        decline = True
    return decline


def _last_online(state: DebitState, verdict: Verdict) -> None:
    if state.store.flag("online_pending"):
        state.cvr |= Cvr.LAST_ONLINE_NOT_COMPLETED
        verdict.online = True
    failed = state.store.flag("issuer_authentication_failed")
    if Aip.ISSUER_AUTHENTICATION in state.aip and failed:
        state.cvr |= Cvr.LAST_ISSUER_AUTHENTICATION_FAILED
        verdict.online |= Ada.ISSUER_FAILED_ONLINE_NEXT in default_action(state)


def _last_scripts(state: DebitState, verdict: Verdict) -> None:
    state.cvr = with_scripts(state.cvr, state.store.counter("scripts"))
    if state.store.flag("script_failed"):
        state.cvr |= Cvr.LAST_SCRIPT_FAILED
        verdict.online |= Ada.SCRIPT_FAILED_ONLINE in default_action(state)


def _beyond_limits(state: DebitState) -> bool:
    store = state.store
    currency, country = _count_limit(state, 0x9F53), _count_limit(state, 0x9F72)
    return any(
        (
            _too_many_offline(state, 0x9F58),
            currency is not None
            and foreign(state, 0x5F2A, 0x9F51)
            and store.counter("offline_currency") + 1 > currency,
            country is not None
            and foreign(state, 0x9F1A, 0x9F57)
            and store.counter("offline_country") + 1 > country,
            _total_beyond(state, 0x9F54),
            _dual_total_beyond(state, 0x9F75),
        )
    )


def _beyond_upper_limits(state: DebitState) -> bool:
    return any(
        (
            _too_many_offline(state, 0x9F59),
            _total_beyond(state, 0x9F5C),
            _dual_total_beyond(state, 0x9F5C),
        )
    )


def _count_limit(state: DebitState, tag: int) -> int | None:
    """A limit of one byte; None where the card has none."""
    value = state.store.element(tag)
    return None if value is None else int.from_bytes(value, "big")


def _too_many_offline(state: DebitState, tag: int) -> bool:
    limit = _count_limit(state, tag)
    return limit is not None and state.atc - state.store.last_online > limit


def _total_beyond(state: DebitState, tag: int) -> bool:
    limit = state.amount_of(tag)
    if limit is None or not in_own_currency(state):
        return False
    return state.store.counter("ctta") + state.amount > limit


def _dual_total_beyond(state: DebitState, tag: int) -> bool:
    limit, amount = state.amount_of(tag), dual_amount(state)
    if limit is None or amount is None:
        return False
    return state.store.counter("ctta_dual") + amount > limit


def _pin_was_exhausted(state: DebitState) -> bool:
    """Whether no try was left before this transaction, and no PIN has come in it."""
    store = state.store
    return store.pin is not None and store.pin_tries == 0 and not state.pin_received


def _pin(state: DebitState, verdict: Verdict) -> None:
    if not _pin_was_exhausted(state):
        return
    action = default_action(state)
    state.cvr |= Cvr.PIN_TRIES_EXCEEDED
    verdict.decline |= Ada.PIN_EXCEEDED_BEFORE_DECLINE in action
    verdict.online |= Ada.PIN_EXCEEDED_BEFORE_ONLINE in action
    if Ada.PIN_EXCEEDED_BEFORE_DECLINE_AND_BLOCK in action:
        verdict.decline = verdict.block = True
