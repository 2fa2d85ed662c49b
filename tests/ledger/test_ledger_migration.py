"""Ledgers of older programs: everything in them is there afterwards."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from sscard_ic import ledger as package
from sscard_ic.base import InputError, Secret
from sscard_ic.base.authority import AuditEvent
from sscard_ic.ledger import CardState, Ledger, Phase, SerialState
from sscard_ic.ledger.tables import HEAD

OLD_TABLES = ("batches", "cards", "serials", "journal")


@pytest.fixture
def old(path: Path) -> Path:
    """A ledger of revision 0001 with a batch of three cards."""
    config = Config()
    folder = Path(package.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(
            """
            INSERT INTO batches VALUES
              (1, 'b1', 'dalian', 'b1.csv', 'ab', '2026-11-21', '2026-11-21T08:00:00.000+00:00',
               3, 1);
            INSERT INTO cards VALUES
              (1, 1, 1, 's1', 'verified', 'd1', x'01', x'02', x'03', '[]', 7, x'12', x'0A', x'0B'),
              (2, 1, 2, 's2', 'failed', 'd2', x'04', NULL, NULL, '[]', NULL, NULL, NULL, NULL),
              (3, 1, 3, 's3', 'refused', NULL, x'05', NULL, NULL, '[]', NULL, NULL, NULL, NULL);
            INSERT INTO serials VALUES ('2102', 7, 'used', 1);
            INSERT INTO journal VALUES
              (1, 1, 'verify', 'end', '2026-11-21T09:00:00.000+00:00', x'0B', 'station 1', '');
            """
        )
    return path


def content(path: Path) -> dict[str, list[object]]:
    with closing(sqlite3.connect(path)) as raw:
        tables = {name: raw.execute(f"SELECT * FROM {name}").fetchall() for name in OLD_TABLES}
        indexes = "SELECT name, sql FROM sqlite_master WHERE tbl_name IN (?, ?, ?, ?) ORDER BY name"
        return {**tables, "schema": raw.execute(indexes, OLD_TABLES).fetchall()}


def revision(path: Path) -> str:
    with closing(sqlite3.connect(path)) as raw:
        (found,) = raw.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found)


def test_an_old_ledger_keeps_its_cards_and_gets_a_log(old: Path) -> None:
    before = content(old)
    assert revision(old) == "0001"

    with Ledger.open(old) as ledger:
        assert content(old) == before
        (batch,) = ledger.batches()
        assert (batch.name, batch.batch_date, batch.refused) == ("b1", date(2026, 11, 21), 1)
        assert ledger.counts("b1") == {
            CardState.VERIFIED: 1,
            CardState.FAILED: 1,
            CardState.REFUSED: 1,
        }
        assert ledger.serial_counts("b1") == {SerialState.USED: 1}
        assert [entry.phase for entry in ledger.journal_of(1)] == [Phase.END]
        assert ledger.audit.head().seq == 0
        ledger.audit.record(AuditEvent("batch.return", "b1"))
        ledger.operators.add("li", ["supervisor"], Secret(b"a password"), first=True)
    assert revision(old) == HEAD

    with Ledger.open(old) as ledger:
        report = ledger.audit.verify()
        assert (report.broken, report.head.seq) == (None, 2)
        with closing(sqlite3.connect(old)) as raw, pytest.raises(sqlite3.IntegrityError):
            raw.execute("DELETE FROM audit")
    assert content(old) == before


def test_a_migration_that_is_broken_off_changes_nothing(old: Path) -> None:
    """The last of its steps fails: the tables made before are not there."""
    with closing(sqlite3.connect(old)) as raw:
        raw.execute("CREATE TABLE obstacle (x)")
        raw.execute("CREATE TRIGGER audit_in_order BEFORE INSERT ON obstacle BEGIN SELECT 1; END")
        raw.commit()
    before = content(old)

    with pytest.raises(InputError, match="audit_in_order"):
        Ledger.open(old)

    assert (content(old), revision(old)) == (before, "0001")
    with closing(sqlite3.connect(old)) as raw:
        names = {name for (name,) in raw.execute("SELECT name FROM sqlite_master")}
    assert not names & {"audit", "operators", "audit_no_update"}
