"""The ledger: batches and cards, their journal and their serial numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sscard_ic.base.authority import AuditEvent
from sscard_ic.base.clock import Clock, SystemClock
from sscard_ic.base.sealing import Digester, Sealer
from sscard_ic.ledger import errors, queries, records
from sscard_ic.ledger.audit import AuditLog
from sscard_ic.ledger.database import Database, open_database
from sscard_ic.ledger.model import (
    Batch,
    Card,
    CardState,
    JournalEntry,
    NewBatch,
    NewCard,
    Order,
    Phase,
    Plan,
    Reason,
    SerialState,
    Step,
)
from sscard_ic.ledger.operators import Operators
from sscard_ic.ledger.sealed import SealedContents, chunks
from sscard_ic.ledger.serials import allot, settle
from sscard_ic.ledger.tables import batches, cards

_CLEARED: Mapping[str, None] = dict.fromkeys(
    ("plan", "grant", "result", "serial", "historical", "allotted_chip", "chip_serial")
)
"""What a row forgets when it waits for another blank."""


class Ledger:
    """Every ordered card, from the row of a batch file to its activation.

    Personal data and plans go in and out in the clear and lie in the file sealed; card numbers
    are compared by keyed digest. Methods are single transactions and may be called from any
    thread. Without ``sealer`` and ``digester`` only the parts in the clear can be used.
    """

    def __init__(
        self,
        database: Database,
        sealer: Sealer | None = None,
        digester: Digester | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._database = database
        self._sealed = SealedContents(database, sealer, digester)
        self.clock = clock or SystemClock()
        """What tells it the time."""
        self.audit = AuditLog(database, self.clock)
        self.operators = Operators(database, self.clock, self.audit)

    @classmethod
    def open(
        cls,
        path: Path,
        sealer: Sealer | None = None,
        digester: Digester | None = None,
        clock: Clock | None = None,
    ) -> Ledger:
        """The ledger file at ``path``, created or migrated when needed."""
        return cls(open_database(path), sealer, digester, clock)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- batches ---------------------------------------------------------------------------

    def batches(self) -> tuple[Batch, ...]:
        """All batches, in the order of import."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(batches).order_by(batches.c.id)).mappings()
            return tuple(records.batch(row) for row in rows)

    def batch(self, name: str) -> Batch:
        """The batch ``name``; raises :class:`InputError` naming the known ones."""
        with self._database.read() as connection:
            return self._batch(connection, name)

    def batch_of_source(self, sha256: str) -> Batch | None:
        """The batch that was imported from a file with this content."""
        query = sa.select(batches).where(batches.c.source_sha256 == sha256)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return records.batch(row) if row else None

    def ordered(self, card_numbers: Iterable[str]) -> dict[str, Order]:
        """Those of ``card_numbers`` that are ordered already (not failed), and where."""
        digests = {self._sealed.digest(number): number for number in card_numbers if number}
        found: dict[str, Order] = {}
        with self._database.read() as connection:
            for chunk in chunks(list(digests)):
                for digest, name, row in connection.execute(queries.ORDERED, {"digests": chunk}):
                    found[digests[digest]] = Order(name, row)
        return found

    def import_batch(
        self, new: NewBatch, rows: Sequence[NewCard], deed: AuditEvent | None = None
    ) -> Batch:
        """Store a batch with all its rows and the ``deed`` for the audit log, or nothing.

        Raises :class:`InputError` when the name is taken, or when a card number has been
        ordered by another program since it was checked.
        """
        values = [self._new_row(new.name, row) for row in rows]
        with self._database.write() as connection:
            taken = sa.select(batches.c.id).where(batches.c.name == new.name)
            if connection.execute(taken).first():
                raise errors.name_taken(new.name)
            head = {
                "name": new.name,
                "profile": new.profile,
                "source_name": new.source_name,
                "source_sha256": new.source_sha256,
                "batch_date": new.batch_date,
                "imported_at": self._now(),
                "rows": len(rows),
                "refused": sum(bool(row.reasons) for row in rows),
            }
            inserted = connection.execute(sa.insert(batches).values(head)).inserted_primary_key
            assert inserted is not None
            for value in values:
                value["batch_id"] = inserted[0]
            try:
                connection.execute(sa.insert(cards), values)
            except sa.exc.IntegrityError as error:
                raise errors.ordered_meanwhile(new.name) from error
            if deed is not None:
                self.audit.append(connection, deed)
            return self._batch(connection, new.name)

    def counts(self, batch: str) -> dict[CardState, int]:
        """Cards of ``batch`` in each state; states without cards are left out."""
        with self._database.read() as connection:
            rows = connection.execute(queries.COUNTS, {"batch": batch})
            found = {CardState(state): count for state, count in rows}
        return {state: found[state] for state in CardState if state in found}

    def count(self, batch: str, states: Collection[CardState], most: int) -> int:
        """Cards of ``batch`` in one of ``states``; counts no further than ``most``."""
        values = {"batch": batch, "states": sorted(states), "most": most}
        with self._database.read() as connection:
            return connection.execute(queries.COUNT_UP_TO, values).scalar_one()

    # -- cards -----------------------------------------------------------------------------

    def cards_of(self, batch: str, states: Collection[CardState] = ()) -> tuple[Card, ...]:
        """The cards of ``batch`` in the order of its rows; only those in ``states``, if any."""
        query = records.card_query().where(batches.c.name == batch).order_by(cards.c.row)
        if states:
            query = query.where(cards.c.state.in_(sorted(states)))
        with self._database.read() as connection:
            return tuple(records.card(row) for row in connection.execute(query).mappings())

    def card(self, card_id: int) -> Card:
        """The card as it is now."""
        with self._database.read() as connection:
            return self._card(connection, card_id)

    def card_by_chip(self, chip_serial: bytes) -> Card | None:
        """The card on the chip with this 6-byte serial, be it the factory's or the allotted."""
        with self._database.read() as connection:
            row = connection.execute(queries.CARD_BY_CHIP, {"chip": chip_serial}).mappings().first()
        return records.card(row) if row else None

    def holder(self, card_id: int) -> bytes:
        """The holder's record as it was imported."""
        return self.holders([card_id])[card_id]

    def holders(self, card_ids: Sequence[int]) -> dict[int, bytes]:
        """Card id → holder's record, of many cards at once."""
        return self._sealed.read(card_ids, cards.c.holder)

    def plan(self, card_id: int) -> bytes | None:
        """The plan of a prepared card."""
        return self._sealed.read([card_id], cards.c.plan).get(card_id)

    def grant(self, card_id: int) -> bytes | None:
        """What the certificate authority granted for the card."""
        return self._sealed.read([card_id], cards.c.grant).get(card_id)

    def result(self, card_id: int) -> bytes | None:
        """What was read back from the finished card."""
        return self.results([card_id]).get(card_id)

    def results(self, card_ids: Sequence[int]) -> dict[int, bytes]:
        """Card id → what was read back, of those of the cards that have been."""
        return self._sealed.read(card_ids, cards.c.result)

    def store_plans(self, plans: Mapping[int, Plan]) -> int:
        """Give accepted cards their plans; they become prepared. How many were stored.

        A plan is dropped when someone else has in the meantime prepared its card, or the card has
        got another serial number.
        """
        with self._database.write() as connection:
            values = []
            for card in self._cards(connection, list(plans)):
                plan = plans[card.id]
                if card.state is not CardState.ACCEPTED or card.serial != plan.serial:
                    continue
                sealed = self._sealed.seal(plan.blob, card.batch, card.row, "plan")
                values.append(
                    {
                        "card": card.id,
                        "state": CardState.PREPARED,
                        "historical": plan.historical,
                        "allotted_chip": plan.historical[7:13],
                        "plan": sealed,
                    }
                )
            if values:
                query = sa.update(cards).where(cards.c.id == sa.bindparam("card"))
                connection.execute(query, values)
            return len(values)

    def store_grant(self, card_id: int, grant: bytes) -> None:
        """Keep what the certificate authority granted, before the card is given any of it.

        Raises :class:`SscardError` for a row that has no card, or none any more.
        """
        with self._database.write() as connection:
            card = self._card(connection, card_id)
            if card.chip_serial is None or card.state is CardState.FAILED:
                raise errors.no_card(card)
            self._store_sealed(connection, card, cards.c.grant, grant)

    def store_result(self, card_id: int, result: bytes) -> None:
        """Keep what was read back from the card, for the return file."""
        with self._database.write() as connection:
            self._store_sealed(connection, self._card(connection, card_id), cards.c.result, result)

    def claim_next(self, batch: str, station: str, chip_serial: bytes) -> Card | None:
        """Take the next prepared card of ``batch`` for the blank in the reader.

        The card becomes started, with the chip's factory serial and a journal entry, in one
        transaction: two stations never get the same card. None when no prepared card is left.
        Raises :class:`SscardError` when the chip carries a card already.
        """
        with self._database.write() as connection:
            card_id = connection.execute(queries.NEXT_PREPARED, {"batch": batch}).scalar()
            if card_id is None:
                return None
            try:
                self._update(connection, card_id, state=CardState.STARTED, chip_serial=chip_serial)
            except sa.exc.IntegrityError as error:
                raise errors.chip_taken() from error
            self._write_journal(
                connection, card_id, Step.INITIALISE, Phase.BEGIN, chip_serial, station, ""
            )
            return self._card(connection, card_id)

    def complete(
        self,
        card_id: int,
        step: Step,
        state: CardState,
        *,
        station: str,
        chip_serial: bytes,
        note: str = "",
    ) -> None:
        """End a step and move the card to ``state``, both or neither.

        A verified card has used its serial number. Raises :class:`SscardError` for a step back;
        for failure use :meth:`fail`.
        """
        with self._database.write() as connection:
            self._write_journal(connection, card_id, step, Phase.END, chip_serial, station, note)
            self._advance(connection, card_id, state)

    def fail(self, card_id: int, reason: Reason, *, station: str, step: Step) -> None:
        """Give a card up: the reason is kept and journalled, its serial number is spoilt."""
        with self._database.write() as connection:
            card = self._card(connection, card_id)
            if card.state is CardState.REFUSED:
                raise errors.wrong_state(card, CardState.FAILED)
            self._write_journal(
                connection,
                card_id,
                step,
                Phase.FAILED,
                card.chip_serial,
                station,
                reason.message.en,
            )
            reasons = records.reasons_json((*card.reasons, reason))
            self._update(connection, card_id, state=CardState.FAILED, reasons=reasons)
            settle(connection, card_id, SerialState.SPOILT)

    def reopen_failed(self, batch: str) -> int:
        """Take the failed rows of ``batch`` up again, for other blanks; how many there were.

        A row whose card number has been ordered anew since stays failed.
        """
        again = cards.alias()
        ordered_anew = sa.exists().where(
            again.c.card_number_digest == cards.c.card_number_digest,
            again.c.state != CardState.FAILED,
        )
        with self._database.write() as connection:
            failed = sa.update(cards).where(
                cards.c.batch_id == self._batch(connection, batch).id,
                cards.c.state == CardState.FAILED,
                ~ordered_anew,
            )
            values = {"state": CardState.ACCEPTED, "reasons": records.reasons_json(()), **_CLEARED}
            return connection.execute(failed.values(values)).rowcount

    def spoil(self, card_id: int, *, station: str, step: Step, note: str) -> None:
        """The blank was bad: its number is spoilt, the card is accepted anew for another one.

        The journal keeps the bad chip's serial.
        """
        with self._database.write() as connection:
            card = self._card(connection, card_id)
            if not CardState.PREPARED.rank <= card.state.rank < CardState.VERIFIED.rank:
                raise errors.wrong_state(card, CardState.ACCEPTED)
            self._write_journal(
                connection,
                card_id,
                step,
                Phase.FAILED,
                card.chip_serial,
                station,
                note,
            )
            settle(connection, card_id, SerialState.SPOILT)
            self._update(connection, card_id, state=CardState.ACCEPTED, **_CLEARED)

    # -- journal ---------------------------------------------------------------------------

    def journal(
        self,
        card_id: int,
        step: Step,
        phase: Phase,
        *,
        station: str,
        chip_serial: bytes | None = None,
        note: str = "",
    ) -> None:
        """Write one line; ``note`` carries no personal data."""
        with self._database.write() as connection:
            self._write_journal(connection, card_id, step, phase, chip_serial, station, note)

    def journal_of(self, card_id: int) -> tuple[JournalEntry, ...]:
        """The lines of one card, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(queries.JOURNAL, {"card": card_id}).mappings()
            return tuple(records.journal_entry(row) for row in rows)

    # -- serial numbers --------------------------------------------------------------------

    def allot_serials(
        self, batch: str, division_code: str, first: int, last: int
    ) -> dict[int, int]:
        """Card id → serial number for every accepted card of ``batch``.

        A number belongs to its card from the moment it is allotted, so a run that is cut off
        loses none: the next one gets the same. Numbers count up from ``first`` for the first
        four digits of ``division_code``, which is what the ATR carries (ref 01 §9.6). Raises
        :class:`InputError` when fewer are left up to ``last``.
        """
        with self._database.write() as connection:
            return allot(connection, batch, division_code[:4], first, last)

    def serial_counts(self, batch: str) -> dict[SerialState, int]:
        """Serial numbers allotted for ``batch``, in each state; states without are left out."""
        with self._database.read() as connection:
            rows = connection.execute(queries.SERIAL_COUNTS, {"batch": batch})
            found = {SerialState(state): count for state, count in rows}
        return {state: found[state] for state in SerialState if state in found}

    # -- inside ----------------------------------------------------------------------------

    def _advance(self, connection: Connection, card_id: int, state: CardState) -> None:
        card = self._card(connection, card_id)
        if state is CardState.FAILED or card.state is CardState.FAILED:
            raise errors.wrong_state(card, state)
        if card.state is CardState.REFUSED or state.rank < card.state.rank:
            raise errors.wrong_state(card, state)
        self._update(connection, card_id, state=state)
        if state.rank >= CardState.VERIFIED.rank:
            settle(connection, card_id, SerialState.USED)

    def _now(self) -> str:
        return self.clock.now().isoformat(timespec="milliseconds")

    def _new_row(self, batch: str, row: NewCard) -> dict[str, Any]:
        state = CardState.REFUSED if row.reasons else CardState.ACCEPTED
        return {
            "row": row.row,
            "seq": row.seq,
            "state": state,
            "card_number_digest": None if row.reasons else self._sealed.digest(row.card_number),
            "holder": self._sealed.seal(row.holder, batch, row.row, "holder"),
            "reasons": records.reasons_json(row.reasons),
        }

    def _batch(self, connection: Connection, name: str) -> Batch:
        row = (
            connection.execute(sa.select(batches).where(batches.c.name == name)).mappings().first()
        )
        if row is None:
            known = list(
                connection.execute(sa.select(batches.c.name).order_by(batches.c.id)).scalars()
            )
            raise errors.unknown_batch(name, known)
        return records.batch(row)

    def _card(self, connection: Connection, card_id: int) -> Card:
        found = connection.execute(queries.CARD, {"card_id": card_id})
        return records.card(found.mappings().one())

    def _update(self, connection: Connection, card_id: int, **values: Any) -> None:
        connection.execute(queries.UPDATE_CARD.values(values), {"card_id": card_id})

    def _store_sealed(
        self, connection: Connection, card: Card, column: sa.Column[Any], value: bytes
    ) -> None:
        sealed = self._sealed.seal(value, card.batch, card.row, column.name)
        self._update(connection, card.id, **{column.name: sealed})

    def _cards(self, connection: Connection, card_ids: list[int]) -> Iterator[Card]:
        for chunk in chunks(card_ids):
            query = records.card_query().where(cards.c.id.in_(chunk))
            for row in connection.execute(query).mappings():
                yield records.card(row)

    def _write_journal(
        self,
        connection: Connection,
        card_id: int,
        step: Step,
        phase: Phase,
        chip_serial: bytes | None,
        station: str,
        note: str,
    ) -> None:
        entry = {
            "card_id": card_id,
            "step": step,
            "phase": phase,
            "at": self._now(),
            "chip_serial": chip_serial,
            "station": station,
            "note": note,
        }
        connection.execute(queries.WRITE_JOURNAL, entry)
