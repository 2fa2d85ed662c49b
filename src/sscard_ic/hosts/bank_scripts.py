"""The bank's commands to a card, each with its MAC (ref 14 §5.7, §6.3, 04 §6.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sscard_ic.apdu import Command, pboc
from sscard_ic.base.secret import Secret
from sscard_ic.card.financial.authorisation import IssuerScript
from sscard_ic.codec.pboc.elements import amount
from sscard_ic.hosts.bank_issuer import BALANCE
from sscard_ic.keys.bank_capabilities import BankCard, BankIssuer


@dataclass(frozen=True, slots=True)
class ScriptWriter:
    """Writes scripts for one transaction of one card.

    ``cryptogram`` is what the card sent with it: its ARQC, or the AAC of a blocked application.
    Every command has the same ATC and cryptogram in its MAC; there is no chaining.
    """

    issuer: BankIssuer = field(repr=False)
    card: BankCard = field(repr=False)
    atc: int
    cryptogram: bytes = field(repr=False)

    def balance(self, value: int) -> IssuerScript:
        """Set the EC balance, in fen."""
        return self._script(pboc.put_data(BALANCE, amount(value)))

    def limits(self, values: Mapping[int, int]) -> IssuerScript:
        """Set limits of electronic cash, in fen by tag."""
        commands = [pboc.put_data(tag, amount(value)) for tag, value in values.items()]
        return self._script(*commands)

    def application_block(self) -> IssuerScript:
        """Close the application; :meth:`application_unblock` opens it again."""
        return self._script(pboc.application_block())

    def application_unblock(self) -> IssuerScript:
        """Open the application."""
        return self._script(pboc.application_unblock())

    def card_block(self) -> IssuerScript:
        """Close the card for good."""
        return self._script(pboc.card_block())

    def pin_unblock(self) -> IssuerScript:
        """Give back all tries of the offline PIN."""
        return self._script(pboc.change_pin(pboc.UNBLOCK))

    def pin_change(
        self, new: Secret, current: Secret | None, mask: Literal["enc", "ac"]
    ) -> IssuerScript:
        """Set the offline PIN, ASCII digits; with ``current`` in the form P2 = 01."""
        p2 = pboc.CHANGE if current is None else pboc.CHANGE_WITH_CURRENT
        data = self.issuer.pin_data(self.card, self.atc, new, current, mask=mask)
        return self._script(pboc.change_pin(p2, data))

    def _script(self, *commands: Command) -> IssuerScript:
        return IssuerScript(tuple(self._finished(command) for command in commands))

    def _finished(self, command: Command) -> bytes:
        head = bytes((command.cla, command.ins, command.p1, command.p2))
        mac = self.issuer.script_mac(self.card, self.atc, self.cryptogram, head, command.data)
        return bytes(pboc.with_mac(command, mac))
