"""Batches, cards, serial numbers and the journal of the stations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To revision 0001."""
    op.create_table(
        "batches",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("profile", sa.String(200), nullable=False),
        sa.Column("source_name", sa.String(255), nullable=False),
        sa.Column("source_sha256", sa.String(64), nullable=False),
        sa.Column("batch_date", sa.Date, nullable=False),
        sa.Column("imported_at", sa.String(32), nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("refused", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
        sa.UniqueConstraint("name", name="uq_batches_name"),
        sa.UniqueConstraint("source_sha256", name="uq_batches_source_sha256"),
    )
    _create_cards()
    op.create_table(
        "serials",
        sa.Column("division", sa.String(4), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("card_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("division", "number", name="pk_serials"),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name="fk_serials_card_id"),
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("card_id", sa.Integer, nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("phase", sa.String(8), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("chip_serial", sa.LargeBinary(6)),
        sa.Column("station", sa.String(64), nullable=False),
        sa.Column("note", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_journal"),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name="fk_journal_card_id"),
    )
    op.create_index("ix_journal_card_id", "journal", ["card_id"])


def _create_cards() -> None:
    op.create_table(
        "cards",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("batch_id", sa.Integer, nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("seq", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("card_number_digest", sa.String(64)),
        sa.Column("holder", sa.LargeBinary, nullable=False),
        sa.Column("plan", sa.LargeBinary),
        sa.Column("result", sa.LargeBinary),
        sa.Column("reasons", sa.String, nullable=False),
        sa.Column("serial", sa.BigInteger),
        sa.Column("historical", sa.LargeBinary(13)),
        sa.Column("allotted_chip", sa.LargeBinary(6)),
        sa.Column("chip_serial", sa.LargeBinary(6)),
        sa.PrimaryKeyConstraint("id", name="pk_cards"),
        sa.UniqueConstraint("batch_id", "row", name="uq_cards_batch_id_row"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name="fk_cards_batch_id"),
    )
    op.create_index("ix_cards_queue", "cards", ["batch_id", "state", "row"])
    op.create_index(
        "uq_cards_ordered",
        "cards",
        ["card_number_digest"],
        unique=True,
        sqlite_where=sa.text("state <> 'failed'"),
    )
    op.create_index("uq_cards_chip_serial", "cards", ["chip_serial"], unique=True)
    op.create_index("uq_cards_allotted_chip", "cards", ["allotted_chip"], unique=True)
