"""What lies in the ledger sealed, and what is compared by digest alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from sscard_ic.base.sealing import Digester, Sealer
from sscard_ic.ledger import errors
from sscard_ic.ledger.database import Database
from sscard_ic.ledger.tables import batches, cards

Value = TypeVar("Value")

_CHUNK = 500
"""Values in one IN list; below the limits of every SQLite."""


class SealedContents:
    """Seals and opens the columns of ``cards``; a ledger opened without a vault has no means to.

    Every method but the constructor raises :class:`SscardError` then.
    """

    def __init__(
        self, database: Database, sealer: Sealer | None, digester: Digester | None
    ) -> None:
        self._database = database
        self._sealer_or_none = sealer
        self._digester_or_none = digester

    def seal(self, value: bytes, batch: str, row: int, column: str) -> bytes:
        """``value``, bound to its place: sealed values cannot be exchanged between rows."""
        return self._sealer.seal(value, _context(batch, row, column))

    def read(self, card_ids: Sequence[int], column: sa.Column[Any]) -> dict[int, bytes]:
        """Card id → value of the column in the clear, of those of the cards that have one."""
        sealer = self._sealer
        found: dict[int, bytes] = {}
        with self._database.read() as connection:
            for chunk in chunks(card_ids):
                query = (
                    sa.select(cards.c.id, batches.c.name, cards.c.row, column)
                    .join(batches, cards.c.batch_id == batches.c.id)
                    .where(cards.c.id.in_(chunk), column.is_not(None))
                )
                for card_id, batch, row, sealed in connection.execute(query):
                    found[card_id] = sealer.unseal(sealed, _context(batch, row, column.name))
        return found

    def digest(self, number: str) -> str:
        """What the ledger compares card numbers by."""
        if self._digester_or_none is None:
            raise errors.locked()
        return self._digester_or_none.digest(number, "cards/card_number")

    @property
    def _sealer(self) -> Sealer:
        if self._sealer_or_none is None:
            raise errors.locked()
        return self._sealer_or_none


def chunks(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """Portions for one IN list each."""
    return (values[at : at + _CHUNK] for at in range(0, len(values), _CHUNK))


def _context(batch: str, row: int, column: str) -> str:
    return f"cards/{batch}/{row}/{column}"
