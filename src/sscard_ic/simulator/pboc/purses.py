"""The electronic cash of each currency, and what may be spent of it offline (ref 14 §9.4, 04 §3.3).

A card may hold cash of a second currency beside that of its own; the rules are the same, the data
objects are others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sscard_ic.codec.pboc.bits import CardProcessing

if TYPE_CHECKING:
    from sscard_ic.profile.financial import FinancialSettings
    from sscard_ic.simulator.pboc.stored import StoredDebit

_MOST = 10**12 - 1
_LOW_VALUES = (
    CardProcessing.LOW_VALUE,
    CardProcessing.LOW_VALUE_AND_CTTA,
    CardProcessing.LOW_VALUE_OR_CTTA,
)
_ROLES = (0xDF72, 0xDF76)
"""CVM limit and reset threshold of the second currency, in an order that is a setting."""


@dataclass(frozen=True, slots=True)
class Purse:
    """Tags of the electronic cash of one currency."""

    currency: int
    balance: int
    limit: int
    """Most that the balance may be."""
    single: int
    """Most of one transaction."""
    threshold: int
    """What shall be left before the card asks to be loaded."""
    verification: int
    """Most without verification of the holder, by air."""


CASH = Purse(0x9F51, 0x9F79, 0x9F77, 0x9F78, 0x9F6D, 0x9F6B)
"""The purse of the application currency."""


def second_purse(settings: FinancialSettings) -> Purse:
    """The purse of the second currency (DF71)."""
    verification = settings.second_currency_cvm
    threshold = next(tag for tag in _ROLES if tag != verification)
    return Purse(0xDF71, 0xDF79, 0xDF77, 0xDF78, threshold, verification)


def purse_of(store: StoredDebit, settings: FinancialSettings, currency: bytes) -> Purse | None:
    """The purse of a transaction currency (5F2A); None where the card has none of it."""
    for purse in (CASH, second_purse(settings)):
        if store.element(purse.currency) == currency:
            return purse
    return None


def processing(store: StoredDebit) -> CardProcessing:
    """9F68; a card without it checks low values alone (ref 14 §3)."""
    value = store.element(0x9F68)
    if value is None:
        return CardProcessing.LOW_VALUE
    return CardProcessing(int.from_bytes(value[:4].ljust(4, b"\x00"), "big"))


def low_value(store: StoredDebit, purse: Purse) -> CardProcessing:
    """The rule that allows offline spending: the first one that 9F68 has, 0 for none.

    The cumulative total (CTTA) counts the application currency alone; another purse goes by its
    balance.
    """
    wanted = processing(store)
    rule = next((each for each in _LOW_VALUES if each in wanted), CardProcessing(0))
    return CardProcessing.LOW_VALUE if rule and purse is not CASH else rule


def room(store: StoredDebit) -> int:
    """What CTTA may grow by: CTTAUL, else CTTAL, less CTTA; below 0 when it is beyond."""
    upper = store.element(0x9F5C)
    limit = store.element(0x9F54) if upper is None else upper
    return int((limit or b"\x00").hex()) - store.counter("ctta")


def available(store: StoredDebit, purse: Purse = CASH, spent: int = 0, accumulated: int = 0) -> int:
    """What may be spent offline, tag 9F5D, in the smallest unit of the currency (ref 14 §0.2).

    ``spent`` is about to be taken from the balance, ``accumulated`` to be added to CTTA.
    """
    balance = int((store.element(purse.balance) or b"\x00").hex()) - spent
    left = max(room(store) - accumulated, 0)
    amounts = {
        CardProcessing.LOW_VALUE: balance,
        CardProcessing.LOW_VALUE_AND_CTTA: left,
        CardProcessing.LOW_VALUE_OR_CTTA: balance + left,
    }
    return min(amounts.get(low_value(store, purse), 0), _MOST)
