"""Operators: names, roles, passwords, lock-out; each change in the audit log."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from sscard_ic.base import FixedClock, InputError, Secret, SscardError
from sscard_ic.base.authority import NotAuthorised, Role
from sscard_ic.ledger import Ledger, operators

RIGHT, WRONG = Secret("correct horse 马".encode()), Secret(b"battery staple")
LEAST = operators.Scrypt(n=2, r=1, p=1)
START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords that are cheap to try; the real cost has a test of its own."""
    monkeypatch.setattr(operators, "SCRYPT", LEAST)


def last(ledger: Ledger) -> tuple[str, str, tuple[str, ...], str, dict[str, str]]:
    event = list(ledger.audit.entries())[-1].event
    return event.action, event.subject, event.actors, event.outcome, dict(event.detail)


def add(ledger: Ledger, name: str, *roles: Role, password: Secret = RIGHT) -> operators.Operator:
    return ledger.operators.add(name, roles, password, actors=("zhao",))


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as raw:
        return raw.execute(query).fetchall()


def test_a_person_is_added_and_signs_in(ledger: Ledger) -> None:
    added = add(ledger, " 李明 ", "operator", "custodian", "operator")

    assert (added.name, added.roles) == ("李明", ("custodian", "operator"))
    assert (added.state, added.locked, added.failed_tries) == ("active", False, 0)
    assert added.created == added.changed == START
    assert ledger.operators.all() == (added,)
    assert ledger.operators.get("李明") == added
    assert ledger.operators.sign_in("李明", RIGHT) == added
    expected = ("operator.add", "李明", ("zhao",), "done", {"roles": "custodian,operator"})
    assert last(ledger) == expected


@pytest.mark.parametrize("same", ["Li Ming", "li ming", "LI MING", "Ｌｉ　Ｍｉｎｇ", " Li Ming "])
def test_names_are_the_same_in_any_case_and_width(ledger: Ledger, same: str) -> None:
    add(ledger, "Li Ming", "operator")
    assert ledger.operators.sign_in(same, RIGHT).name == "Li Ming"
    with pytest.raises(InputError, match="there is an operator"):
        add(ledger, same.replace("　", " "), "auditor")
    assert len(ledger.operators.all()) == 1


def test_composed_and_decomposed_are_the_same(ledger: Ledger) -> None:
    add(ledger, "Zo\u0065\u0301", "operator", password=Secret("pass\u0065\u0301word".encode()))
    signed_in = ledger.operators.sign_in("Zo\u00e9", Secret("pass\u00e9word".encode()))
    assert signed_in.name == "Zo\u00e9"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "-",
        "－",
        "x" * 65,
        "ﷺ" * 10,
        "a\nb",
        "a\u200bb",
        "a\u3164b",
        "a\uffa0",
        "a\u2800b",
        "a\u0301\u0301",
        "a/b",
        "a\U000e0100",
        "a\x1b[2J",
        "\udcff",
    ],
)
def test_unusable_names(ledger: Ledger, name: str) -> None:
    with pytest.raises(InputError, match="not a usable name"):
        add(ledger, name, "operator")
    assert ledger.audit.head().seq == 0


