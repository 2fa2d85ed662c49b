"""Whether the audit log is as it was written: the first place where its chain breaks, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from sscard_ic.base.errors import Text
from sscard_ic.ledger.audit_form import START, AuditHead, AuditRow

Kind = Literal["altered", "missing", "inserted", "order"]

_FAR = 1000
"""Entries that may be missing before one whose number was changed, for it to be recognised."""


@dataclass(frozen=True, slots=True)
class AuditBreak:
    """Entry ``seq`` is not what was written as number ``seq``."""

    seq: int
    kind: Kind
    reason: Text


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a check has found."""

    head: AuditHead
    """The newest entry that was checked, and found whole unless ``broken`` names it."""
    broken: AuditBreak | None


class Rows(Protocol):
    """The rows of the log, oldest first, from the first again at each call."""

    def __call__(self) -> Iterator[AuditRow]: ...


def verify(rows: Rows, expected_head: AuditHead | None = None) -> AuditReport:
    """Check every entry, up to the first that is wrong.

    Without ``expected_head``, noted elsewhere before, entries cut off at the end and a log written
    anew cannot be seen.
    """
    last = AuditHead(0, START)
    for row in rows():
        broken = _fault(rows, row, last)
        if broken is None and expected_head is not None and row.seq == expected_head.seq:
            broken = _unexpected(row, expected_head)
        if broken is not None:
            return AuditReport(last, broken)
        last = AuditHead(row.seq, row.hash)
    if expected_head is not None and last.seq < expected_head.seq:
        return AuditReport(last, _missing(last.seq + 1, expected_head.seq))
    return AuditReport(last, None)


def _fault(rows: Rows, row: AuditRow, last: AuditHead) -> AuditBreak | None:
    number = last.seq + 1
    if row.seq < number:
        return _inserted(row.seq)
    if row.seq == number and row.digest() == row.hash:
        if row.prev != last.hash:
            return _replaced(last.seq)
        return None if row.is_canonical() else _altered(row.seq)
    moved = next(_standing_elsewhere(rows, number, last), None)
    if row.seq > number:
        return _missing(number, row.seq - 1) if moved is None else _order(number, moved)
    return _renumbered(row, _written_as(rows, row), moved)


def _renumbered(row: AuditRow, written: int | None, moved: int | None) -> AuditBreak:
    """Entry ``row.seq`` was not written so: as number ``written``, if that is known.

    What was written instead stands as number ``moved`` now, if anywhere.
    """
    if written is None:
        return _altered(row.seq) if moved is None else _inserted(row.seq)
    if written < row.seq:
        return _inserted(row.seq)
    return _missing(row.seq, written - 1) if moved is None else _order(row.seq, moved)


def _standing_elsewhere(rows: Rows, number: int, last: AuditHead) -> Iterator[int]:
    """Where the entry that was written as ``number`` stands now."""
    for row in rows():
        if row.prev == last.hash and row.seq != number and row.number(range(number, number + 1)):
            yield row.seq


def _written_as(rows: Rows, row: AuditRow) -> int | None:
    """The number with which the entry has its hash."""
    # Counted, not the highest: whoever writes numbers into the file may write any.
    entries = sum(1 for _ in rows())
    return row.number(range(1, entries + _FAR))


def _unexpected(row: AuditRow, expected: AuditHead) -> AuditBreak | None:
    if row.hash == expected.hash:
        return None
    return AuditBreak(
        row.seq,
        "altered",
        Text(
            f"第 {row.seq} 条不是当时记下的那一条：日志至此已被重写",
            f"entry {row.seq} is not the one whose hash was noted: "
            "the log up to it has been written anew",
        ),
    )


def _altered(seq: int) -> AuditBreak:
    return AuditBreak(
        seq,
        "altered",
        Text(
            f"第 {seq} 条的内容或哈希已被改动",
            f"the content or the hash of entry {seq} has been altered",
        ),
    )


def _replaced(seq: int) -> AuditBreak:
    """Both this entry and the next have their hashes, but the next was written after another."""
    if seq == 0:
        return AuditBreak(
            1,
            "altered",
            Text("第 1 条不是日志的开头", "entry 1 is not the beginning of the log"),
        )
    return AuditBreak(
        seq,
        "altered",
        Text(
            f"第 {seq} 条已被替换：第 {seq + 1} 条是接在另一条之后写的",
            f"entry {seq} has been replaced: entry {seq + 1} was written after another one",
        ),
    )


def _missing(first: int, last: int) -> AuditBreak:
    if first == last:
        reason = Text(f"缺少第 {first} 条", f"entry {first} is missing")
    else:
        reason = Text(f"缺少第 {first} 至 {last} 条", f"entries {first} to {last} are missing")
    return AuditBreak(first, "missing", reason)


def _inserted(seq: int) -> AuditBreak:
    return AuditBreak(
        seq,
        "inserted",
        Text(
            f"第 {seq} 条是后来插入的，或其前有插入",
            f"entry {seq} was put in later, or another one before it",
        ),
    )


def _order(number: int, moved: int) -> AuditBreak:
    return AuditBreak(
        number,
        "order",
        Text(
            f"顺序已被改动：第 {number} 条现为第 {moved} 条",
            f"the order has been changed: entry {number} stands as number {moved}",
        ),
    )
