"""Serial numbers: allotted in order, each to one card, never reused."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sscard_ic.ledger import errors, queries
from sscard_ic.ledger.model import CardState, SerialState
from sscard_ic.ledger.tables import batches, cards, serials


def allot(
    connection: Connection, batch: str, division: str, first: int, last: int
) -> dict[int, int]:
    """Card id → number for every accepted card of ``batch``; those that have one keep it."""
    query = (
        sa.select(cards.c.id, cards.c.serial)
        .join(batches, cards.c.batch_id == batches.c.id)
        .where(batches.c.name == batch, cards.c.state == CardState.ACCEPTED)
        .order_by(cards.c.row)
    )
    numbers: dict[int, int | None] = {}
    for card_id, serial in connection.execute(query):
        numbers[card_id] = serial
    waiting = [card_id for card_id, serial in numbers.items() if serial is None]
    if waiting:
        start = _next(connection, division, first)
        if start + len(waiting) - 1 > last:
            raise errors.serials_exhausted(division, len(waiting), max(0, last - start + 1))
        fresh = dict(zip(waiting, range(start, start + len(waiting)), strict=True))
        _store(connection, division, fresh)
        numbers.update(fresh)
    return {card_id: number for card_id, number in numbers.items() if number is not None}


def _next(connection: Connection, division: str, first: int) -> int:
    query = sa.select(sa.func.max(serials.c.number)).where(serials.c.division == division)
    highest = connection.execute(query).scalar()
    return first if highest is None else max(first, highest + 1)


def _store(connection: Connection, division: str, numbers: dict[int, int]) -> None:
    rows = [
        {"division": division, "number": number, "state": SerialState.ALLOTTED, "card_id": card_id}
        for card_id, number in numbers.items()
    ]
    connection.execute(sa.insert(serials), rows)
    update = (
        sa.update(cards)
        .where(cards.c.id == sa.bindparam("card"))
        .values(serial=sa.bindparam("number"))
    )
    pairs = [{"card": card_id, "number": number} for card_id, number in numbers.items()]
    connection.execute(update, pairs)


def settle(connection: Connection, card_id: int, state: SerialState) -> None:
    """Say what became of the card's present number, if it has one."""
    connection.execute(queries.SETTLE, {"card": card_id, "settled": state})
