"""Whoever can write the file can change the log; not without its being found and named."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sscard_ic.base import SscardError
from sscard_ic.base.authority import AuditEvent
from sscard_ic.ledger import AuditHead, Ledger

COLUMNS = (
    "at",
    "action",
    "subject",
    "actors",
    "outcome",
    "detail",
    "host",
    "clock",
    "program",
    "prev",
    "hash",
)
ENTRIES = 6


@pytest.fixture(autouse=True)
def entries(ledger: Ledger) -> None:
    """Six deeds."""
    for number in range(1, ENTRIES + 1):
        ledger.audit.record(
            AuditEvent("key.export", f"key {number}", ("li", "王芳"), detail={"at": str(number)})
        )


@contextmanager
def attacker(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody with the file, a database program, and knowledge of the triggers."""
    with closing(sqlite3.connect(path)) as raw:
        raw.text_factory = bytes
        raw.execute("PRAGMA synchronous = OFF")
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            raw.execute(f"DROP TRIGGER {name.decode()}")
        yield raw
        raw.commit()


def found(ledger: Ledger, head: AuditHead | None = None) -> tuple[int, str] | None:
    broken = ledger.audit.verify(head).broken
    if broken is None:
        return None
    assert str(broken.seq) in broken.reason.en
    assert str(broken.seq) in broken.reason.zh
    return broken.seq, broken.kind


def rehash(raw: sqlite3.Connection, seq: int) -> None:
    """Give an entry the hash that belongs to its content, as the documentation says."""
    row = raw.execute(f"SELECT {', '.join(COLUMNS)} FROM audit WHERE seq = ?", (seq,)).fetchone()
    fields = dict(zip(COLUMNS, (value.decode() for value in row), strict=True))
    del fields["hash"]
    entry: dict[str, object] = {"seq": seq, **fields}
    for name in ("actors", "detail"):
        entry[name] = json.loads(fields[name])
    text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    raw.execute("UPDATE audit SET hash = ? WHERE seq = ?", (digest, seq))


def test_an_untouched_log_is_whole(ledger: Ledger, path: Path) -> None:
    with attacker(path) as raw:
        rehash(raw, 3)  # the same hash again
    assert found(ledger) is None
    assert found(ledger, ledger.audit.head()) is None


VALUES = (
    "x",
    "",
    b"\xff\xfe",
    7,
    "0" * 64,
    '["li"]',
    '{"at":"1","at":"1"}',
    "[1]",
    '"\\ud800"',
    "[" * 3000,
)


@pytest.mark.parametrize("column", COLUMNS)
def test_an_altered_column_is_named(ledger: Ledger, path: Path, column: str) -> None:
    with attacker(path) as raw:
        for seq, value in product((1, 3, ENTRIES), VALUES):
            if (column, seq, value) == ("prev", 1, "0" * 64):
                continue  # that is what stands there
            (before,) = raw.execute(f"SELECT {column} FROM audit WHERE seq = ?", (seq,)).fetchone()
            assert before not in (value, str(value).encode())
            update = f"UPDATE audit SET {column} = ? WHERE seq = ?"
            raw.execute(update, (value, seq))
            raw.commit()
            assert found(ledger) == (seq, "altered")
            raw.execute(update, (before.decode(), seq))
            raw.commit()
    assert found(ledger) is None


@pytest.mark.parametrize("column", ["actors", "detail"])
def test_another_writing_of_the_same_json_is_named(ledger: Ledger, path: Path, column: str) -> None:
    """Even with a hash that fits: there is one form only, which an auditor can rely on."""
    with attacker(path) as raw:
        (text,) = raw.execute(f"SELECT {column} FROM audit WHERE seq = 6").fetchone()
        raw.execute(
            f"UPDATE audit SET {column} = ? WHERE seq = 6",
            (text.decode().replace('"', ' "', 1),),
        )
        row = next(row for row in ledger.audit.rows() if row.seq == 6)
        raw.execute("UPDATE audit SET hash = ? WHERE seq = 6", (row.digest(),))
    assert found(ledger) == (6, "altered")


@pytest.mark.parametrize("text", ['{"b":"1","a":"2"}', '{"at":"5","at":"6"}', '{"at":"\\u0036"}'])
def test_details_in_another_form_than_the_one_there_is(
    ledger: Ledger, path: Path, text: str
) -> None:
    """Members in another order or twice, characters escaped that need not be; the hash fits."""
    with attacker(path) as raw:
        raw.execute("UPDATE audit SET detail = ? WHERE seq = 6", (text,))
        raw.commit()
        row = next(row for row in ledger.audit.rows() if row.seq == 6)
        raw.execute("UPDATE audit SET hash = ? WHERE seq = 6", (row.digest(),))
    assert found(ledger) == (6, "altered")


