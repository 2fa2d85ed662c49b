"""What a terminal remembers: numbers used once, transactions until they are ended."""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from tests.card.medical_support import TERMINAL

from sscard_ic.base import InputError, Text
from sscard_ic.base.errors import CardError
from sscard_ic.card.medical_records import (
    CreditResult,
    DebitResult,
    Holder,
    OfflineData,
    PendingCredit,
    PendingDebit,
)
from sscard_ic.card.terminal_book import TerminalBook

CARD = ("210200", bytes.fromhex("8653210200000001"))
OTHER = ("210200", bytes.fromhex("8653210200000002"))


def _debit(number: int, card: tuple[str, bytes] = CARD) -> PendingDebit:
    return PendingDebit(
        division_code=card[0],
        card_factor=card[1],
        key_name="DPK",
        key_index=1,
        key_version=1,
        algorithm=0,
        random=b"\x01\x02\x03\x04",
        counter=7,
        terminal=TERMINAL,
        time=bytes.fromhex("20260315120000"),
        mode="online",
        account=1,
        pooled=2,
        cash=3,
        a1=0,
        a2=6,
        a3=3,
        number=number,
        mac1=b"\x01\x02\x03\x04",
        holder=Holder(name="张三", social_security_number="11010519491231002X"),
    )


def _credit() -> PendingCredit:
    return PendingCredit(
        division_code=CARD[0],
        card_factor=CARD[1],
        key_name="DLK",
        key_index=1,
        key_version=1,
        algorithm=0,
        random=b"\x01\x02\x03\x04",
        counter=7,
        terminal=TERMINAL,
        time=bytes.fromhex("20260315120000"),
        amount=1,
        balance=2,
    )


def _made(
    pending: PendingDebit, *, blocked: bool = False, offline: OfflineData | None = None
) -> DebitResult:
    return DebitResult(
        pending=pending,
        tac=b"\x01\x02\x03\x04",
        tac_valid=True,
        mac2_valid=True,
        offline=offline,
        offline_blocked=blocked,
        problems=(CardError(Text("坏", "broken")),) if blocked else (),
    )


def test_numbers_are_used_once(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "terminal.db"
    with TerminalBook(path) as book:
        assert [book.next_number(TERMINAL) for _ in range(3)] == [1, 2, 3]
        assert book.next_number(bytes(6)) == 1
    with TerminalBook(path) as book:
        assert book.next_number(TERMINAL) == 4
    assert os.name != "posix" or path.stat().st_mode & 0o777 == 0o600


def test_several_programs_never_get_the_same_number(tmp_path: Path) -> None:
    path = tmp_path / "terminal.db"

    def take(_: int) -> list[int]:
        with TerminalBook(path) as book:
            return [book.next_number(TERMINAL) for _ in range(10)]

    with ThreadPoolExecutor(4) as pool:
        numbers = [number for taken in pool.map(take, range(4)) for number in taken]
    assert sorted(numbers) == list(range(1, 41))


def test_all_numbers_are_used(tmp_path: Path) -> None:
    path = tmp_path / "terminal.db"
    with TerminalBook(path) as book:
        book.next_number(TERMINAL)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE numbers SET last = ?", (0xFFFFFFFF - 1,))
        database.commit()
    with TerminalBook(path) as book:
        assert book.next_number(TERMINAL) == 0xFFFFFFFF
        for _ in range(2):
            with pytest.raises(InputError, match="all transaction numbers"):
                book.next_number(TERMINAL)


@pytest.mark.parametrize("pending", [_debit(1), _credit()], ids=["debit", "credit"])
def test_what_is_begun_is_found_until_it_ends(
    tmp_path: Path, pending: PendingDebit | PendingCredit
) -> None:
    path = tmp_path / "terminal.db"
    with TerminalBook(path) as book:
        assert book.unfinished(*CARD) is None
        book.begin(pending)
    with TerminalBook(path) as book:
        found = book.unfinished(*CARD)
        assert found is not None
        assert found.model_dump(exclude={"holder"}) == pending.model_dump(exclude={"holder"})
        assert type(found) is type(pending)
        assert book.unfinished(*OTHER) is None
        book.end(found, None)
        assert book.unfinished(*CARD) is None
        assert list(book.results()) == []


def test_what_was_made_is_kept_for_clearing(tmp_path: Path) -> None:
    path = tmp_path / "terminal.db"
    with TerminalBook(path) as book:
        for pending in (_debit(1), _debit(2)):
            book.begin(pending)
            book.end(pending, _made(pending))
        credit = _credit()
        book.begin(credit)
        book.end(credit, CreditResult(pending=credit, tac=b"abcd", tac_valid=None))
        first, second, third = book.results()
        assert first.pending == _debit(1).model_copy(update={"holder": Holder()})
        assert isinstance(second, DebitResult)
        assert (second.pending.number, second.tac) == (2, b"\x01\x02\x03\x04")
        assert third == CreditResult(pending=credit, tac=b"abcd", tac_valid=None)
    content = path.read_bytes()
    for secret in ("张三", "11010519491231002X"):
        assert secret.encode() not in content


def test_a_card_blocked_for_offline_settlement(tmp_path: Path) -> None:
    with TerminalBook(tmp_path / "terminal.db") as book:
        steps = (
            (_made(_debit(1), blocked=True), True),
            (_made(_debit(2)), True),
            (_made(_debit(3, OTHER), offline=OfflineData(allowed=True, amount=0, count=0)), True),
            (_made(_debit(4), offline=OfflineData(allowed=True, amount=0, count=0)), False),
        )
        assert not book.blocks_offline(*CARD)
        for result, blocked in steps:
            book.begin(result.pending)
            book.end(result.pending, result)
            assert book.blocks_offline(*CARD) is blocked
        assert not book.blocks_offline(*OTHER)


def test_a_file_that_is_no_book(tmp_path: Path) -> None:
    path = tmp_path / "terminal.db"
    path.write_text("no database, and long enough to be looked at as one " * 20)
    with pytest.raises(InputError, match="the book of the terminal") as error:
        TerminalBook(path)
    assert error.value.where == str(path)
    with pytest.raises(InputError):
        TerminalBook(tmp_path)
