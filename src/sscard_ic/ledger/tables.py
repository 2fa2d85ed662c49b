"""The tables of the ledger (SQLAlchemy Core)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

HEAD = "0003"
"""Revision of these tables: the newest migration."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

batches = Table(
    "batches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("profile", String(200), nullable=False),
    Column("source_name", String(255), nullable=False),
    Column("source_sha256", String(64), nullable=False, unique=True),
    Column("batch_date", Date, nullable=False),
    Column("imported_at", String(32), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
)

cards = Table(
    "cards",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("batch_id", ForeignKey("batches.id"), nullable=False),
    Column("row", Integer, nullable=False),
    Column("seq", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("card_number_digest", String(64)),
    Column("holder", LargeBinary, nullable=False),
    Column("plan", LargeBinary),
    Column("result", LargeBinary),
    Column("reasons", String, nullable=False),
    Column("serial", BigInteger),
    Column("historical", LargeBinary(13)),
    Column("allotted_chip", LargeBinary(6)),
    Column("chip_serial", LargeBinary(6)),
    Column("grant", LargeBinary),
    UniqueConstraint("batch_id", "row"),
)
# The queue of a station: the next prepared card of a batch.
Index("ix_cards_queue", cards.c.batch_id, cards.c.state, cards.c.row)
# A number is ordered once; refused rows bear no digest, a failed card may be ordered again.
Index(
    "uq_cards_ordered",
    cards.c.card_number_digest,
    unique=True,
    sqlite_where=text("state <> 'failed'"),
)
Index("uq_cards_chip_serial", cards.c.chip_serial, unique=True)
Index("uq_cards_allotted_chip", cards.c.allotted_chip, unique=True)

serials = Table(
    "serials",
    metadata,
    Column("division", String(4), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("card_id", ForeignKey("cards.id"), nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("card_id", ForeignKey("cards.id"), nullable=False, index=True),
    Column("step", String(16), nullable=False),
    Column("phase", String(8), nullable=False),
    Column("at", String(32), nullable=False),
    Column("chip_serial", LargeBinary(6)),
    Column("station", String(64), nullable=False),
    Column("note", String, nullable=False),
)

operators = Table(
    "operators",
    metadata,
    Column("id", Integer, primary_key=True),
    # As it is compared; ``display`` is how it was written.
    Column("name", String(64), nullable=False, unique=True),
    Column("display", String(64), nullable=False),
    Column("roles", String(64), nullable=False),
    Column("scrypt_n", Integer, nullable=False),
    Column("scrypt_r", Integer, nullable=False),
    Column("scrypt_p", Integer, nullable=False),
    Column("salt", LargeBinary(16), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("state", String(16), nullable=False),
    # Somebody else chose the password.
    Column("must_change", Boolean, nullable=False),
    Column("failed_tries", Integer, nullable=False),
    Column("locked_at", String(32)),
    Column("created_at", String(32), nullable=False),
    Column("changed_at", String(32), nullable=False),
)

# Triggers of the migration refuse every change of a row and every number but the next.
audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String, nullable=False),
    Column("actors", String, nullable=False),
    Column("outcome", String(8), nullable=False),
    Column("detail", String, nullable=False),
    Column("host", String(255), nullable=False),
    Column("clock", String(32), nullable=False),
    Column("program", String(64), nullable=False),
    Column("prev", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
