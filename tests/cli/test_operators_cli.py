"""``sscard operator``: from the first supervisor on."""

from __future__ import annotations

import base64
import json
import re
import secrets
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sscard_ic.base import Secret
from sscard_ic.cli import root
from sscard_ic.ledger import Ledger, operators

PASSWORD = "a good password"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setattr(operators, "SCRYPT", operators.Scrypt(n=2, r=1, p=1))
    monkeypatch.setenv("SSCARD_HOME", str(folder))
    monkeypatch.setenv("SSCARD_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("OPERATOR", "OPERATOR_PASSWORD", "OPERATOR_PASSWORD_FILE"):
        monkeypatch.delenv(f"SSCARD_{name}", raising=False)
    for name in ("NEW_PASSWORD", "NEW_PASSWORD_FILE"):
        monkeypatch.delenv(f"SSCARD_{name}", raising=False)
    return folder


def run(
    *arguments: str, typed: str = "", code: int = 0, env: Mapping[str, str | None] | None = None
) -> Result:
    result = CliRunner().invoke(root, ["operator", *arguments], input=typed, env=env)
    assert result.exit_code == code, result.output
    assert not result.exception or isinstance(result.exception, SystemExit)
    return result


def people(*names: str) -> str:
    return "".join(f"{name}\n{PASSWORD}\n" for name in names)


def twice(password: str) -> str:
    return f"{password}\n{password}\n"


def listed() -> dict[str, dict[str, Any]]:
    found = json.loads(run("list", "--json").stdout)["operators"]
    return {each["name"]: each for each in found}


def recorded(home: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    with Ledger.open(home / "ledger.db") as ledger:
        assert ledger.audit.verify().broken is None
        return [
            (entry.event.action, entry.event.subject, entry.event.actors)
            for entry in ledger.audit.entries()
        ]


def join(name: str, *roles: str, typed: str = "", given: str = "first password") -> Result:
    """Add a person, who then chooses a password."""
    options = [option for role in roles for option in ("--role", role)]
    result = run("add", name, *options, typed=typed + twice(given))
    run("password", name, typed=f"{name}\n{given}\n" + twice(PASSWORD))
    return result


@pytest.fixture
def two(home: Path) -> None:
    """Two supervisors and a custodian."""
    run("add", "chief", "--role", "supervisor", typed=twice(PASSWORD))
    join("second", "supervisor", typed=people("chief"))
    join("keeper", "custodian", "operator", typed=people("chief", "second"))


def test_the_first_supervisor_and_those_after(home: Path) -> None:
    result = run("add", "李明", "--role", "supervisor", typed=twice(PASSWORD))
    assert "李明 added" in result.stderr
    assert "add a second supervisor" in result.stderr

    typed = people("李明") + twice(PASSWORD)
    second = run("add", "wang", "--role", "supervisor", "--json", typed=typed)
    told = json.loads(second.stdout)
    assert (told["name"], told["roles"], told["state"]) == ("wang", ["supervisor"], "active")
    assert "add a second" not in second.stderr
    assert told["must_change"]
    assert "wang must choose another password before anything else" in second.stderr
    assert "sscard operator password wang" in second.stderr
    assert "active, must change password" in run("list").stdout

    refused = run("add", "zhao", "--role", "auditor", typed=people("李明", "wang"), code=1)
    assert "somebody else has set the password of wang" in refused.stderr
    same = run("password", "wang", typed=people("wang") + twice(PASSWORD), code=1)
    assert "the password that must be changed" in same.stderr
    run("password", "wang", typed=people("wang") + twice("another password"))
    run("password", "wang", typed="wang\nanother password\n" + twice(PASSWORD))
    assert {each["must_change"] for each in listed().values()} == {False}

    run("add", "zhao", "--role", "auditor", typed=people("李明", "wang") + twice(PASSWORD))
    assert recorded(home) == [
        ("operator.add", "李明", ("-",)),
        ("operator.add", "wang", ("李明",)),
        ("authorise.refused", "zhao", ("李明",)),
        ("authorise.refused", "zhao", ("李明",)),
        ("operator.password", "wang", ("wang",)),
        ("operator.password", "wang", ("wang",)),
        ("operator.add", "zhao", ("李明", "wang")),
    ]


def test_the_first_must_be_a_supervisor(home: Path) -> None:
    result = run("add", "li", "--role", "custodian", typed=twice(PASSWORD), code=1)
    assert "the first operator must be a supervisor" in result.stderr
    assert listed() == {}


@pytest.mark.usefixtures("two")
def test_one_of_two_supervisors_is_not_enough(home: Path) -> None:
    before = listed()
    for arguments in (
        ("add", "li", "--role", "operator"),
        ("roles", "keeper", "--role", "auditor"),
        ("disable", "keeper"),
    ):
        result = run(*arguments, typed=people("chief", "chief", "keeper", "keeper"), code=1)
        assert "chief has signed in already" in result.stderr
        assert "keeper is no supervisor" in result.stderr
    assert listed() == before


@pytest.mark.usefixtures("two")
def test_roles_and_states(home: Path) -> None:
    both = people("chief", "second")
    run("roles", "keeper", "--role", "auditor", typed=both)
    assert listed()["keeper"]["roles"] == ["auditor"]
    run("disable", "Keeper", typed=both)
    assert listed()["keeper"]["state"] == "disabled"
    run("enable", "keeper", typed=people("chief"), code=1)
    told = json.loads(run("enable", "keeper", "--json", typed=both).stdout)
    assert told["state"] == "active"
    assert [entry[0] for entry in recorded(home)[5:]] == [
        "operator.roles",
        "operator.disable",
        "authorise.refused",
        "operator.enable",
    ]


@pytest.mark.usefixtures("two")
def test_one_supervisor_unlocks(home: Path) -> None:
    wrong = "keeper\nwrong\n" * 3
    run("password", "keeper", typed=wrong, code=1)
    assert listed()["keeper"]["state"] == "locked"
    assert "locked" in run("list").stdout
    run("enable", "keeper", typed=people("second"))
    assert (listed()["keeper"]["state"], listed()["keeper"]["failed_tries"]) == ("active", 0)


@pytest.mark.usefixtures("two")
def test_everybody_sets_their_own_password(home: Path) -> None:
    run("password", "keeper", typed=people("keeper") + twice("another password"))
    assert recorded(home)[-1] == ("operator.password", "keeper", ("keeper",))
    run("password", "keeper", typed=people("keeper") * 2, code=1)
    with Ledger.open(home / "ledger.db") as ledger:
        signed_in = ledger.operators.sign_in("keeper", Secret(b"another password"))
    assert signed_in.name == "keeper"


@pytest.mark.usefixtures("two")
def test_supervisors_set_that_of_others(home: Path) -> None:
    """Two of them: one alone could act in the other's name otherwise."""
    run("password", "second", typed=people("chief") + twice("another password"), code=1)
    run("password", "keeper", typed=people("chief", "second") + twice("another password"))
    assert recorded(home)[-1] == ("operator.password", "keeper", ("chief", "second"))
    assert listed()["keeper"]["must_change"]
    mine = "keeper\nanother password\n"
    run("password", "chief", typed=mine + people("chief", "second"), code=1)
    run("password", "keeper", typed=mine + twice(PASSWORD))
    assert not listed()["keeper"]["must_change"]


@pytest.mark.usefixtures("two")
def test_without_any_supervisor_nobody_consents(home: Path) -> None:
    """As when somebody has changed the table behind the program's back."""
    with closing(sqlite3.connect(home / "ledger.db")) as raw:
        raw.execute("UPDATE operators SET roles = 'operator'")
        raw.commit()
    result = run("disable", "keeper", typed=people("chief", "second", "keeper"), code=1)
    assert "chief is no supervisor" in result.stderr
    assert listed()["keeper"]["state"] == "active"


@pytest.mark.parametrize("command", ["add", "password"])
def test_a_new_password_is_gone_when_it_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    run("add", "chief", "--role", "supervisor", typed=twice(PASSWORD))
    short = Secret(b"short")
    monkeypatch.setattr("sscard_ic.cli.secrets.new_password", lambda _name: short)
    arguments = ("add", "li", "--role", "operator") if command == "add" else ("password", "chief")
    assert "fewer than 8" in run(*arguments, typed=people("chief"), code=1).stderr
    assert not any(short.reveal())


def test_passwords_from_the_environment(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "new"
    file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    run("add", "chief", "--role", "supervisor", env={"SSCARD_NEW_PASSWORD_FILE": str(file)})
    env = {
        "SSCARD_OPERATOR": "chief",
        "SSCARD_OPERATOR_PASSWORD": PASSWORD,
        "SSCARD_NEW_PASSWORD": PASSWORD,
    }
    run("add", "li", "--role", "custodian", env=env)
    assert set(listed()) == {"chief", "li"}


@pytest.mark.parametrize(
    ("arguments", "typed", "message"),
    [
        (("add", "chief", "--role", "operator"), "", "there is an operator chief already"),
        (("add", "-", "--role", "operator"), "", "not a usable name"),
        (("add", "li", "--role", "operator"), twice("short"), "fewer than 8 characters"),
        (("roles", "li", "--role", "operator"), "", "there is no operator li"),
        (("disable", "li"), "", "known: chief"),
        (("enable", "li"), "", "there is no operator li"),
        (("password", "li"), "", "there is no operator li"),
        (("disable", "chief"), "", "last active supervisor"),
        (("roles", "chief", "--role", "operator"), "", "last active supervisor"),
    ],
)
def test_what_cannot_be_done(
    home: Path, arguments: tuple[str, ...], typed: str, message: str
) -> None:
    run("add", "chief", "--role", "supervisor", typed=twice(PASSWORD))
    before = listed()
    result = run(*arguments, typed=people("chief") + typed, code=1)
    assert message in result.stderr
    assert listed() == before


def test_usage_errors() -> None:
    assert "--role" in run("add", "li", code=2).stderr
    assert "king" in run("add", "li", "--role", "king", code=2).stderr


def test_an_error_in_json() -> None:
    result = run("disable", "li", "--json", code=1)
    error = json.loads(result.stdout)["error"]
    assert error["message"] == "there is no operator li"


def test_in_chinese(home: Path) -> None:
    chinese = {"SSCARD_LANG": "zh"}
    result = run("add", "李明", "--role", "supervisor", typed=twice(PASSWORD), env=chinese)
    assert "已添加 李明" in result.stderr
    assert "请再添加一名主管" in result.stderr
    run("add", "王芳", "--role", "custodian", typed=people("李明") + twice(PASSWORD))
    table = run("list", env=chinese).stdout
    assert "名字" in table
    assert "密钥保管人" in table
    refused = run("disable", "王芳", typed="李明\nwrong\n" * 3, env=chinese, code=1)
    assert "登录被拒绝" in refused.stderr
    assert "输错 3 次即锁定" in refused.stderr


def test_no_ledger(home: Path) -> None:
    assert "there is no ledger" in run("list", code=1).stderr
    assert not home.exists()


def forms(secret: str) -> list[bytes]:
    """As it is, in hex, and what of its Base64 is the same wherever in a text it stands."""
    plain = secret.encode()
    shifted = [base64.b64encode(bytes(by) + plain + bytes(2))[4:-4] for by in range(3)]
    every = [plain, plain.hex().encode(), plain.hex().upper().encode(), *shifted]
    return [form for form in every if len(form) >= 7]


def test_no_password_is_left_anywhere(home: Path) -> None:
    """Typed right, wrong, against the rules and into the wrong line."""
    right, other, wrong = (secrets.token_urlsafe(24) for _ in range(3))
    short = secrets.token_urlsafe(5)
    outputs = []

    def told(
        *arguments: str, typed: str = "", code: int = 0, env: dict[str, str] | None = None
    ) -> None:
        result = run(*arguments, typed=typed, code=code, env=env)
        # The runner shows what is typed as a name, like a terminal; nothing else may.
        outputs.append(re.sub(r"(?m)^Name: .*$", "", result.output).encode())

    told("add", "chief", "--role", "supervisor", typed=twice(right))
    chief = f"chief\n{right}\n"
    told("add", "li", "--role", "operator", typed=chief + twice(short), code=1)
    unlike = f"{other}\n{wrong}\n"
    told("add", "li", "--role", "operator", typed=chief + unlike + twice(other))
    told("password", "li", typed=f"li\n{other}\n" + twice(right))
    told("password", "li", typed=f"{right}\n{right}\n{wrong}\n{wrong}\nli\n{wrong}\n", code=1)
    named = {"SSCARD_OPERATOR": "chief", "SSCARD_OPERATOR_PASSWORD": wrong}
    told("disable", "li", env=named, code=1)
    told("disable", "li", env={**named, "SSCARD_OPERATOR_PASSWORD": right})

    with closing(sqlite3.connect(home / "ledger.db")) as raw:
        outputs.append("\n".join(raw.iterdump()).lower().encode())
    outputs += [file.read_bytes() for file in home.rglob("*") if file.is_file()]
    assert any(b"chief" in output for output in outputs)
    for secret in (right, other, wrong, short):
        for form in forms(secret):
            assert all(form not in output for output in outputs)
