"""What a terminal without a PSAM remembers: its transaction numbers, and every transaction.

A file of SQLite that several programs may use at once. Names and numbers of holders are not in
it; a transaction is found by the card's division code and factor.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter

from sscard_ic.apdu.medical import LARGEST_AMOUNT
from sscard_ic.base.errors import InputError, Text
from sscard_ic.card.medical_records import DebitResult, Pending, PendingDebit, Result

_LARGEST_NUMBER = LARGEST_AMOUNT
_WAIT = 10.0
"""Seconds to wait for another program that writes."""

_PENDING: TypeAdapter[Pending] = TypeAdapter(Pending)
_RESULT: TypeAdapter[Result] = TypeAdapter(Result)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS numbers (terminal TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS transactions (
    id INTEGER PRIMARY KEY,
    division_code TEXT NOT NULL,
    card_factor BLOB NOT NULL,
    pending TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('begun', 'made', 'void')),
    result TEXT,
    offline_blocked INTEGER
);
CREATE INDEX IF NOT EXISTS by_card ON transactions (division_code, card_factor);
"""


class TerminalBook:
    """Transaction numbers and journal of a terminal, in ``path``; a context manager.

    Raises :class:`InputError` when the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._database = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
            try:
                self._database.execute("PRAGMA synchronous = FULL")
                self._database.executescript(_SCHEMA)
            except BaseException:
                self._database.close()
                raise

    def __enter__(self) -> TerminalBook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def next_number(self, terminal: bytes) -> int:
        """A transaction number that this terminal has never used: 1, 2, 3 …

        Raises :class:`InputError` when all are used.
        """
        with self._told():
            (number,) = self._database.execute(
                "INSERT INTO numbers VALUES (?, 1) "
                "ON CONFLICT (terminal) DO UPDATE SET last = last + 1 RETURNING last",
                (terminal.hex(),),
            ).fetchone()
        if number > _LARGEST_NUMBER:
            raise InputError(
                Text("终端交易序号已用完", "all transaction numbers of the terminal are used"),
                where=terminal.hex(),
                hint=Text("请换一个终端机编号", "use another terminal number"),
            )
        return int(number)

    def begin(self, pending: Pending) -> None:
        """Note a transaction before the card can make it; on the disk when this returns."""
        with self._told():
            self._database.execute(
                "INSERT INTO transactions (division_code, card_factor, pending, state) "
                "VALUES (?, ?, ?, 'begun')",
                (pending.division_code, pending.card_factor, _written(pending)),
            )

    def end(self, pending: Pending, result: Result | None) -> None:
        """Note what became of it."""
        told, blocked = None, None
        if result is not None:
            told = result.model_dump_json(exclude={"problems": True, "pending": {"holder"}})
            if isinstance(result, DebitResult) and (result.offline_blocked or result.offline):
                blocked = result.offline_blocked
        with self._told():
            self._database.execute(
                "UPDATE transactions SET state = ?, result = ?, offline_blocked = ? "
                "WHERE division_code = ? AND card_factor = ? AND pending = ?",
                (
                    "void" if result is None else "made",
                    told,
                    blocked,
                    pending.division_code,
                    pending.card_factor,
                    _written(pending),
                ),
            )

    def unfinished(self, division_code: str, card_factor: bytes) -> Pending | None:
        """The transaction with this card that was begun and not ended."""
        rows = self._rows(
            "SELECT pending FROM transactions WHERE state = 'begun' "
            "AND division_code = ? AND card_factor = ? ORDER BY id LIMIT 1",
            (division_code, card_factor),
        )
        return _PENDING.validate_json(rows[0][0]) if rows else None

    def blocks_offline(self, division_code: str, card_factor: bytes) -> bool:
        """Whether the last settlement that touched the card's offline data left them incomplete."""
        rows = self._rows(
            "SELECT offline_blocked FROM transactions WHERE offline_blocked IS NOT NULL "
            "AND division_code = ? AND card_factor = ? ORDER BY id DESC LIMIT 1",
            (division_code, card_factor),
        )
        return bool(rows and rows[0][0])

    def results(self) -> Sequence[Result]:
        """What was made, the oldest first, without holders and problems."""
        rows = self._rows("SELECT result FROM transactions WHERE state = 'made' ORDER BY id", ())
        return [_RESULT.validate_json(row[0]) for row in rows]

    def _rows(self, query: str, values: Sequence[object]) -> list[tuple[str, ...]]:
        with self._told():
            return self._database.execute(query, tuple(values)).fetchall()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the file in words."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise InputError(
                Text(f"终端账簿无法读写：{error}", f"the book of the terminal fails: {error}"),
                where=str(self._path),
                hint=Text("请检查路径、权限和磁盘空间", "check path, permissions and free space"),
            ) from error


def _written(pending: Pending) -> str:
    kept = {"holder"} if isinstance(pending, PendingDebit) else set()
    return pending.model_dump_json(exclude=kept)
