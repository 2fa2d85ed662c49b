"""Statements that every card meets several times: built once, executed with parameters."""

from __future__ import annotations

import sqlalchemy as sa

from sscard_ic.ledger import records
from sscard_ic.ledger.model import CardState
from sscard_ic.ledger.tables import batches, cards, journal, serials

COUNTS = (
    sa.select(cards.c.state, sa.func.count())
    .join(batches, cards.c.batch_id == batches.c.id)
    .where(batches.c.name == sa.bindparam("batch"))
    .group_by(cards.c.state)
)

_FOUND = (
    sa.select(cards.c.id)
    .where(
        cards.c.batch_id
        == sa.select(batches.c.id).where(batches.c.name == sa.bindparam("batch")).scalar_subquery(),
        cards.c.state.in_(sa.bindparam("states", expanding=True)),
    )
    .limit(sa.bindparam("most"))
)
COUNT_UP_TO = sa.select(sa.func.count()).select_from(_FOUND.subquery())
"""Touches as many entries of the queue's index as it counts."""

ORDERED = (
    sa.select(cards.c.card_number_digest, batches.c.name, cards.c.row)
    .join(batches, cards.c.batch_id == batches.c.id)
    .where(cards.c.card_number_digest.in_(sa.bindparam("digests", expanding=True)))
    .where(cards.c.state != CardState.FAILED)
)
"""Where numbers are ordered, by their digests."""

CARD = records.card_query().where(cards.c.id == sa.bindparam("card_id"))

CARD_BY_CHIP = records.card_query().where(
    sa.or_(
        cards.c.chip_serial == sa.bindparam("chip"), cards.c.allotted_chip == sa.bindparam("chip")
    )
)

NEXT_PREPARED = (
    sa.select(cards.c.id)
    .join(batches, cards.c.batch_id == batches.c.id)
    .where(batches.c.name == sa.bindparam("batch"), cards.c.state == CardState.PREPARED)
    .order_by(cards.c.row)
    .limit(1)
)

UPDATE_CARD = sa.update(cards).where(cards.c.id == sa.bindparam("card_id"))
"""Sets the columns that are given beside ``card_id``."""

WRITE_JOURNAL = sa.insert(journal)

JOURNAL = sa.select(journal).where(journal.c.card_id == sa.bindparam("card")).order_by(journal.c.id)

SETTLE = (
    sa.update(serials)
    .where(
        serials.c.card_id == sa.bindparam("card"),
        serials.c.number
        == sa.select(cards.c.serial).where(cards.c.id == sa.bindparam("card")).scalar_subquery(),
    )
    .values(state=sa.bindparam("settled"))
)
"""Says what became of the card's present number."""

SERIAL_COUNTS = (
    sa.select(serials.c.state, sa.func.count())
    .join(cards, serials.c.card_id == cards.c.id)
    .join(batches, cards.c.batch_id == batches.c.id)
    .where(batches.c.name == sa.bindparam("batch"))
    .group_by(serials.c.state)
)
