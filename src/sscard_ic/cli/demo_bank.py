"""The bank's application of a card of the demo, read as a terminal reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sscard_ic.base.clock import SystemClock
from sscard_ic.card import FinancialCard
from sscard_ic.card.financial.authenticating import authenticate_read
from sscard_ic.card.financial.data import FinancialData
from sscard_ic.card.financial.offline import OfflineResult
from sscard_ic.card.financial.terminal import TerminalSettings
from sscard_ic.cli.bank_report import data_json, print_data
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.profile.payment_authorities import load_authorities
from sscard_ic.reader import Connection, open_session


@dataclass(frozen=True, slots=True)
class CardBank:
    """What the bank's application of one card tells."""

    image: Path
    found: FinancialData
    offline: OfflineResult

    def to_json(self) -> dict[str, Any]:
        """For ``summary.json``, its number masked."""
        return {
            "card": str(self.image),
            **data_json(self.found, self.offline, show_pan=False),
        }

    def show(self) -> None:
        """The table of ``sscard bank read``."""
        print_data(self.found, self.offline, SystemClock().today(), show_pan=False)


def read_bank(connection: Connection, model: FinancialApplication, image: Path) -> CardBank:
    """Read a card; it counts one transaction for it."""
    card = FinancialCard(open_session(connection), model)
    opened = card.open()
    terminal = TerminalSettings(authorities=load_authorities())
    offline = authenticate_read(card, opened, terminal, SystemClock().today())
    return CardBank(image, card.told(opened), offline)


def bank_commands(command: str, image: Path) -> list[str]:
    """What to try next with the card."""
    return [
        f"{command} bank load 50 --reader virtual:{image}",
        f"{command} bank transact 12.30 --way cash --reader virtual:{image}",
    ]