@pytest.mark.parametrize("seq", [1, 4, 5])
def test_an_entry_with_a_new_hash_is_named_by_the_next_one(
    ledger: Ledger, path: Path, seq: int
) -> None:
    with attacker(path) as raw:
        raw.execute("UPDATE audit SET actors = '[\"li\"]' WHERE seq = ?", (seq,))
        rehash(raw, seq)
    assert found(ledger) == (seq, "altered")


def test_a_log_that_begins_with_another_prev(ledger: Ledger, path: Path) -> None:
    with attacker(path) as raw:
        raw.execute("UPDATE audit SET prev = ? WHERE seq = 1", ("1" * 64,))
        rehash(raw, 1)
    assert found(ledger) == (1, "altered")


def test_deleted_entries_are_missing(ledger: Ledger, path: Path) -> None:
    with attacker(path) as raw:
        raw.execute("DELETE FROM audit WHERE seq = 3")
    assert found(ledger) == (3, "missing")
    with attacker(path) as raw:
        raw.execute("DELETE FROM audit WHERE seq < 5")
    assert found(ledger) == (1, "missing")
    reason = ledger.audit.verify().broken
    assert reason is not None
    assert reason.reason.en == "entries 1 to 4 are missing"


def test_deleted_and_closed_up(ledger: Ledger, path: Path) -> None:
    with attacker(path) as raw:
        raw.execute("DELETE FROM audit WHERE seq IN (3, 4)")
        raw.execute("UPDATE audit SET seq = seq - 2 WHERE seq > 4")
    assert found(ledger) == (3, "missing")


@pytest.mark.parametrize("pair", [(1, 2), (3, 4), (2, 5), (1, 6)])
def test_exchanged_entries_are_out_of_order(
    ledger: Ledger, path: Path, pair: tuple[int, int]
) -> None:
    with attacker(path) as raw:
        exchange(raw, *pair)
    assert found(ledger) == (pair[0], "order")


def exchange(raw: sqlite3.Connection, first: int, second: int) -> None:
    raw.execute("UPDATE audit SET seq = 100 WHERE seq = ?", (first,))
    raw.execute("UPDATE audit SET seq = ? WHERE seq = ?", (first, second))
    raw.execute("UPDATE audit SET seq = ? WHERE seq = 100", (second,))


def test_an_entry_moved_to_the_end_is_out_of_order(ledger: Ledger, path: Path) -> None:
    with attacker(path) as raw:
        raw.execute("UPDATE audit SET seq = 40 WHERE seq = 2")
    assert found(ledger) == (2, "order")


@pytest.mark.parametrize("number", [2**62, 2**63 - 1])
def test_huge_numbers_are_no_endless_work(ledger: Ledger, path: Path, number: int) -> None:
    with attacker(path) as raw:
        raw.execute("UPDATE audit SET subject = 'x' WHERE seq = 3")
        raw.execute("UPDATE audit SET seq = ? WHERE seq = 6", (number,))
    assert found(ledger) == (3, "altered")


def test_a_log_that_cannot_grow_any_more_says_so(ledger: Ledger, path: Path) -> None:
    with attacker(path) as raw:
        raw.execute("UPDATE audit SET seq = ? WHERE seq = 6", (2**63 - 1,))
    with pytest.raises(SscardError, match="does not take entry"):
        ledger.audit.record(AuditEvent("key.rotate", "A"))


def test_entries_in_a_ring(ledger: Ledger, path: Path) -> None:
    with attacker(path) as raw:
        raw.execute("UPDATE audit SET seq = 100 WHERE seq = 2")
        raw.execute("UPDATE audit SET seq = seq - 1 WHERE seq IN (3, 4)")
        raw.execute("UPDATE audit SET seq = 4 WHERE seq = 100")
    assert found(ledger) == (2, "order")


def make_room(raw: sqlite3.Connection, seq: int) -> None:
    for number in range(ENTRIES, seq - 1, -1):
        raw.execute("UPDATE audit SET seq = ? WHERE seq = ?", (number + 1, number))


def copy(raw: sqlite3.Connection, source: int, seq: int) -> None:
    columns = ", ".join(COLUMNS)
    raw.execute(f"INSERT INTO audit SELECT ?, {columns} FROM audit WHERE seq = ?", (seq, source))


def test_a_forged_entry_pushed_in_between(ledger: Ledger, path: Path) -> None:
    with attacker(path) as raw:
        make_room(raw, 3)
        copy(raw, 2, 3)
        raw.execute("UPDATE audit SET subject = 'forged' WHERE seq = 3")
    assert found(ledger) == (3, "inserted")