@pytest.mark.parametrize("roles", [(), ("king",), ("operator", "king")])
def test_unusable_roles(ledger: Ledger, roles: tuple[Role, ...]) -> None:
    with pytest.raises(InputError, match="one role at least"):
        add(ledger, "li", *roles)
    add(ledger, "li", "operator")
    with pytest.raises(InputError, match="one role at least"):
        ledger.operators.set_roles("li", roles)
    assert ledger.operators.get("li").roles == ("operator",)


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("", "fewer than 8"),
        ("1234567", "fewer than 8"),
        ("密码密码密码密", "fewer than 8"),
        ("Li-Ming-Wang", "the name itself"),
        ("li-ming-wang", "the name itself"),
    ],
)
def test_passwords_against_the_rules(ledger: Ledger, password: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        add(ledger, "Li-Ming-Wang", "operator", password=Secret(password.encode()))
    assert raised.value.hint is not None
    add(ledger, "Li-Ming-Wang", "operator")
    with pytest.raises(InputError, match=message):
        ledger.operators.set_password("li-ming-wang", Secret(password.encode()))
    assert ledger.operators.sign_in("Li-Ming-Wang", RIGHT).name == "Li-Ming-Wang"


def test_the_shortest_password(ledger: Ledger) -> None:
    shortest = Secret("密码密码密码密码".encode())
    add(ledger, "li", "operator", password=shortest)
    assert ledger.operators.sign_in("li", shortest).name == "li"


@pytest.mark.parametrize("name", ["李明", "Zo\u00e9 O.-Neil_2", "买买提·艾力"])
def test_usable_names(ledger: Ledger, name: str) -> None:
    assert add(ledger, name, "operator").name == name


def test_a_password_that_somebody_else_chose_must_become_another(ledger: Ledger) -> None:
    assert not add(ledger, "li", "operator").must_change
    given = ledger.operators.set_password("li", WRONG, must_change=True)
    assert given.must_change
    assert ledger.operators.sign_in("li", WRONG).must_change
    with pytest.raises(InputError, match="the password that must be changed") as raised:
        ledger.operators.set_password("li", WRONG)
    assert raised.value.hint is not None
    assert ledger.operators.get("li").must_change
    assert not ledger.operators.set_password("li", RIGHT).must_change
    assert not ledger.operators.set_password("li", RIGHT).must_change

    new = ledger.operators.add("wang", ["auditor"], RIGHT, must_change=True)
    assert new.must_change
    assert ledger.operators.set_roles("wang", ["operator"]).must_change


def test_a_refused_sign_in_says_what_for(ledger: Ledger) -> None:
    add(ledger, "li", "operator")
    with pytest.raises(NotAuthorised):
        ledger.operators.sign_in("li", WRONG, action="key.destroy", subject="RKSSSE 01")
    assert last(ledger)[4] == {
        "reason": "password",
        "action": "key.destroy",
        "subject": "RKSSSE 01",
        "tries": "1",
        "locked": "no",
    }


def test_only_the_first_of_all_needs_nobody(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="must be a supervisor"):
        ledger.operators.add("li", ["custodian"], RIGHT, first=True)
    ledger.operators.add("li", ["custodian", "supervisor"], RIGHT, first=True)
    assert last(ledger)[2] == ("-",)
    with pytest.raises(NotAuthorised, match="has operators already"):
        ledger.operators.add("wang", ["supervisor"], RIGHT, first=True)
    assert [each.name for each in ledger.operators.all()] == ["li"]


def test_changes_are_recorded(ledger: Ledger) -> None:
    add(ledger, "li", "supervisor")
    add(ledger, "wang", "supervisor")
    people = ("zhao", "qian")
    changed = ledger.operators.set_roles("Wang", ["auditor", "custodian"], actors=people)
    assert changed.roles == ("custodian", "auditor")
    detail = {"roles": "custodian,auditor", "before": "supervisor"}
    assert last(ledger) == ("operator.roles", "wang", people, "done", detail)

    ledger.operators.set_password("wang", WRONG, actors=("wang",))
    assert last(ledger) == ("operator.password", "wang", ("wang",), "done", {})
    assert ledger.operators.sign_in("wang", WRONG).roles == ("custodian", "auditor")

    assert ledger.operators.disable("wang", actors=people).state == "disabled"
    assert last(ledger) == ("operator.disable", "wang", people, "done", {})
    assert ledger.operators.enable("wang", actors=people).state == "active"
    assert last(ledger) == ("operator.enable", "wang", people, "done", {"was": "disabled"})


def test_unknown_names_are_told_with_the_known_ones(ledger: Ledger) -> None:
    with pytest.raises(InputError) as raised:
        ledger.operators.get("wang")
    assert "operator add" in str(raised.value)
    add(ledger, "li", "supervisor")
    changes: tuple[Callable[[], object], ...] = (
        lambda: ledger.operators.get("wang"),
        lambda: ledger.operators.disable("wang"),
        lambda: ledger.operators.enable("wang"),
        lambda: ledger.operators.set_roles("wang", ["auditor"]),
        lambda: ledger.operators.set_password("wang", RIGHT),
    )
    for change in changes:
        with pytest.raises(InputError, match="no operator wang") as raised:
            change()
        assert "known: li" in str(raised.value)


def test_the_last_supervisor_stays(ledger: Ledger) -> None:
    add(ledger, "li", "supervisor")
    add(ledger, "wang", "supervisor", "custodian")
    ledger.operators.disable("li")
    changes: tuple[Callable[[], object], ...] = (
        lambda: ledger.operators.disable("wang"),
        lambda: ledger.operators.set_roles("wang", ["custodian"]),
    )
    for change in changes:
        with pytest.raises(InputError, match="last active supervisor"):
            change()
    assert ledger.operators.supervisors() == 1
    assert ledger.operators.set_roles("wang", ["supervisor"]).roles == ("supervisor",)
    ledger.operators.enable("li")
    assert ledger.operators.supervisors() == 2
    assert ledger.operators.disable("wang").state == "disabled"


# -- signing in ----------------------------------------------------------------------------


def refuse(ledger: Ledger, name: str, password: Secret) -> str:
    """The words of the refusal, and that it is recorded."""
    with pytest.raises(NotAuthorised) as raised:
        ledger.operators.sign_in(name, password)
    action, _, actors, outcome, _ = last(ledger)
    assert (action, actors, outcome) == ("sign_in.refused", ("-",), "refused")
    return str(raised.value)


def test_every_refusal_has_the_same_words_and_its_own_record(ledger: Ledger) -> None:
    for name in ("li", "wang", "zhao"):
        add(ledger, name, "operator")
    ledger.operators.disable("wang")
    told = set()
    told.add(refuse(ledger, "li", WRONG))
    assert last(ledger)[1::3] == ("li", {"reason": "password", "tries": "1", "locked": "no"})
    told.add(refuse(ledger, "wang", RIGHT))
    assert last(ledger)[1::3] == ("wang", {"reason": "disabled"})
    for _ in range(3):
        told.add(refuse(ledger, "zhao", WRONG))
    assert last(ledger)[1::3] == ("zhao", {"reason": "password", "tries": "3", "locked": "yes"})
    told.add(refuse(ledger, "zhao", RIGHT))
    assert last(ledger)[1::3] == ("zhao", {"reason": "locked"})
    told.add(refuse(ledger, "nobody", WRONG))
    assert last(ledger)[1::3] == ("-", {"reason": "name"})
    assert len(told) == 1
    assert "sscard operator enable" in told.pop()


def test_a_password_typed_as_a_name_is_not_written_down(ledger: Ledger, path: Path) -> None:
    add(ledger, "li", "operator")
    refuse(ledger, "correct horse 马", RIGHT)
    for file in path.parent.iterdir():
        assert b"correct horse" not in file.read_bytes()


def test_an_unknown_name_costs_the_same_work(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(ledger, "li", "operator")
    done: list[dict[str, Any]] = []
    scrypt = hashlib.scrypt

    def counted(password: bytes, **cost: Any) -> bytes:
        done.append({**cost, "salt": len(cost["salt"])})
        return scrypt(password, **cost)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    refuse(ledger, "li", WRONG)
    refuse(ledger, "nobody", WRONG)
    ledger.operators.disable("li")
    refuse(ledger, "li", RIGHT)
    assert len(done) == 3
    assert done[0] == done[1] == done[2]


def test_the_third_wrong_password_locks(ledger: Ledger) -> None:
    add(ledger, "li", "operator")
    add(ledger, "wang", "supervisor")
    refuse(ledger, "li", WRONG)
    refuse(ledger, "li", WRONG)
    assert ledger.operators.get("li").failed_tries == 2
    assert ledger.operators.sign_in("li", RIGHT).failed_tries == 0  # not in a row
    for _ in range(3):
        refuse(ledger, "li", WRONG)
    assert ledger.operators.get("li").locked
    refuse(ledger, "li", RIGHT)
    assert ledger.operators.get("li").failed_tries == 3

    assert not ledger.operators.enable("li", actors=("wang",)).locked
    assert last(ledger)[-1] == {"was": "locked"}
    assert ledger.operators.sign_in("li", RIGHT).name == "li"


def test_a_new_password_does_not_unlock(ledger: Ledger) -> None:
    add(ledger, "li", "operator")
    for _ in range(3):
        refuse(ledger, "li", WRONG)
    assert ledger.operators.set_password("li", WRONG).locked
    refuse(ledger, "li", WRONG)


def test_tries_at_once_are_all_counted(ledger: Ledger) -> None:
    add(ledger, "li", "operator")

    def attempt(password: Secret) -> bool:
        try:
            ledger.operators.sign_in("li", password)
        except NotAuthorised:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(attempt, [WRONG] * 12))
    person = ledger.operators.get("li")
    assert (person.locked, person.failed_tries) == (True, 3)
    assert not attempt(RIGHT)


def later(path: Path, minutes: int) -> Ledger:
    return Ledger.open(path, clock=FixedClock(START + timedelta(minutes=minutes)))


def lock(ledger: Ledger, name: str) -> None:
    for _ in range(3):
        refuse(ledger, name, WRONG)


def test_the_only_supervisor_may_try_again_after_a_while(ledger: Ledger, path: Path) -> None:
    """Nobody else could ever unlock."""
    add(ledger, "li", "supervisor")
    add(ledger, "wang", "operator")
    lock(ledger, "li")
    lock(ledger, "wang")
    with later(path, 29) as early:
        refuse(early, "li", RIGHT)
    with later(path, 30) as once:
        refuse(once, "wang", RIGHT)
        refuse(once, "li", WRONG)
        refuse(once, "li", RIGHT)
    with later(path, 59) as early:
        refuse(early, "li", RIGHT)
    with later(path, 60) as again:
        assert not again.operators.sign_in("li", RIGHT).locked


def test_a_supervisor_waits_for_another_who_can_unlock(ledger: Ledger, path: Path) -> None:
    add(ledger, "li", "supervisor")
    add(ledger, "wang", "supervisor")
    lock(ledger, "li")
    with later(path, 600) as much_later:
        refuse(much_later, "li", RIGHT)
        lock(much_later, "wang")
        assert much_later.operators.sign_in("li", RIGHT).name == "li"


def test_a_change_and_its_record_are_one(ledger: Ledger, path: Path) -> None:
    add(ledger, "li", "supervisor")
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(
            "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        raw.commit()
    before = rows(path, "SELECT * FROM operators")
    changes: tuple[Callable[[], object], ...] = (
        lambda: add(ledger, "wang", "operator"),
        lambda: ledger.operators.set_roles("li", ["supervisor", "auditor"]),
        lambda: ledger.operators.set_password("li", WRONG),
        lambda: ledger.operators.enable("li"),
        lambda: ledger.operators.sign_in("li", WRONG),
    )
    for change in changes:
        with pytest.raises(SscardError, match="does not take entry"):
            change()
    assert rows(path, "SELECT * FROM operators") == before


def test_the_cost_of_a_password(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    monkeypatch.undo()
    add(ledger, "li", "operator")
    query = "SELECT scrypt_n, scrypt_r, scrypt_p, salt, hash FROM operators"
    ((n, r, p, salt, digest),) = rows(path, query)
    assert (n, r, p, len(salt)) == (2**15, 8, 1, 16)
    recomputed = hashlib.scrypt(
        RIGHT.reveal(), salt=salt, n=n, r=r, p=p, maxmem=2**26, dklen=len(digest)
    )
    assert digest == recomputed
    assert ledger.operators.sign_in("li", RIGHT).name == "li"


def test_old_costs_stay_valid(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    add(ledger, "li", "operator")
    monkeypatch.setattr(operators, "SCRYPT", operators.Scrypt(n=4, r=2, p=2))
    assert ledger.operators.sign_in("li", RIGHT).name == "li"
    ledger.operators.set_password("li", WRONG)
    assert ledger.operators.sign_in("li", WRONG).name == "li"


def test_every_password_has_its_own_salt(ledger: Ledger, path: Path) -> None:
    add(ledger, "li", "operator")
    add(ledger, "wang", "operator")
    found = rows(path, "SELECT salt, hash FROM operators")
    assert len({value for row in found for value in row}) == 4


def test_a_damaged_record_is_an_error_in_words(ledger: Ledger, path: Path) -> None:
    add(ledger, "li", "operator")
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE operators SET scrypt_n = 3")
        raw.commit()
    with pytest.raises(InputError, match="record of operator li is damaged"):
        ledger.operators.sign_in("li", RIGHT)


def told(error: BaseException | None) -> str:
    """Everything an error says, and those it came from."""
    if error is None:
        return ""
    own = f"{error!s} {error!r} {error.args!r} {vars(error)!r}"
    return own + told(error.__cause__) + told(error.__context__)


def test_no_error_carries_a_password(ledger: Ledger, path: Path) -> None:
    secret = secrets.token_urlsafe(24)
    add(ledger, "li", "operator")
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("INSERT INTO operators SELECT 9, 'wang', 'wang', roles, 3, 1, 1, salt, hash,"
                    " state, 0, 0, NULL, created_at, changed_at FROM operators")  # fmt: skip
        raw.commit()
    changes: tuple[Callable[[], object], ...] = (
        lambda: ledger.operators.sign_in("li", Secret(secret.encode())),
        lambda: ledger.operators.sign_in("wang", Secret(secret.encode())),
        lambda: ledger.operators.sign_in(secret, Secret(secret.encode())),
        lambda: add(ledger, "zhao", "operator", password=Secret(secret[:7].encode())),
        lambda: add(ledger, "li", "operator", password=Secret(secret.encode())),
    )
    for change in changes:
        with pytest.raises(SscardError) as raised:
            change()
        assert secret[:7] not in told(raised.value)


def test_no_error_shows_the_hash_of_a_password(ledger: Ledger, path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON operators BEGIN "
            "SELECT RAISE(ABORT, 'broken'); END"
        )
        raw.commit()
    with pytest.raises(IntegrityError) as raised:
        add(ledger, "li", "operator")
    assert "scrypt_n" in str(raised.value)
    assert "parameters hidden" in str(raised.value)
