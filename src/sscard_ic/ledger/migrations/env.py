"""Run by alembic inside the transaction that the ledger has opened."""

from __future__ import annotations

from alembic import context

from sscard_ic.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by writing it anew
)
with context.begin_transaction():
    context.run_migrations()
