"""What ``sscard batch run`` says in the end: to the person, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sscard_ic.base.errors import SscardError, Text
from sscard_ic.cli.common import language, say
from sscard_ic.issuance.foreman import IN_WORK
from sscard_ic.issuance.outcome import Interruption, Outcome, StationOutcome
from sscard_ic.ledger import CardState, Ledger


@dataclass(frozen=True, slots=True)
class Left:
    """What the ledger says after the run."""

    waiting: int
    """Rows still to make."""
    failed: int
    """Rows given up."""
    in_work: frozenset[int]
    """Rows whose card has been begun and not ended."""


def waiting(ledger: Ledger, batch: str) -> int:
    """Rows of a batch still to make."""
    counts = ledger.counts(batch)
    return sum(
        count
        for state, count in counts.items()
        if CardState.ACCEPTED.rank <= state.rank < CardState.VERIFIED.rank
    )


def left_over(ledger: Ledger, batch: str) -> Left:
    """What is left of a batch now."""
    return Left(
        waiting(ledger, batch),
        ledger.counts(batch).get(CardState.FAILED, 0),
        frozenset(card.row for card in ledger.cards_of(batch, IN_WORK)),
    )


def missing(outcome: Outcome, left: Left) -> list[Interruption]:
    """The last interruption of every row whose card has not come back."""
    last = {entry.row: entry for entry in outcome.interruptions}
    return [entry for row, entry in last.items() if row in left.in_work]


def outcome_json(outcome: Outcome, left: Left, exchanges: int) -> dict[str, Any]:
    """The documented form for programs."""
    return {
        "good": outcome.good,
        "left": left.waiting,
        "failed": left.failed,
        "stopped": outcome.stopped,
        "bad": _rows(outcome.failures),
        "unprepared": _rows(outcome.unprepared),
        "refused": _rows(outcome.refusals),
        "rejected": [
            {"card": error.where, "message": error.what.to(language())}
            for error in outcome.rejected
        ],
        "interrupted": [
            {
                "row": entry.row,
                "reader": entry.reader,
                "message": entry.error.what.to(language()),
                "kind": entry.error.kind,
            }
            for entry in outcome.interruptions
        ],
        "readers": [_reader(station) for station in outcome.stations],
        "exchanges": exchanges,
        "interrupted_by_user": False,
    }


def _rows(failures: Sequence[tuple[int, SscardError]]) -> list[dict[str, Any]]:
    return [{"row": row, "message": error.what.to(language())} for row, error in failures]


def _reader(station: StationOutcome) -> dict[str, Any]:
    return {
        "reader": station.reader,
        "good": station.good,
        "bad": len(station.failures),
        "rejected": len(station.rejected),
        "refused": len(station.refusals),
        "interrupted": len(station.interruptions),
        "end": station.end.to(language()) if station.end else None,
    }


def say_outcome(
    outcome: Outcome, left: Left, *, limited: bool = False, stopped: bool = False
) -> None:
    """What was not good, the sum, and what to do next.

    ``stopped``: something outside the cards has ended the run, and is told after this.
    """
    for row, error in (*outcome.unprepared, *outcome.failures, *outcome.refusals):
        say(Text(f"第 {row} 行：{error.what.zh}", f"row {row}: {error.what.en}"))
        _say_hint(error)
    for error in outcome.rejected:
        card = error.where
        say(Text(f"拒收卡 {card}：{error.what.zh}", f"card {card} was rejected: {error.what.en}"))
        _say_hint(error)
    _say_in_work(missing(outcome, left), left, in_readers=stopped)
    if len(outcome.stations) > 1:
        for station in outcome.stations:
            _say_station(station)
    say(
        Text(
            f"合格 {outcome.good} 张；待制 {left.waiting} 行，失败 {left.failed} 行",
            f"good cards: {outcome.good}; rows still to make: {left.waiting}, "
            f"failed: {left.failed}",
        )
    )
    for end in outcome.ends:
        say(end)
    if stopped:
        say(
            Text(
                "运行因下列原因停止；排除后再次运行，在制的卡即继续",
                "the run was stopped by what follows; run it again once that is mended, and cards "
                "in work go on",
            )
        )
    elif outcome.ends and left.waiting:
        say(Text("  → 然后再次运行", "  → then run it again"))
    elif left.waiting > len(left.in_work) and not limited:
        say(Text("放入空白卡后再次运行即可继续", "put blanks in and run it again to continue"))
    if left.failed:
        say(Text("失败的行可用 --retry-failed 重做", "--retry-failed makes failed rows again"))


def _say_hint(error: SscardError) -> None:
    if error.hint:
        say(Text(f"  → {error.hint.zh}", f"  → {error.hint.en}"))


def _say_in_work(
    interrupted: Sequence[Interruption], left: Left, *, in_readers: bool = False
) -> None:
    """Every row whose card is half made; those that were interrupted with the cause.

    ``in_readers``: the others are where they were.
    """
    for entry in interrupted:
        _say_missing(entry)
    others = sorted(left.in_work.difference(entry.row for entry in interrupted if entry.row))
    if not others:
        return
    rows = [str(row) for row in others]
    lost = " ".join(f"--lost {row}" for row in rows)
    say(
        Text(
            f"第 {'、'.join(rows)} 行的卡还没有做完",
            f"cards of these rows have been begun and are not finished: {', '.join(rows)}",
        )
    )
    if in_readers:
        return
    say(
        Text(
            f"  → 放入这些卡后再次运行；卡已丢失时用 {lost}",
            f"  → put them in and run it again; where they are lost: {lost}",
        )
    )


def _say_missing(entry: Interruption) -> None:
    row, reader, what = entry.row, entry.reader, entry.error.what
    say(
        Text(
            f"第 {row} 行：卡在 {reader} 制作中途中断（{what.zh}），没有放回",
            f"row {row}: its card was interrupted at {reader} in the middle ({what.en}) "
            "and has not come back",
        )
    )
    say(
        Text(
            f"  → 放入此卡后再次运行；卡已丢失时用 --lost {row}",
            f"  → put it in and run it again; where it is lost: --lost {row}",
        )
    )


def _say_station(station: StationOutcome) -> None:
    bad = len(station.failures) + len(station.rejected) + len(station.refusals)
    stops = len(station.interruptions)
    say(
        Text(
            f"  {station.reader}：合格 {station.good}，坏卡或拒收 {bad}，中断 {stops}",
            f"  {station.reader}: good {station.good}, bad or rejected {bad}, interrupted {stops}",
        )
    )
