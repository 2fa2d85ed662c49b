"""Rows of the tables to records and back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from sscard_ic.base.errors import Text
from sscard_ic.ledger.model import Batch, Card, CardState, JournalEntry, Phase, Reason, Step
from sscard_ic.ledger.tables import batches, cards


def batch(row: RowMapping) -> Batch:
    """A row of ``batches``."""
    return Batch(
        id=row["id"],
        name=row["name"],
        profile=row["profile"],
        source_name=row["source_name"],
        source_sha256=row["source_sha256"],
        batch_date=row["batch_date"],
        imported_at=datetime.fromisoformat(row["imported_at"]),
        rows=row["rows"],
        refused=row["refused"],
    )


def card_query() -> sa.Select[Any]:
    """The columns of :func:`card`, without the sealed ones."""
    return sa.select(
        cards.c.id,
        batches.c.name.label("batch"),
        cards.c.row,
        cards.c.seq,
        cards.c.state,
        cards.c.reasons,
        cards.c.serial,
        cards.c.historical,
        cards.c.chip_serial,
    ).join(batches, cards.c.batch_id == batches.c.id)


def card(row: RowMapping) -> Card:
    """A row of :func:`card_query`."""
    return Card(
        id=row["id"],
        batch=row["batch"],
        row=row["row"],
        seq=row["seq"],
        state=CardState(row["state"]),
        reasons=tuple(_reason(value) for value in json.loads(row["reasons"])),
        serial=row["serial"],
        historical=row["historical"],
        chip_serial=row["chip_serial"],
    )


def journal_entry(row: RowMapping) -> JournalEntry:
    """A row of ``journal``."""
    return JournalEntry(
        card_id=row["card_id"],
        step=Step(row["step"]),
        phase=Phase(row["phase"]),
        at=datetime.fromisoformat(row["at"]),
        chip_serial=row["chip_serial"],
        station=row["station"],
        note=row["note"],
    )


def reasons_json(reasons: Iterable[Reason]) -> str:
    """Reasons as the table keeps them."""
    values = [
        {"field": r.field, "reason": r.reason, "zh": r.message.zh, "en": r.message.en}
        for r in reasons
    ]
    return json.dumps(values, ensure_ascii=False)


def _reason(value: dict[str, str]) -> Reason:
    return Reason(value["field"], value["reason"], Text(value["zh"], value["en"]))
