"""Opening the ledger file: permissions, connection settings, migrations."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from sscard_ic.base.errors import InputError, Text, os_reason
from sscard_ic.ledger.tables import HEAD

_MIGRATIONS = Path(__file__).resolve().parent / "migrations"
_BUSY_SECONDS = 30


class Database:
    """A ledger file with its connections; transactions are opened explicitly."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._path = path
        self._readers = engine
        # Writers take the lock at once: a transaction that reads first and writes later would
        # fail when another process wrote in between.
        self._writers = engine.execution_options(sscard_begin="BEGIN IMMEDIATE")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view."""
        with self._failures_in_words(), self._readers.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """An exclusive transaction, committed at the end, rolled back by an exception."""
        with self._failures_in_words(), self._writers.begin() as connection:
            yield connection

    @contextmanager
    def _failures_in_words(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError:
            raise
        except sa.exc.DatabaseError as error:
            raise _unusable(self._path, error) from error

    def close(self) -> None:
        """Close all connections."""
        self._readers.dispose()


def open_database(path: Path) -> Database:
    """The ledger at ``path``, created (mode 0600) or migrated when needed.

    Raises :class:`InputError` for a file that is no ledger or comes from a newer program.
    """
    _create_private(path)
    database = Database(_engine(path), path)
    try:
        _migrate(database, path)
    except InputError:
        database.close()
        raise
    return database


def _create_private(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.close(descriptor)
        if sys.platform != "win32" and path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:
        reason = os_reason(error)
        raise InputError(
            Text(f"无法打开台账：{reason.zh}", f"the ledger cannot be opened: {reason.en}"),
            where=str(path),
            hint=Text("请用 --ledger 指定可写的文件", "name a writable file with --ledger"),
        ) from error


def _engine(path: Path) -> Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": _BUSY_SECONDS},
        # One connection for each station's thread, however many there are.
        max_overflow=-1,
        # What an error says may be shown: not the hash of a password, not sealed data.
        hide_parameters=True,
    )
    sa.event.listen(engine, "connect", _configure)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: sqlite3.Connection, _record: Any) -> None:
    # Python's own transaction control neither takes the lock early nor covers CREATE TABLE.
    connection.isolation_level = None
    # FULL: what the journal says must have happened, also after the machine lost its power; in
    # WAL mode NORMAL may forget the last transactions, and a card would be made twice.
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    begin = connection.get_execution_options().get("sscard_begin", "BEGIN")
    connection.exec_driver_sql(begin)


def _migrate(database: Database, path: Path) -> None:
    with database.read() as connection:
        if _revision(connection) == HEAD:
            return
    with database.write() as connection:
        tables = sa.inspect(connection).get_table_names()
        if tables and "alembic_version" not in tables:
            raise _not_a_ledger(path)
        _upgrade(connection, _revision(connection), path)


def _revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return None if revision is None else str(revision)


def _upgrade(connection: Connection, revision: str | None, path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise InputError(
            Text(
                f"台账版本 {revision} 比本程序（{HEAD}）新",
                f"the ledger has revision {revision}, newer than this program ({HEAD})",
            ),
            where=str(path),
            hint=Text("请升级 sscard-ic 后再打开", "upgrade sscard-ic to open it"),
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _not_a_ledger(path: Path) -> InputError:
    return InputError(
        Text("该文件不是 sscard 台账", "the file is not a ledger of sscard"),
        where=str(path),
        hint=Text("请用 --ledger 指定台账文件", "name the ledger file with --ledger"),
    )


def _unusable(path: Path, error: sa.exc.DatabaseError) -> InputError:
    cause = str(error.orig)
    if "not a database" in cause or "malformed" in cause:
        return _not_a_ledger(path)
    return InputError(
        Text(f"台账无法读写：{cause}", f"the ledger cannot be used: {cause}"),
        where=str(path),
        hint=Text(
            "请确认磁盘未满、没有其他程序锁定该文件，然后重试",
            "see that the disk is not full and no other program locks the file, then try again",
        ),
    )
