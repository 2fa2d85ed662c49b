"""The audit log: its form, its chain, and who may write it."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import platform
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sscard_ic.base import FixedClock, InputError, SscardError
from sscard_ic.base.authority import AuditEvent, Outcome, deed
from sscard_ic.ledger import AuditHead, Ledger, audit_form

DESTROYED = AuditEvent(
    "key.destroy",
    'RKSSSE "01"',
    ("li", "王芳"),
    detail={"place": "vault.json", "check_value": "8CA64D", "note": "a\tb\x01\x7f密"},
)


def lines(ledger: Ledger) -> list[bytes]:
    return [row.line() for row in ledger.audit.rows()]


def recomputed(line: bytes) -> str:
    """What the documentation tells an auditor to do, with nothing of the program."""
    return hashlib.sha256(re.sub(rb',"hash":"[0-9a-f]*"}$', b"}", line)).hexdigest()


def test_the_first_entry_has_the_hash_of_the_written_form(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "node", lambda: "station-1")
    monkeypatch.setattr(audit_form, "_program", lambda: "sscard-ic 0.1.0")
    ledger.audit.record(DESTROYED)
    text = (
        '{"seq":1,"at":"2026-11-21T08:00:00.000+00:00","action":"key.destroy",'
        '"subject":"RKSSSE \\"01\\"","actors":["li","王芳"],"outcome":"done",'
        '"detail":{"check_value":"8CA64D","note":"a\\tb\\u0001\x7f密","place":"vault.json"},'
        '"host":"station-1","clock":"FixedClock","program":"sscard-ic 0.1.0","prev":"'
        + "0" * 64
        + '"}'
    )
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    # Once by a tool that is not ours: printf '%s' "$text" | sha256sum
    assert digest == "6e2969f3b58b997bf0d040e5e55a3f9957439d3395eb3a99e56dcb898e9aa5ca"
    assert ledger.audit.head() == AuditHead(1, digest)
    assert lines(ledger) == [f'{text[:-1]},"hash":"{digest}"}}'.encode()]


def test_each_entry_holds_the_hash_of_the_one_before(ledger: Ledger) -> None:
    assert ledger.audit.head() == AuditHead(0, "0" * 64)
    for number in range(3):
        ledger.audit.record(replace(DESTROYED, subject=f"key {number}"))

    read = [json.loads(line) for line in lines(ledger)]
    assert [entry["seq"] for entry in read] == [1, 2, 3]
    assert [entry["prev"] for entry in read] == ["0" * 64, read[0]["hash"], read[1]["hash"]]
    assert [recomputed(line) for line in lines(ledger)] == [entry["hash"] for entry in read]
    report = ledger.audit.verify()
    assert report.broken is None
    assert report.head == ledger.audit.head() == AuditHead(3, read[2]["hash"])


def test_an_entry_says_where_it_was_written_and_by_what(ledger: Ledger) -> None:
    ledger.audit.record(DESTROYED)
    (entry,) = ledger.audit.entries()
    assert entry.event == DESTROYED
    assert entry.at == datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    assert (entry.host, entry.clock) == (platform.node(), "FixedClock")
    assert entry.program == f"sscard-ic {metadata.version('sscard-ic')}"


events = st.builds(
    AuditEvent,
    action=st.text(max_size=20),
    subject=st.text(max_size=40),
    actors=st.lists(st.text(max_size=10), max_size=3).map(tuple),
    outcome=st.sampled_from(("done", "refused", "failed")),
    detail=st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=4),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(events)
def test_whatever_is_recorded_is_one_line_and_reads_the_same(
    ledger: Ledger, event: AuditEvent
) -> None:
    ledger.audit.record(event)

    line = lines(ledger)[-1]
    assert b"\n" not in line
    read = json.loads(line)
    assert recomputed(line) == read["hash"]
    entry = list(ledger.audit.entries())[-1]
    assert entry.event == AuditEvent(
        read["action"], read["subject"], tuple(read["actors"]), read["outcome"], read["detail"]
    )
    if "\0" not in repr(event) and "\\x00" not in repr(event):
        assert entry.event == event
    assert ledger.audit.verify().broken is None


def test_what_is_no_text_is_recorded_in_words(ledger: Ledger) -> None:
    """A file whose name is no UTF-8, as the operating system hands it over."""
    ledger.audit.record(
        AuditEvent("batch.import", "b\udcff.csv", ("a\0b",), detail={"\udc80": "\0"})
    )
    (entry,) = ledger.audit.entries()
    assert entry.event.subject == "b\\udcff.csv"
    assert entry.event.actors == ("a\\x00b",)
    assert entry.event.detail == {"\\udc80": "\\x00"}
    assert ledger.audit.verify().broken is None


def at_hour(path: Path, hour: int) -> Ledger:
    return Ledger.open(path, clock=FixedClock(datetime(2026, 11, 21, hour, tzinfo=UTC)))


def test_entries_by_action_actor_and_time(path: Path) -> None:
    written = [
        (8, AuditEvent("key.generate", "A", ("li", "wang"))),
        (9, AuditEvent("keyring", "B", ("wang",))),
        (10, AuditEvent("key.destroy", "C", ("zhao", "li"))),
        (11, AuditEvent("batch_run", "D", ("li li",))),
    ]
    for hour, event in written:
        with at_hour(path, hour) as ledger:
            ledger.audit.record(event)

    def subjects(**filters: object) -> str:
        return "".join(entry.event.subject for entry in log.entries(**filters))  # type: ignore[arg-type]

    nine, eleven = (datetime(2026, 11, 21, hour, tzinfo=UTC) for hour in (9, 11))
    with Ledger.open(path) as ledger:
        log = ledger.audit
        assert subjects() == "ABCD"
        assert subjects(action="key") == "AC"
        assert subjects(action="key.destroy") == "C"
        assert subjects(action="batch.run") == ""
        assert subjects(actor="li") == "AC"
        assert subjects(since=nine) == "BCD"
        assert subjects(until=eleven) == "ABC"
        assert subjects(since=nine, until=eleven, actor="li", action="key") == "C"
        # A clock on the wall of China says the same moment otherwise.
        assert subjects(since=nine.astimezone(timezone(timedelta(hours=8)))) == "BCD"


def test_more_entries_than_are_read_at_a_time(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sscard_ic.ledger.audit._PAGE", 4)
    for number in range(8):
        ledger.audit.record(replace(DESTROYED, subject=str(number)))
    assert "".join(entry.event.subject for entry in ledger.audit.entries()) == "01234567"
    assert ledger.audit.verify().broken is None
    assert ledger.audit.verify().head.seq == 8


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET subject = 'x' WHERE seq = 2",
        "UPDATE audit SET seq = 9 WHERE seq = 2",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE seq = 3",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 2",
        "REPLACE INTO audit SELECT * FROM audit WHERE seq = 3",
        "INSERT INTO audit SELECT 9, at, action, subject, actors, outcome, detail, host, clock,"
        " program, prev, hash FROM audit WHERE seq = 2",
        "INSERT INTO audit SELECT NULL, at, action, subject, actors, outcome, detail, host, clock,"
        " program, prev, hash FROM audit WHERE seq = 2",
    ],
)
def test_the_database_refuses_changes(ledger: Ledger, path: Path, statement: str) -> None:
    for number in range(3):
        ledger.audit.record(replace(DESTROYED, subject=f"key {number}"))
    before = lines(ledger)

    with closing(sqlite3.connect(path)) as raw:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            raw.execute(statement)
        raw.commit()
    assert lines(ledger) == before


def record_many(path: Path, name: str) -> None:
    with Ledger.open(path) as ledger:
        for number in range(10):
            ledger.audit.record(AuditEvent("batch.run", str(number), (name,)))


def test_threads_and_processes_write_one_chain(path: Path) -> None:
    Ledger.open(path).close()
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool, ThreadPoolExecutor(3) as threads, Ledger.open(path) as ledger:
        processes = pool.starmap_async(record_many, [(path, "p1"), (path, "p2")])
        for _ in threads.map(
            lambda number: ledger.audit.record(AuditEvent("batch.run", str(number), ("t",))),
            range(30),
        ):
            pass
        processes.get()

        report = ledger.audit.verify()
        assert (report.broken, report.head.seq) == (None, 50)
        for name in ("p1", "p2"):
            own = [entry.event.subject for entry in ledger.audit.entries(actor=name)]
            assert own == [str(number) for number in range(10)]


def test_a_log_that_cannot_be_written_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sscard_ic.ledger.database._BUSY_SECONDS", 0)
    with Ledger.open(path) as ledger, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(InputError, match="database is locked"):
            ledger.audit.record(DESTROYED)
        other.rollback()
        assert ledger.audit.head().seq == 0


@pytest.mark.parametrize(
    "text", ["", "1", "1:", ":" + "0" * 64, "1:" + "0" * 63, "-1:" + "0" * 64, "１:" + "0" * 64]
)
def test_what_is_no_head(text: str) -> None:
    with pytest.raises(ValueError):
        AuditHead.parse(text)


def test_a_head_is_printed_and_read(ledger: Ledger) -> None:
    ledger.audit.record(DESTROYED)
    head = ledger.audit.head()
    assert AuditHead.parse(str(head)) == AuditHead.parse(str(head).upper()) == head


# -- deeds ---------------------------------------------------------------------------------


def outcome(ledger: Ledger) -> tuple[Outcome, dict[str, str]]:
    event = list(ledger.audit.entries())[-1].event
    return event.outcome, dict(event.detail)


def test_a_deed_is_recorded_with_what_became_known_on_the_way(ledger: Ledger) -> None:
    with deed(ledger.audit, AuditEvent("key.generate", "A", detail={"place": "p"})) as detail:
        assert ledger.audit.head().seq == 0
        detail["check_value"] = "8CA64D"
    assert outcome(ledger) == ("done", {"place": "p", "check_value": "8CA64D"})


@pytest.mark.parametrize("error", [ValueError("the secret"), KeyboardInterrupt()])
def test_a_deed_that_fails_is_recorded_by_the_class_of_its_error(
    ledger: Ledger, error: BaseException
) -> None:
    with pytest.raises(type(error)), deed(ledger.audit, DESTROYED):
        raise error
    told, detail = outcome(ledger)
    assert (told, detail["error"]) == ("failed", type(error).__name__)
    assert b"the secret" not in lines(ledger)[-1]


def test_a_deed_that_cannot_be_recorded_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sscard_ic.ledger.database._BUSY_SECONDS", 0)
    with Ledger.open(path) as ledger, closing(sqlite3.connect(path)) as other:
        with pytest.raises(SscardError, match="database is locked"), deed(ledger.audit, DESTROYED):
            other.execute("BEGIN IMMEDIATE")
        other.rollback()
