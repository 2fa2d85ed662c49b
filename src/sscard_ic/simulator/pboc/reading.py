"""READ RECORD and GET DATA (ref 14 §2.3, §4, 04 §4.4)."""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.codec.pboc.bits import Cvr
from sscard_ic.codec.pboc.elements import amount
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc import contactless, logs
from sscard_ic.simulator.pboc.common import no_record, wanted_record
from sscard_ic.simulator.pboc.purses import CASH, available
from sscard_ic.simulator.pboc.state import DebitState

_LAST_CODED_FILE = 10
"""Files up to here hold what terminals read in a transaction; others are free."""
_COUNTER, _LAST_ONLINE, _TRIES, _AVAILABLE = 0x9F36, 0x9F13, 0x9F17, 0x9F5D
_OPEN = frozenset({0x9F4F, 0x9F6D, 0x9F79, 0xDF4F, 0xDF79})
_SPECIAL = frozenset(
    {
        *(0x9F51, 0x9F52, 0x9F53, 0x9F54, 0x9F56, 0x9F57, 0x9F58, 0x9F59, 0x9F5C, 0x9F68, 0x9F6B),
        *(0x9F72, 0x9F73, 0x9F75, 0x9F76, 0x9F77, 0x9F78, 0xDF61, 0xDF62, 0xDF63, 0xDF71),
        *(0xDF72, 0xDF76, 0xDF77, 0xDF78),
    }
)
"""For devices of the issuer."""


def read_record(state: DebitState, command: Command) -> bytes:
    """READ RECORD by number: template 70, or a record of a log; the newest is number 1.

    Refuses 6A86 (P1 P2), 6700, 6985 (files 1-10 before GPO, where the settings say so), 6A82, 6A83.
    """
    sfi, number = wanted_record(command)
    log = logs.log_of(state, sfi)
    if log is not None:
        kept = state.store.log(log)
        if number > len(kept):
            raise Refusal(0x6A83)
        return kept[number - 1]
    closed = state.model.settings.early_records == "closed" and state.stage == "selected"
    if sfi <= _LAST_CODED_FILE and closed:
        raise Refusal(0x6985)
    record = state.store.record(sfi, number)
    if state.interface == "contactless":
        record = contactless.extra(state, sfi, number, record or b"") or None
        if record is not None:
            contactless.record_read(state, sfi, number)
    if record is None:
        raise no_record(state.store, sfi)
    return record


def get_data(state: DebitState, command: Command) -> bytes:
    """GET DATA of the tag in P1 P2: the whole object; refuses 6A88 what it does not give."""
    tag = command.p1 << 8 | command.p2
    if command.data:
        raise Refusal(0x6700)
    value = _value(state, tag)
    if value is None:
        raise Refusal(0x6A88)
    return encode_ber(tag, value)


def _value(state: DebitState, tag: int) -> bytes | None:
    store, settings = state.store, state.model.settings
    if tag == _COUNTER:
        return state.atc.to_bytes(2, "big")
    if tag == _LAST_ONLINE:
        return store.last_online.to_bytes(2, "big")
    if tag == _TRIES:
        return _tries(state)
    if tag in (0x9F79, 0xDF79) and not settings.balance_readable:
        return None
    if tag == _AVAILABLE:
        return amount(available(store, state.purse)) if state.amount_of(tag) else None
    if tag in _OPEN or (tag in _SPECIAL and settings.special_data == "open"):
        return store.element(_of_purse(state, tag))
    return None


def _tries(state: DebitState) -> bytes | None:
    """9F17; that none is left goes into the CVR (ref 14 §5.2)."""
    if state.store.pin is None or not state.model.settings.pin_tries_readable:
        return None
    tries = state.store.pin_tries
    if tries == 0:
        state.cvr |= Cvr.PIN_TRIES_EXCEEDED
    return bytes((tries,))


def _of_purse(state: DebitState, tag: int) -> int:
    """The tag that answers ``tag`` in a transaction of the second currency (ref 04 §3.3)."""
    if state.purse is CASH or state.stage == "selected":
        return tag
    purse = state.purse
    others = {
        CASH.balance: purse.balance,
        CASH.limit: purse.limit,
        CASH.single: purse.single,
        CASH.threshold: purse.threshold,
        CASH.verification: purse.verification,
    }
    return others.get(tag, tag)
