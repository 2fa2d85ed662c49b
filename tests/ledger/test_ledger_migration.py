"""Ledgers of older programs: everything in them is there afterwards."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from sscard_ic import ledger as package
from sscard_ic.base import FixedClock, InputError, Secret
from sscard_ic.base.authority import AuditEvent
from sscard_ic.keys.sealer import StorageSealer
from sscard_ic.ledger import AuditLog, CardState, Ledger, Phase, SerialState
from sscard_ic.ledger.database import Database
from sscard_ic.ledger.tables import HEAD

CLOCK = FixedClock(datetime(2026, 11, 21, 8, 0, tzinfo=UTC))
STORAGE_KEY = Secret(b"storage key of the ledger tests!")

OLD_TABLES = ("batches", "cards", "serials", "journal")
OLD_COLUMNS = (
    "id",
    "batch_id",
    "row",
    "seq",
    "state",
    "card_number_digest",
    "holder",
    "plan",
    "result",
    "reasons",
    "serial",
    "historical",
    "allotted_chip",
    "chip_serial",
)


def of_revision(path: Path, revision: str) -> Path:
    """A ledger of an older program with a batch of three cards."""
    config = Config()
    folder = Path(package.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
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


@pytest.fixture
def old(path: Path) -> Path:
    """A ledger of the oldest revision."""
    return of_revision(path, "0001")


def content(path: Path) -> dict[str, list[object]]:
    """What the oldest ledgers had: the columns of their tables, their indexes."""
    with closing(sqlite3.connect(path)) as raw:
        tables = {name: raw.execute(f"SELECT * FROM {name}").fetchall() for name in OLD_TABLES}
        tables["cards"] = raw.execute(f"SELECT {', '.join(OLD_COLUMNS)} FROM cards").fetchall()
        indexes = (
            "SELECT name, sql FROM sqlite_master "
            "WHERE type = 'index' AND tbl_name IN (?, ?, ?, ?) ORDER BY name"
        )
        return {**tables, "indexes": raw.execute(indexes, OLD_TABLES).fetchall()}


def triggers(path: Path) -> list[object]:
    with closing(sqlite3.connect(path)) as raw:
        return raw.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
        ).fetchall()


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


def test_grants_come_into_a_ledger_with_a_log_and_cards_in_work(path: Path) -> None:
    """Revision 0002 has operators and the log, whose triggers go on working."""
    of_revision(path, "0002")
    database = Database(sa.create_engine(f"sqlite:///{path}"), path)
    AuditLog(database, CLOCK).record(AuditEvent("batch.import", "b1"))
    database.close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE cards SET state = 'started' WHERE id = 1")
        raw.commit()
    before, guards = content(path), triggers(path)
    assert len(guards) == 3

    with Ledger.open(path, StorageSealer(STORAGE_KEY)) as ledger:
        assert (content(path), triggers(path)) == (before, guards)
        assert (revision(path), ledger.grant(1)) == (HEAD, None)
        ledger.store_grant(1, b"a grant")
        assert ledger.grant(1) == b"a grant"
        report = ledger.audit.verify()
        assert (report.broken, report.head.seq) == (None, 1)
        ledger.audit.record(AuditEvent("batch.return", "b1"))
    for change in ("DELETE FROM audit", "UPDATE audit SET actors = 'nobody'"):
        with closing(sqlite3.connect(path)) as raw, pytest.raises(sqlite3.IntegrityError):
            raw.execute(change)


def test_a_broken_off_migration_of_grants_changes_nothing(path: Path) -> None:
    of_revision(path, "0002")
    with closing(sqlite3.connect(path)) as raw:
        raw.execute('ALTER TABLE cards ADD COLUMN "grant" BLOB')
        raw.commit()
    before = content(path)
    with pytest.raises(InputError, match="duplicate column"):
        Ledger.open(path)
    assert (content(path), revision(path)) == (before, "0002")
