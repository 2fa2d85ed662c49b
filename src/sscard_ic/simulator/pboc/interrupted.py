"""A payment by air counts when its last record has been read; the next one takes it back else.

The numbers change with the answer to GPO, the old ones stay beside them (ref 14 §9.6). Whatever
starts a transaction, on either face, takes back what was interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping

from sscard_ic.simulator.pboc.stored import Counter, StoredDebit

AUTHENTICATION = "authentication"
"""Name of what the last record of a payment tells beside its own data."""
_KEPT = "interrupted"
_AMOUNT = 6
_COUNTERS: tuple[Counter, ...] = ("ctta", "offline_currency")
"""Counters that a payment by air changes."""


def change(
    store: StoredDebit, amounts: Mapping[int, int], counters: Mapping[Counter, int], *, kept: bool
) -> None:
    """Set balances by tag, and counters; ``kept``: so that :func:`take_back` can undo it."""
    for tag, value in amounts.items():
        if kept:
            store.put_data(f"{_KEPT}/{tag:X}", store.element(tag) or bytes(_AMOUNT))
        store.put_element(tag, bytes.fromhex(f"{value:012d}"))
    for name, count in counters.items():
        if kept:
            store.put_number(f"{_KEPT}/{name}", store.counter(name))
        store.put_counter(name, count)
    if kept and (amounts or counters):
        store.put_flag("interrupted", True)


def settle(store: StoredDebit) -> None:
    """The payment counts."""
    store.put_flag("interrupted", False)
    store.drop(_KEPT)


def take_back(store: StoredDebit) -> None:
    """Undo an interrupted payment; a last one that counts can be proved no more."""
    store.drop(AUTHENTICATION)
    if not store.flag("interrupted"):
        return
    for name in list(store.names(_KEPT)):
        counter = next((each for each in _COUNTERS if each == name), None)
        if counter is not None:
            store.put_counter(counter, store.number(f"{_KEPT}/{name}"))
        else:
            store.put_element(int(name, 16), store.data(f"{_KEPT}/{name}") or bytes(_AMOUNT))
    settle(store)
