"""The time of day, given from outside so that tests can hold it still."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol


class Clock(Protocol):
    """Answers what time it is."""

    def now(self) -> datetime:
        """The present moment, UTC."""
        ...

    def today(self) -> date:
        """The present day in local time."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """The present day in local time."""
        return datetime.now().astimezone().date()


@dataclass(frozen=True, slots=True)
class FixedClock:
    """A clock that stands still at ``moment``."""

    moment: datetime

    def now(self) -> datetime:
        """The fixed moment."""
        return self.moment

    def today(self) -> date:
        """The day of the fixed moment."""
        return self.moment.date()
