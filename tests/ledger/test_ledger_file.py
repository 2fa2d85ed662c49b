"""The file itself: its mode, its migrations, and what is not a ledger."""

from __future__ import annotations

import multiprocessing
import sqlite3
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from sscard_ic.base.errors import InputError
from sscard_ic.ledger import Ledger, database
from sscard_ic.ledger.database import open_database
from sscard_ic.ledger.tables import HEAD, metadata


def _open(path: Path) -> int:
    with Ledger.open(path) as ledger:
        return len(ledger.batches())


def test_migrations_lead_to_the_tables_of_the_program(ledger: Ledger, path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == HEAD
        assert compare_metadata(context, metadata) == []
        partial = connection.execute(
            sa.text("SELECT sql FROM sqlite_master WHERE name = 'uq_cards_ordered'")
        ).scalar_one()
    engine.dispose()
    assert "WHERE state <> 'failed'" in partial


def test_the_file_is_private_and_keeps_its_content(path: Path) -> None:
    assert _open(path) == 0
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)
    before = path.read_bytes()
    assert _open(path) == 0
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == before


def test_write_ahead_log_and_foreign_keys(ledger: Ledger, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    settings = open_database(path)
    with settings.read() as used:
        for pragma, value in (("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 30000)):
            assert used.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
    settings.close()


def test_programs_may_open_a_new_ledger_at_once(path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.map(_open, [path] * 6) == [0] * 6


def test_a_ledger_of_a_newer_program_is_refused(ledger: Ledger, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    with pytest.raises(InputError, match="newer than this program"):
        Ledger.open(path)


@pytest.mark.parametrize("content", [b"SEQ,AAB301\r\n1,210200\r\n" * 50, b"\x00" * 4096])
def test_a_file_of_another_kind_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(InputError, match="not a ledger"):
        Ledger.open(path)
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (text)")
    connection.close()

    with pytest.raises(InputError, match="not a ledger"):
        Ledger.open(path)


def test_a_path_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be opened"):
        Ledger.open(tmp_path)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InputError, match="cannot be opened"):
        Ledger.open(file / "ledger.db")


def test_a_ledger_locked_by_another_program_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0)
    with Ledger.open(path) as ledger, sqlite3.connect(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(InputError, match="database is locked"):
            ledger.allot_serials("batch", "210200", 1, 9)
        other.rollback()
        assert ledger.allot_serials("batch", "210200", 1, 9) == {}
    other.close()


def test_an_empty_database_becomes_a_ledger(path: Path) -> None:
    path.touch()
    assert _open(path) == 0
