"""The accounts of the test bank: in memory, or in a small SQLite file.

Cards are found by keyed digests of PAN and sequence number (the key service's); neither a PAN nor a
PIN is ever written.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path

from sscard_ic.base.errors import InputError, Text, os_reason
from sscard_ic.base.sealing import Digester
from sscard_ic.crypto.pboc.symmetric import account_block

_VERSION = 2
_CONTEXT, _PIN_CONTEXT, _KEYS_CONTEXT = "bank card", "bank pin", "bank card keys"
_PROBE = "whose book this is"
_BUSY_SECONDS = 30
_FIRST_SWITCH = 10
"""Column of an operation from which on there are truth values."""
_SCHEMA = """
CREATE TABLE book (probe TEXT NOT NULL);
CREATE TABLE account (
    card TEXT PRIMARY KEY,
    main INTEGER NOT NULL,
    cash INTEGER NOT NULL,
    cash_limit INTEGER NOT NULL,
    closed INTEGER NOT NULL,
    pin TEXT NOT NULL
);
CREATE TABLE counter (
    keys TEXT PRIMARY KEY,
    atc INTEGER NOT NULL
);
CREATE TABLE operation (
    card TEXT NOT NULL REFERENCES account (card),
    atc INTEGER NOT NULL,
    cryptogram TEXT NOT NULL,
    service TEXT NOT NULL,
    main INTEGER NOT NULL,
    cash INTEGER NOT NULL,
    cash_limit INTEGER NOT NULL,
    balance INTEGER NOT NULL,
    scripts INTEGER NOT NULL,
    heard INTEGER NOT NULL,
    proved INTEGER NOT NULL,
    scripted INTEGER NOT NULL,
    booked INTEGER NOT NULL,
    confirmed INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    PRIMARY KEY (card, atc)
);
"""


@dataclass(frozen=True, slots=True)
class Account:
    """What the bank holds for one card; amounts in fen."""

    main: int
    """Main account 主账户."""
    cash: int = 0
    """EC account 电子现金账户: what was loaded and neither cleared nor unloaded."""
    cash_limit: int = 0
    """EC balance that the card may hold (its 9F77)."""
    closed: bool = False
    """Reported lost: every transaction is declined, the application blocked."""
    pin: str = field(default="", repr=False)
    """Keyed digest of the online PIN; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One authorised transaction, and how far it is known to have come."""

    atc: int
    cryptogram: str
    """What names it beside its ATC, hex."""
    service: str
    main: int = 0
    """What it adds to the main account when it takes place, in fen."""
    cash: int = 0
    """What it adds to the EC account."""
    cash_limit: int = -1
    """New limit of the EC balance; -1: as before."""
    balance: int = -1
    """EC balance of the card before a script changed it; -1: none does."""
    scripts: int = -1
    """Script commands of earlier transactions that the card told with it; -1: it told none."""
    heard: int = 0
    """ATC of the message by which the card told what became of its script; 0: none yet."""
    proved: int = -1
    """EC balance that the card proved with that message; -1: none."""
    scripted: bool = False
    """Whether it takes place by a script on the card."""
    booked: bool = False
    """Whether the accounts count it in."""
    confirmed: bool = False
    """Whether the terminal has told how it ended."""
    settled: bool = False
    """Whether it is known for good: neither the terminal nor the card changes it any more."""


class Page:
    """The part of the book that belongs to one card, while it is being changed."""

    def __init__(self, connection: sqlite3.Connection, card: str, keys: str) -> None:
        self._connection = connection
        self._card = card
        self._keys = keys

    @property
    def atc(self) -> int:
        """The last ATC that was taken in of a card with these keys.

        Cards whose PANs agree in the digits that keys are derived from share it: a cryptogram of
        one is none of the other.
        """
        row = self._connection.execute(
            "SELECT atc FROM counter WHERE keys = ?", (self._keys,)
        ).fetchone()
        return 0 if row is None else int(row[0])

    def raise_atc(self, atc: int) -> None:
        """An ATC was taken in; an older one changes nothing."""
        self._connection.execute(
            "INSERT OR REPLACE INTO counter VALUES (?, ?)", (self._keys, max(atc, self.atc))
        )

    @property
    def account(self) -> Account | None:
        """The account of the card; None where it has none."""
        row = self._connection.execute(
            "SELECT main, cash, cash_limit, closed, pin FROM account WHERE card = ?",
            (self._card,),
        ).fetchone()
        return None if row is None else replace(Account(*row), closed=bool(row[3]))

    def save(self, account: Account) -> None:
        """Hold the account."""
        self._connection.execute(
            "INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?, ?, ?)",
            (self._card, *astuple(account)),
        )

    def operation(self, atc: int) -> Operation | None:
        """The operation of a transaction."""
        found = self._operations("atc = ?", atc)
        return found[0] if found else None

    def unheard_scripts(self) -> list[Operation]:
        """Operations by scripts of which the card has not told yet, the last one last."""
        return self._operations("scripted = 1 AND heard = 0 ORDER BY atc")

    def open_purchase(self) -> Operation | None:
        """The last purchase by contact, if nobody has told how it ended."""
        found = self._operations("service = 'purchase' ORDER BY atc DESC LIMIT 1")
        return found[0] if found and not (found[0].confirmed or found[0].settled) else None

    def heard_across(self, atc: int) -> Operation | None:
        """The last one that changes the balance before ``atc``, if the card told of it after."""
        found = self._operations(
            "scripted = 1 AND balance >= 0 AND atc < ? ORDER BY atc DESC LIMIT 1", atc
        )
        return found[0] if found and found[0].heard > atc else None

    def cleared(self, after: int, before: int) -> tuple[int, int]:
        """Payments of electronic cash cleared between two transactions: how many, and their fen."""
        row = self._connection.execute(
            "SELECT COUNT(*), COALESCE(SUM(-cash), 0) FROM operation "
            "WHERE card = ? AND service = 'clearing' AND cash < 0 AND atc > ? AND atc < ?",
            (self._card, after, before),
        ).fetchone()
        return int(row[0]), int(row[1])

    def note(self, operation: Operation) -> None:
        """Hold an operation; the one of the same ATC goes."""
        self._connection.execute(
            "INSERT OR REPLACE INTO operation VALUES (" + ", ".join("?" * 15) + ")",
            (self._card, *astuple(operation)),
        )

    def _operations(self, where: str, *values: int) -> list[Operation]:
        rows = self._connection.execute(
            "SELECT atc, cryptogram, service, main, cash, cash_limit, balance, scripts, heard, "
            "proved, scripted, booked, confirmed, settled FROM operation "
            f"WHERE card = ? AND {where}",
            (self._card, *values),
        )
        return [Operation(*row[:_FIRST_SWITCH], *map(bool, row[_FIRST_SWITCH:])) for row in rows]


class BankBook:
    """Accounts and operations; threads may share one, processes open their own on one file.

    ``path`` None: in memory. ``keys`` give the digests that cards are found by. Raises
    :class:`InputError` for a file that is no such book, or was made with other keys.
    """

    def __init__(self, path: Path | None, keys: Digester) -> None:
        self._path = path
        self._keys = keys
        self._lock = threading.Lock()
        if path is not None:
            _create_private(path)
        self._connection = sqlite3.connect(
            ":memory:" if path is None else str(path),
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            with self._failures_in_words():
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file; a book in memory is gone."""
        self._connection.close()

    def pin_digest(self, pan: str, sequence: int | None, pin: bytes) -> str:
        """By which an online PIN is recognised."""
        text = f"{pan}:{sequence or 0}:{pin.decode('ascii', 'replace')}"
        return self._keys.digest(text, _PIN_CONTEXT)

    @contextmanager
    def page(self, pan: str, sequence: int | None) -> Iterator[Page]:
        """The page of a card: changes are kept at the end, and none when an error ends it."""
        card = self._keys.digest(f"{pan}:{sequence or 0}", _CONTEXT)
        keys = self._keys.digest(account_block(pan, sequence).hex(), _KEYS_CONTEXT)
        with self._lock, self._failures_in_words():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Page(self._connection, card, keys)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _prepare(self) -> None:
        probe = self._keys.digest(_PROBE, _CONTEXT)
        self._connection.execute("BEGIN IMMEDIATE")
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        empty = not self._connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        if version == 0 and empty:
            for statement in _SCHEMA.split(";"):
                self._connection.execute(statement)
            self._connection.execute("INSERT INTO book VALUES (?)", (probe,))
            self._connection.execute(f"PRAGMA user_version = {_VERSION}")
        elif version != _VERSION:
            raise self._unusable(
                Text("不是本程序的测试银行账簿", "this is no book of the test bank")
            )
        found = self._connection.execute("SELECT probe FROM book").fetchone()
        self._connection.execute("COMMIT")
        if found is None or found[0] != probe:
            raise InputError(
                Text("账簿属于另一个密钥库", "the book belongs to another key vault"),
                where=str(self._path),
                hint=Text(
                    "使用建立账簿时的密钥库，或换一个账簿文件",
                    "use the vault that it was made with, or another file for the book",
                ),
            )

    @contextmanager
    def _failures_in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._unusable(
                Text(f"账簿不可用（{error}）", f"the book cannot be used ({error})")
            ) from None

    def _unusable(self, what: Text) -> InputError:
        return InputError(
            what,
            where="" if self._path is None else str(self._path),
            hint=Text(
                "换一个文件，或先移走它；测试银行会建立新的账簿",
                "use another file, or move it away; the test bank makes a new book",
            ),
        )


def _create_private(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        if sys.platform != "win32" and path.stat().st_mode & 0o077:
            path.chmod(0o600)
        return
    except OSError as error:
        reason = os_reason(error)
    raise InputError(
        Text(f"无法建立账簿（{reason.zh}）", f"the book cannot be made ({reason.en})"),
        where=str(path),
        hint=Text("请检查路径、权限和磁盘空间", "check path, permissions and free space"),
    )
