"""What has been learned about a type of card, so that the next one costs fewer exchanges."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Habits:
    """Abilities of one card type; None means not tried yet."""

    sfi: bool | None = None
    """Whether files may be addressed by their short identifier."""
    binary_sfi: bool | None = None
    """Whether files of plain bytes may be, too."""
    all_records: bool | None = None
    """Whether READ RECORD gives all records at once."""
    closed_files: set[str] = field(default_factory=set)
    """Files (``SSSE.EF05``) whose update was refused before a key was authenticated."""


class HabitBook:
    """Habits by card type; the type is what the maker put before the serial in the ATR."""

    def __init__(self) -> None:
        self._habits: dict[bytes, Habits] = {}

    def of(self, historical: bytes) -> Habits:
        """The habits of cards with these historical bytes, apart from region and serial."""
        return self._habits.setdefault(historical[:-6], Habits())
