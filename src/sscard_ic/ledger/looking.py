"""Looking into a ledger without changing anything, not even by the files SQLite makes beside it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import sqlalchemy as sa

from sscard_ic.base.clock import SystemClock
from sscard_ic.ledger.audit import AuditLog
from sscard_ic.ledger.database import Database
from sscard_ic.ledger.tables import audit


def audit_of(path: Path) -> AuditLog | None:
    """The audit log of the ledger at ``path``, to be read; None when it has none yet.

    Raises :class:`InputError` for a file that is no ledger. What is being written by another
    program is seen as it was when that program wrote last.
    """
    database = Database(_engine(path), path)
    with database.read() as connection:
        if not sa.inspect(connection).has_table(audit.name):
            return None
    return AuditLog(database, SystemClock())


def _engine(path: Path) -> sa.Engine:
    def connect() -> sqlite3.Connection:
        log = path.with_name(f"{path.name}-wal")
        # Without a write-ahead log nobody has it open, and nothing but the file need be read.
        alone = "&immutable=1" if not log.exists() or not log.stat().st_size else ""
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro{alone}", uri=True)

    return sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)
