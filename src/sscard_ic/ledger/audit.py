"""The audit log: who did what and when, in a chain that shows what was done to it."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sscard_ic.base.authority import AuditEvent
from sscard_ic.base.clock import Clock
from sscard_ic.ledger import audit_check, errors
from sscard_ic.ledger.audit_check import AuditReport
from sscard_ic.ledger.audit_form import START, AuditEntry, AuditHead, AuditRow, compose, moment
from sscard_ic.ledger.database import Database
from sscard_ic.ledger.tables import audit

_PAGE = 1000
"""Entries read at a time."""

_COLUMNS = [column for column in audit.c if column.name != "seq"]
# As bytes: whatever was written into the file from outside can be read, and told.
_ROWS = sa.select(
    audit.c.seq, *(sa.cast(column, sa.LargeBinary).label(column.name) for column in _COLUMNS)
)


class AuditLog:
    """The audit log of a ledger; an :class:`~sscard_ic.base.authority.AuditSink`.

    It only grows: the database refuses every change of an entry, and the chain of hashes shows
    what was done to the file behind its back. Any number of threads and processes write one chain.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def record(self, event: AuditEvent) -> None:
        """Write ``event`` down; it is on the disk when this returns.

        Raises :class:`InputError` when the ledger cannot be written.
        """
        with self._database.write() as connection:
            self.append(connection, event)

    def append(self, connection: Connection, event: AuditEvent) -> None:
        """The same within a transaction of the ledger: with what else it does, or not at all.

        Raises :class:`SscardError` when the database does not take the entry.
        """
        last, clock = _head(connection), type(self._clock).__name__
        row = compose(event, last, self._clock.now(), clock=clock, host=platform.node())
        try:
            connection.execute(sa.insert(audit), row._asdict())
        except (sa.exc.IntegrityError, OverflowError) as error:
            raise errors.audit_refuses(row.seq) from error

    def verify(self, expected_head: AuditHead | None = None) -> AuditReport:
        """Check every entry, up to the first that is wrong (:mod:`~.audit_check`).

        Against ``expected_head``, a head noted elsewhere before, entries cut off at the end and a
        log written anew show, too.
        """
        return audit_check.verify(self.rows, expected_head)

    def head(self) -> AuditHead:
        """The newest entry; number 0 and zeros while there is none."""
        with self._database.read() as connection:
            return _head(connection)

    def entries(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[AuditEntry]:
        """The entries, oldest first, or those that fit.

        ``action`` is a whole word (``key.destroy``) or its first part (``key``), ``actor`` a name
        as it stands there; ``since`` is included, ``until`` is not. Hashes are not checked here.
        """
        query = _ROWS
        if action is not None:
            part = audit.c.action.startswith(f"{action}.", autoescape=True)
            query = query.where(sa.or_(audit.c.action == action, part))
        if since is not None:
            query = query.where(audit.c.at >= moment(since))
        if until is not None:
            query = query.where(audit.c.at < moment(until))
        for row in self._pages(query):
            entry = row.entry()
            if actor is None or actor in entry.event.actors:
                yield entry

    def rows(self, upto: AuditHead | None = None) -> Iterator[AuditRow]:
        """The rows as they lie in the file, oldest first, up to and including ``upto``."""
        query = _ROWS if upto is None else _ROWS.where(audit.c.seq <= upto.seq)
        return self._pages(query)

    def _pages(self, query: sa.Select[Any]) -> Iterator[AuditRow]:
        # One short transaction a page: entries never change, and a reader that stays is no harm.
        after: int | None = None
        while True:
            page = query if after is None else query.where(audit.c.seq > after)
            with self._database.read() as connection:
                found = list(_fetch(connection, page.order_by(audit.c.seq).limit(_PAGE)))
            yield from found
            if len(found) < _PAGE:
                return
            after = found[-1].seq


def _fetch(connection: Connection, query: sa.Select[Any]) -> Iterator[AuditRow]:
    """The rows of a query over ``_ROWS``."""
    for seq, *values in connection.execute(query):
        yield AuditRow(seq, *((value or b"").decode(errors="surrogateescape") for value in values))


def _head(connection: Connection) -> AuditHead:
    last = next(_fetch(connection, _ROWS.order_by(audit.c.seq.desc()).limit(1)), None)
    return AuditHead(0, START) if last is None else AuditHead(last.seq, last.hash)
