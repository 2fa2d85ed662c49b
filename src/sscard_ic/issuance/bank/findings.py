"""What the checks of a card's data find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sscard_ic.base.errors import Text

Level = Literal["error", "warning"]
"""An error: terminals or the bank refuse the card. A warning: against a recommendation."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; names tags and groups, never a holder's data."""

    rule: str
    """Stable name of the rule, for programs."""
    level: Level
    where: str
    """Application, group, record or way; empty for the card as a whole."""
    text: Text

    def to(self, language: Literal["zh", "en"]) -> str:
        """One line for people."""
        head = f"{self.where}: " if self.where else ""
        return head + self.text.to(language)


def error(rule: str, where: str, zh: str, en: str) -> Finding:
    """A finding that makes the card unusable."""
    return Finding(rule, "error", where, Text(zh, en))


def warning(rule: str, where: str, zh: str, en: str) -> Finding:
    """A finding against a recommendation."""
    return Finding(rule, "warning", where, Text(zh, en))
