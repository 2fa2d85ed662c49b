"""The bank that issued a card, as a terminal sees it (ref 14 §8.3, 04 §8.5).

A terminal asks for an authorisation, and confirms how the transaction ended: what the card did not
accept, the bank takes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.financial.authorisation import (
    AuthorisationRequest,
    AuthorisationResponse,
    BankUnreachable,
    Confirmation,
)
from sscard_ic.keys.inventory import Environment

BALANCE, BALANCE_LIMIT, SINGLE_LIMIT, RESET_THRESHOLD = 0x9F79, 0x9F77, 0x9F78, 0x9F6D
"""Amounts of electronic cash on the card, n12 (ref 14 §8.2)."""
LIMITS = (BALANCE_LIMIT, SINGLE_LIMIT, RESET_THRESHOLD)


@dataclass(frozen=True, slots=True)
class Order:
    """What the holder or a teller wants of the bank beside the transaction itself."""

    new_pin: Secret | None = None
    """Offline PIN to be set, ASCII digits; None: the tries alone are reset."""
    current_pin: Secret | None = None
    """Offline PIN of the card, where the new one is sent with it (P2 = 01)."""
    limits: Mapping[int, int] = field(default_factory=dict)
    """Amounts in fen by tag, of :data:`LIMITS`."""


NO_ORDER = Order()


class BankHost(Protocol):
    """Who answers for the bank; safe for use from several threads."""

    @property
    def name(self) -> str:
        """For people: where it is asked."""
        ...

    @property
    def environment(self) -> Environment:
        """Whose cards it serves."""
        ...

    def authorise(
        self, request: AuthorisationRequest, order: Order = NO_ORDER
    ) -> AuthorisationResponse:
        """What the bank says to a transaction; a refusal is an answer, with its code.

        Raises :class:`BankHostError` when it is not reached or gives no complete answer.
        """
        ...

    def confirm(self, request: AuthorisationRequest, confirmation: Confirmation) -> None:
        """How an authorised transaction ended; asked twice, it changes nothing more.

        Where the terminal cannot know it, it tells nothing: the card's next online transaction
        settles it. Raises :class:`BankHostError`.
        """
        ...


class BankHostError(BankUnreachable):
    """The bank was not reached, or gave no complete answer.

    ``again`` says whether the same message may be sent again, unchanged.
    """

    def __init__(
        self, what: Text, *, where: str = "", hint: Text | None = None, again: bool = False
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.again = again
