"""What certificate authorities granted for cards, sealed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From revision 0002 to 0003; adds a column and leaves all rows as they are."""
    op.add_column("cards", sa.Column("grant", sa.LargeBinary))
