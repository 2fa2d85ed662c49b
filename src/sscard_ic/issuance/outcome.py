"""What a run did: one record for each station, and their sum."""

from __future__ import annotations

from dataclasses import dataclass, field

from sscard_ic.base.errors import SscardError, Text
from sscard_ic.reader.errors import ReaderError

MAX_BAD_IN_A_ROW = 2
"""Bad cards one after the other that end a station: the fault is then hardly the card's."""

MAX_INTERRUPTED_IN_A_ROW = 5
"""Interruptions one after the other, without a good card, that end a station."""


MAX_REFUSED_IN_A_ROW = 5
"""Persons whom the certificate authority refuses, without a good card in between, that end a
station: the fault is then hardly theirs, and every one costs a card."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """A card that did not answer any more, or was taken out; it is left as it is."""

    reader: str
    row: int | None
    """The row it was in work for; None before that was known."""
    error: ReaderError

    @property
    def text(self) -> Text:
        """What happened, for a person who can put the card in again."""
        what, where, hint = self.error.what, self.reader, self.error.hint
        if self.row is None:
            zh, en = (f"\n  → {hint.zh}", f"\n  → {hint.en}") if hint else ("", "")
            return Text(f"{where}：{what.zh}{zh}", f"{where}: {what.en}{en}")
        return Text(
            f"{where}：第 {self.row} 行的卡中断（{what.zh}）；重新放入此卡即可继续",
            f"{where}: the card of row {self.row} was interrupted ({what.en}); "
            "put it in again to continue",
        )


@dataclass(slots=True)
class StationOutcome:
    """What one station did; kept up to date while it works, written by its thread alone."""

    reader: str
    good: int = 0
    failures: list[tuple[int, SscardError]] = field(default_factory=list)
    """Row and error of every card that turned out bad; its row waits for another blank."""
    rejected: list[SscardError] = field(default_factory=list)
    """Cards that are no blanks of this batch: used ones, foreign ones."""
    refusals: list[tuple[int, SscardError]] = field(default_factory=list)
    """Row and error of every person whom the certificate authority refused; the row has failed."""
    interruptions: list[Interruption] = field(default_factory=list)
    bad_in_a_row: int = 0
    """Bad cards since the last good one."""
    interrupted_in_a_row: int = 0
    """Interruptions since the last good card."""
    refused_in_a_row: int = 0
    """Persons refused since the last good card."""
    error: BaseException | None = None
    """What went wrong outside the card, and ended the whole run."""

    def made_one(self) -> None:
        """A card has become good."""
        self.good += 1
        self.bad_in_a_row = self.interrupted_in_a_row = self.refused_in_a_row = 0

    @property
    def stopped(self) -> bool:
        """Whether it takes no more cards because card after card was bad."""
        return self.bad_in_a_row >= MAX_BAD_IN_A_ROW

    @property
    def broken_off(self) -> bool:
        """Whether it takes no more cards because of interruption after interruption."""
        return self.interrupted_in_a_row >= MAX_INTERRUPTED_IN_A_ROW

    @property
    def turned_away(self) -> bool:
        """Whether it takes no more cards because person after person was refused."""
        return self.refused_in_a_row >= MAX_REFUSED_IN_A_ROW

    @property
    def over(self) -> bool:
        """Whether it takes no more cards."""
        return self.stopped or self.broken_off or self.turned_away

    @property
    def clean(self) -> bool:
        """Whether every card that was judged is good, and it could go on."""
        return not (self.failures or self.rejected or self.refusals or self.over)

    @property
    def end(self) -> Text | None:
        """Why it takes no more cards and what to do; None while it goes on."""
        if self.stopped:
            return Text(
                f"{self.reader}：连续坏卡，已停止；请检查空白卡、读写器与规范",
                f"{self.reader}: card after card was bad, so it stopped; "
                "check blanks, reader and profile",
            )
        if self.turned_away:
            cause = self.refusals[-1][1].what
            return Text(
                f"{self.reader}：证书机构连续拒绝 {self.refused_in_a_row} 人，已停止"
                f"（{cause.zh}）；请与证书机构核实",
                f"{self.reader}: the certificate authority refused {self.refused_in_a_row} "
                f"persons one after the other, so it stopped ({cause.en}); settle it with them",
            )
        if self.broken_off:
            cause = self.interruptions[-1].error.what
            return Text(
                f"{self.reader}：连续 {self.interrupted_in_a_row} 次中断，已停止"
                f"（{cause.zh}）；请检查读写器",
                f"{self.reader}: {self.interrupted_in_a_row} interruptions one after the other, "
                f"so it stopped ({cause.en}); check the reader",
            )
        return None


@dataclass(slots=True)
class Outcome:
    """What a run did, all stations together; lists are in the order of rows."""

    stations: list[StationOutcome] = field(default_factory=list)
    unprepared: list[tuple[int, SscardError]] = field(default_factory=list)
    """Rows for which no plan could be made."""

    @property
    def good(self) -> int:
        """Cards made."""
        return sum(station.good for station in self.stations)

    @property
    def failures(self) -> list[tuple[int, SscardError]]:
        """Row and error of every card that turned out bad."""
        found = [failure for station in self.stations for failure in station.failures]
        return sorted(found, key=lambda failure: failure[0])

    @property
    def rejected(self) -> list[SscardError]:
        """Cards that are no blanks of this batch."""
        return [error for station in self.stations for error in station.rejected]

    @property
    def refusals(self) -> list[tuple[int, SscardError]]:
        """Row and error of every person whom the certificate authority refused."""
        found = [refusal for station in self.stations for refusal in station.refusals]
        return sorted(found, key=lambda refusal: refusal[0])

    @property
    def interruptions(self) -> list[Interruption]:
        """Every interruption; those of no row first."""
        found = [entry for station in self.stations for entry in station.interruptions]
        return sorted(found, key=lambda entry: entry.row or 0)

    @property
    def ends(self) -> list[Text]:
        """Why stations take no more cards, for those that do not."""
        return [station.end for station in self.stations if station.end]

    @property
    def errors(self) -> list[tuple[str, BaseException]]:
        """Reader and error of every station at which something went wrong outside the card."""
        return [(s.reader, s.error) for s in self.stations if s.error is not None]

    @property
    def stopped(self) -> bool:
        """Whether a station takes no more cards."""
        return any(station.over for station in self.stations)

    @property
    def clean(self) -> bool:
        """Whether every card that was judged is good, and every station could go on."""
        return not self.unprepared and all(station.clean for station in self.stations)
