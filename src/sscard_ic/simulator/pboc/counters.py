"""What a transaction leaves behind: counters, totals, flags (ref 14 §5.4, §5.6)."""

from __future__ import annotations

from sscard_ic.codec.pboc.bits import Tvr
from sscard_ic.codec.pboc.elements import amount
from sscard_ic.simulator.pboc.state import DebitState
from sscard_ic.simulator.pboc.stored import Counter

_COUNT_MAX = 0xFF
_AMOUNT_MAX = 10**12 - 1
_FIRST_DIGIT = 1


def in_own_currency(state: DebitState) -> bool:
    """Whether the transaction is in the application currency (9F51)."""
    return state.store.element(0x9F51) == state.told(0x5F2A, 2)


def foreign(state: DebitState, told: int, own: int) -> bool:
    """Whether a code that the terminal told differs from the card's.

    False where the card has none, and where the terminal told zeros: it did not know it.
    """
    code, mine = state.told(told, 2), state.store.element(own)
    return mine is not None and any(code) and code != mine


def dual_amount(state: DebitState) -> int | None:
    """The amount as the total of two currencies counts it; None where it does not.

    It takes 9F51, 9F76 and the factor 9F73: how many of its seven digits are decimals, and these
    (ref 14 §2.1). What is left of a unit is dropped.
    """
    second, factor = state.store.element(0x9F76), state.store.element(0x9F73)
    if second is None or factor is None:
        return None
    if in_own_currency(state):
        return state.amount
    digits = factor.hex()
    if second != state.told(0x5F2A, 2) or not digits.isdecimal():
        return None
    scale: int = 10 ** int(digits[0])
    return state.amount * int(digits[_FIRST_DIGIT:]) // scale


def count_abroad(state: DebitState) -> None:
    """One more transaction in a row in another currency, in another country."""
    codes: tuple[tuple[Counter, int, int], ...] = (
        ("offline_country", 0x9F1A, 0x9F57),
        ("offline_currency", 0x5F2A, 0x9F51),
    )
    for name, told, own in codes:
        if foreign(state, told, own):
            count = state.store.counter(name)
            state.store.put_counter(name, min(count + 1, _COUNT_MAX))


def count_amounts(state: DebitState) -> None:
    """Add the amount to the totals of what was spent offline."""
    if in_own_currency(state):
        _add(state, "ctta", state.amount)
    converted = dual_amount(state)
    if converted is not None:
        _add(state, "ctta_dual", converted)


def spend(state: DebitState) -> None:
    """Take the amount from the balance of the electronic cash."""
    tag = state.purse.balance
    balance = state.amount_of(tag) or 0
    state.store.put_element(tag, amount(balance - state.amount))


def note_failures(state: DebitState) -> None:
    """Keep from the terminal's results that offline data authentication failed."""
    results = Tvr(int.from_bytes(state.told(0x95, 5), "big"))
    if Tvr.SDA_FAILED in results:
        state.store.put_flag("sda_failed", True)
    if results & (Tvr.DDA_FAILED | Tvr.CDA_FAILED):
        state.store.put_flag("dda_failed", True)


def clear_flags(state: DebitState) -> None:
    """An online transaction was completed: what earlier ones left open is done."""
    store = state.store
    store.put_flag("online_pending", False)
    store.put_flag("sda_failed", False)
    store.put_flag("dda_failed", False)
    store.put_flag("script_failed", False)
    store.put_counter("scripts", 0)


def clear_totals(state: DebitState) -> None:
    """The issuer approved: what was spent offline begins anew."""
    store = state.store
    for name in ("ctta", "ctta_dual", "offline_currency", "offline_country"):
        store.put_counter(name, 0)
    store.last_online = state.atc


def _add(state: DebitState, name: Counter, value: int) -> None:
    state.store.put_counter(name, min(state.store.counter(name) + value, _AMOUNT_MAX))