def test_a_forged_entry_with_its_place_in_the_chain(ledger: Ledger, path: Path) -> None:
    """It continues the one before; the next one, pushed on, does not continue it."""
    with attacker(path) as raw:
        make_room(raw, 3)
        copy(raw, 2, 3)
        (before,) = raw.execute("SELECT hash FROM audit WHERE seq = 2").fetchone()
        raw.execute("UPDATE audit SET prev = ? WHERE seq = 3", (before.decode(),))
        rehash(raw, 3)
    assert found(ledger) == (4, "inserted")


def test_a_genuine_entry_once_more(ledger: Ledger, path: Path) -> None:
    with attacker(path) as raw:
        copy(raw, 2, ENTRIES + 1)
    assert found(ledger) == (ENTRIES + 1, "inserted")


@pytest.mark.parametrize("seq", [0, -1, -(2**62)])
def test_an_entry_before_the_first(ledger: Ledger, path: Path, seq: int) -> None:
    with attacker(path) as raw:
        copy(raw, 1, seq)
    assert found(ledger) == (seq, "inserted")


def test_a_tail_cut_off_shows_against_a_head(ledger: Ledger, path: Path) -> None:
    head = ledger.audit.head()
    with attacker(path) as raw:
        raw.execute("DELETE FROM audit WHERE seq > 4")
    assert found(ledger) is None
    assert found(ledger, head) == (5, "missing")
    with attacker(path) as raw:
        raw.execute("DELETE FROM audit")
    assert found(ledger) is None
    assert found(ledger, head) == (1, "missing")


def test_a_log_written_anew_shows_against_a_head(ledger: Ledger, path: Path) -> None:
    head = AuditHead(5, list(ledger.audit.rows())[4].hash)
    with attacker(path) as raw:
        raw.execute("UPDATE audit SET subject = 'harmless' WHERE seq = 2")
        for seq in range(2, ENTRIES + 1):
            (before,) = raw.execute("SELECT hash FROM audit WHERE seq = ?", (seq - 1,)).fetchone()
            raw.execute("UPDATE audit SET prev = ? WHERE seq = ?", (before.decode(), seq))
            rehash(raw, seq)
    assert found(ledger) is None
    assert found(ledger, head) == (5, "altered")


def test_a_log_that_has_grown_since_the_head(ledger: Ledger) -> None:
    head = ledger.audit.head()
    ledger.audit.record(AuditEvent("key.rotate", "A"))
    assert found(ledger, head) is None


def test_a_broken_log_goes_on(ledger: Ledger, path: Path) -> None:
    """Work is not stopped by it, and what is broken stays named."""
    with attacker(path) as raw:
        raw.execute("UPDATE audit SET hash = 'x' WHERE seq = 6")
    ledger.audit.record(AuditEvent("key.rotate", "A"))
    assert found(ledger) == (6, "altered")


def test_an_entry_without_sense_is_an_error_with_a_next_step(ledger: Ledger, path: Path) -> None:
    for column, value in (("detail", "{"), ("actors", "{}"), ("outcome", "?"), ("at", "noon")):
        with attacker(path) as raw:
            (before,) = raw.execute(f"SELECT {column} FROM audit WHERE seq = 2").fetchone()
            raw.execute(f"UPDATE audit SET {column} = ? WHERE seq = 2", (value,))
        with pytest.raises(SscardError, match=r"entry 2 .* cannot be read") as raised:
            list(ledger.audit.entries())
        assert raised.value.hint is not None
        with attacker(path) as raw:
            raw.execute(f"UPDATE audit SET {column} = ? WHERE seq = 2", (before.decode(),))
    assert found(ledger) is None


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.permutations(range(1, ENTRIES + 1)), st.integers(0, ENTRIES))
def test_any_other_order_or_choice_of_entries_is_found(
    ledger: Ledger, path: Path, order: list[int], kept: int
) -> None:
    """Renumbered from 1 on, so that nothing but the chain tells."""
    standing = order[:kept]
    assume(standing != list(range(1, kept + 1)))
    genuine = list(ledger.audit.rows())
    first_wrong = next(at for at, seq in enumerate(standing, 1) if at != seq)
    try:
        with attacker(path) as raw:
            write(raw, [genuine[seq - 1]._replace(seq=at) for at, seq in enumerate(standing, 1)])
        seq, kind = found(ledger) or (0, "")
        assert seq == first_wrong
        assert kind in {"order", "missing"}
    finally:
        with attacker(path) as raw:
            write(raw, genuine)


def write(raw: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    raw.execute("DELETE FROM audit")
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    raw.executemany(f"INSERT INTO audit (seq, {', '.join(COLUMNS)}) VALUES ({marks})", rows)
