"""The desk: who must sign in, who may not, and what of it is written down."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from sscard_ic.base import Secret
from sscard_ic.base.authority import NotAuthorised, Role
from sscard_ic.cli.authority import Desk
from sscard_ic.keys import Environment
from sscard_ic.ledger import Ledger, operators

Deed = Callable[[Desk], object]

PEOPLE: dict[str, tuple[Role, ...]] = {
    "chief": ("supervisor",),
    "second": ("supervisor",),
    "both": ("custodian", "supervisor"),
    "keeper": ("custodian",),
    "maker": ("operator",),
}


def password(name: str) -> str:
    return f"secret of {name}"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "SCRYPT", operators.Scrypt(n=2, r=1, p=1))
    monkeypatch.setenv("SSCARD_LANG", "en")
    for name in ("", "_PASSWORD", "_PASSWORD_FILE"):
        monkeypatch.delenv(f"SSCARD_OPERATOR{name}", raising=False)


@pytest.fixture(scope="module")
def hired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with everybody in it, to be copied."""
    path = tmp_path_factory.mktemp("office") / "ledger.db"
    with Ledger.open(path) as ledger, pytest.MonkeyPatch.context() as quick:
        quick.setattr(operators, "SCRYPT", operators.Scrypt(n=2, r=1, p=1))
        for name, roles in PEOPLE.items():
            ledger.operators.add(name, roles, Secret(password(name).encode()))
    return path


@pytest.fixture
def office(tmp_path: Path, hired: Path) -> Iterator[Ledger]:
    shutil.copyfile(hired, tmp_path / "ledger.db")
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        yield ledger


def run(
    ledger: Ledger,
    deed: Deed,
    *typed: str,
    environment: Environment = "production",
    env: Mapping[str, str | None] | None = None,
    code: int = 0,
) -> tuple[object, Result]:
    """What the desk answers to a command at which people type these lines."""
    answers: list[object] = []

    @click.command()
    @click.option("--lang")
    def command(lang: str | None) -> None:
        try:
            answers.append(deed(Desk(ledger, environment)))
        except NotAuthorised as error:
            click.echo(str(error), err=True)
            raise SystemExit(1) from None

    result = CliRunner().invoke(command, [], input="".join(f"{line}\n" for line in typed), env=env)
    assert result.exit_code == code, result.output
    for name in PEOPLE:
        assert password(name) not in result.output
    return (answers[0] if answers else None), result


def types(*names: str) -> list[str]:
    """Names and right passwords."""
    return [line for name in names for line in (name, password(name))]


def destroy(desk: Desk) -> object:
    return desk.authorise("key.destroy", "RKSSSE 01", "custodian", "supervisor")


def log(ledger: Ledger) -> list[tuple[str, str, tuple[str, ...], str]]:
    """Refusals: action, subject, actors, reason."""
    events = [entry.event for entry in ledger.audit.entries() if entry.event.outcome == "refused"]
    return [(event.action, event.subject, event.actors, event.detail["reason"]) for event in events]


@pytest.mark.parametrize(
    "names",
    [
        ("keeper", "chief"),
        ("chief", "keeper"),
        ("both", "chief"),
        ("both", "keeper"),
        ("chief", "both"),
        ("keeper", "both"),
    ],
)
def test_two_people_with_the_two_roles(office: Ledger, names: tuple[str, str]) -> None:
    answer, result = run(office, destroy, *types(*names))
    assert answer == names
    assert "key.destroy RKSSSE 01: sign in: custodian or supervisor" in result.stderr
    assert "key.destroy RKSSSE 01: another person must consent" in result.stderr
    assert result.stdout.strip() == ""
    assert log(office) == []


def test_two_of_the_same_role(office: Ledger) -> None:
    def add(desk: Desk) -> object:
        return desk.authorise("operator.add", "li", "supervisor", "supervisor")

    assert run(office, add, *types("second", "both"))[0] == ("second", "both")


def test_one_person_with_both_roles_is_one_person(office: Ledger) -> None:
    answer, result = run(office, destroy, *types("both", "both", "BOTH", "both"), code=1)
    assert answer is None
    assert result.stderr.count("both has signed in already") == 2
    refusal = ("authorise.refused", "RKSSSE 01", ("both",), "same person")
    assert log(office)[0] == refusal
    assert [entry for entry in log(office) if entry == refusal] == [refusal, refusal]


def test_the_second_person_may_be_found_at_the_third_try(office: Ledger) -> None:
    typed = types("keeper", "keeper", "maker", "chief")
    assert run(office, destroy, *typed)[0] == ("keeper", "chief")
    assert [entry[3] for entry in log(office)] == ["same person", "role"]


def test_who_lacks_the_role_is_refused(office: Ledger) -> None:
    answer, result = run(office, destroy, *types("maker", "maker", "maker", "chief"), code=1)
    assert answer is None
    assert result.stderr.count("maker is no custodian or supervisor") == 3
    assert log(office) == [("authorise.refused", "RKSSSE 01", ("-",), "role")] * 3
    refusals = office.audit.entries(action="authorise")
    assert [entry.event.detail["person"] for entry in refusals] == ["maker"] * 3


def test_three_wrong_passwords_end_it(office: Ledger) -> None:
    typed = ["keeper", "wrong", "keeper", "wrong", "keeper", "wrong", *types("chief", "keeper")]
    _, result = run(office, destroy, *typed, code=1)
    assert result.stderr.count("sign-in refused") == 3
    final = ("authorise.refused", "RKSSSE 01", ("-",), "sign_in")
    assert [entry[0] for entry in log(office)[:3]] == ["sign_in.refused"] * 3
    assert log(office)[3:] == [final]
    for entry in office.audit.entries(action="sign_in"):
        detail = entry.event.detail
        assert (detail["action"], detail["subject"]) == ("key.destroy", "RKSSSE 01")
    assert office.operators.get("keeper").locked


def test_a_name_without_the_password_of_it(office: Ledger) -> None:
    typed = ["chief", password("keeper"), *types("chief", "keeper")]
    assert run(office, destroy, *typed)[0] == ("chief", "keeper")
    assert log(office) == [("sign_in.refused", "chief", ("-",), "password")]


def test_the_first_person_from_the_environment(office: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{password('keeper')}\nnot this\n", encoding="utf-8")
    for variable, value in (
        ("SSCARD_OPERATOR_PASSWORD", password("keeper")),
        ("SSCARD_OPERATOR_PASSWORD_FILE", str(file)),
    ):
        env = {"SSCARD_OPERATOR": "keeper", variable: value}
        answer, result = run(office, destroy, *types("chief"), env=env)
        assert answer == ("keeper", "chief")
        assert "another person must consent: supervisor" in result.stderr

    # A name alone: the password is typed.
    env = {"SSCARD_OPERATOR": "keeper"}
    answer, result = run(office, destroy, password("keeper"), *types("chief"), env=env)
    assert answer == ("keeper", "chief")
    assert "Password of keeper" in result.stderr


def test_a_wrong_password_in_the_environment_is_tried_once(office: Ledger) -> None:
    env = {"SSCARD_OPERATOR": "keeper", "SSCARD_OPERATOR_PASSWORD": "wrong"}
    run(office, destroy, *types("keeper", "chief"), env=env, code=1)
    assert log(office) == [
        ("sign_in.refused", "keeper", ("-",), "password"),
        ("authorise.refused", "RKSSSE 01", ("-",), "sign_in"),
    ]
    assert office.operators.get("keeper").failed_tries == 1


def test_the_environment_names_no_second_person(office: Ledger) -> None:
    env = {"SSCARD_OPERATOR": "keeper", "SSCARD_OPERATOR_PASSWORD": password("keeper")}
    _, result = run(office, destroy, env=env, code=1)
    assert "there is no terminal" in result.stderr
    assert "SSCARD_OPERATOR_PASSWORD_FILE" in result.stderr
    assert "a second person must be present at a terminal" in result.stderr
    assert log(office) == [("authorise.refused", "RKSSSE 01", ("keeper",), "no terminal")]


@pytest.mark.parametrize("typed", [(), ("keeper",)])
def test_nobody_there_at_all(office: Ledger, typed: tuple[str, ...]) -> None:
    _, result = run(office, destroy, *typed, code=1)
    assert "nobody can sign in: there is no terminal" in result.stderr
    assert log(office) == [("authorise.refused", "RKSSSE 01", ("-",), "no terminal")]


def test_who_has_signed_in_stays_signed_in(office: Ledger) -> None:
    def two_deeds(desk: Desk) -> object:
        first = desk.authorise("key.export", "A", "custodian", "supervisor")
        return first, desk.authorise("key.destroy", "A", "supervisor", "custodian")

    answer, _ = run(office, two_deeds, *types("chief", "keeper"))
    assert answer == (("chief", "keeper"), ("chief", "keeper"))


def test_a_person_disabled_meanwhile_counts_no_more(office: Ledger) -> None:
    def interrupted(desk: Desk) -> object:
        desk.authorise("key.export", "A", "custodian", "supervisor")
        office.operators.disable("chief")
        return destroy(desk)

    answer, _ = run(office, interrupted, *types("chief", "keeper", "second"))
    assert answer == ("keeper", "second")


def test_signing_in_asks_anew_each_time(office: Ledger) -> None:
    """As custodians do who come one after the other; the environment names the first."""

    def parts(desk: Desk) -> object:
        return desk.sign_in("custodian"), desk.sign_in("custodian"), destroy(desk)

    env = {"SSCARD_OPERATOR": "keeper", "SSCARD_OPERATOR_PASSWORD": password("keeper")}
    answer, _ = run(office, parts, *types("both"), env=env)
    assert answer == ("keeper", "both", ("keeper", "both"))


def test_signing_in_with_any_of_some_roles(office: Ledger) -> None:
    def audit(desk: Desk) -> object:
        return desk.sign_in("auditor", "supervisor")

    answer, result = run(office, audit, *types("maker", "chief"))
    assert answer == "chief"
    assert "sign in: auditor or supervisor" in result.stderr
    assert run(office, lambda desk: desk.sign_in(), *types("maker"))[0] == "maker"
    assert log(office) == [("authorise.refused", "-", ("-",), "role")]


def test_no_operators_at_all(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "new.db") as ledger:
        _, result = run(ledger, destroy, *types("chief", "keeper"), code=1)
        assert "the ledger has no operators yet" in result.stderr
        assert "sscard operator add NAME --role supervisor" in result.stderr
        assert log(ledger) == [("authorise.refused", "RKSSSE 01", ("-",), "operators")]


# -- test keys -----------------------------------------------------------------------------


def everything(desk: Desk) -> object:
    return destroy(desk), desk.sign_in("operator"), desk.sign_in("custodian")


def test_with_test_keys_nobody_is_asked(office: Ledger) -> None:
    answer, result = run(office, everything, environment="test")
    assert answer == (("-",), "-", "-")
    assert result.output == ""


def test_with_test_keys_who_is_named_must_sign_in(office: Ledger) -> None:
    env = {"SSCARD_OPERATOR": "Maker", "SSCARD_OPERATOR_PASSWORD": password("maker")}
    answer, _ = run(office, everything, environment="test", env=env)
    assert answer == (("maker",), "maker", "maker")

    env["SSCARD_OPERATOR_PASSWORD"] = "wrong"
    run(office, everything, environment="test", env=env, code=1)
    assert log(office) == [
        ("sign_in.refused", "maker", ("-",), "password"),
        ("authorise.refused", "RKSSSE 01", ("-",), "sign_in"),
    ]


@pytest.mark.parametrize("environment", ["test", "production"])
def test_a_password_that_must_be_changed_serves_for_nothing_else(
    office: Ledger, environment: Environment
) -> None:
    given = "chosen by others"
    office.operators.set_password("keeper", Secret(given.encode()), must_change=True)
    env = {"SSCARD_OPERATOR": "keeper", "SSCARD_OPERATOR_PASSWORD": given}
    _, result = run(office, destroy, env=env, environment=environment, code=1)
    assert "somebody else has set the password of keeper: it must be changed" in result.stderr
    assert "sscard operator password keeper" in result.stderr
    assert log(office) == [("authorise.refused", "RKSSSE 01", ("-",), "must change")]
    assert list(office.audit.entries())[-1].event.detail["person"] == "keeper"

    for other in ("maker", "KEEPER"):
        answer, _ = run(
            office,
            lambda desk, other=other: desk.sign_in_for_password(other),  # type: ignore[misc]
            env=env,
            code=1,
        )
        assert answer is None
    run(office, lambda desk: desk.sign_in(), env=env, code=1)
    answer, _ = run(office, lambda desk: desk.sign_in_for_password("keeper"), env=env)
    assert answer == "keeper"


def test_the_password_is_gone_after_the_sign_in(
    office: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Secret] = []

    def typed(_prompt: str) -> Secret:
        given.append(Secret(words.pop(0).encode()))
        return given[-1]

    monkeypatch.setattr("sscard_ic.cli.secrets.typed_password", typed)
    words = ["a wrong password", password("keeper"), password("chief")]
    assert run(office, destroy, "keeper", "keeper", "chief")[0] == ("keeper", "chief")
    assert len(given) == 3
    for secret in given:
        assert not any(secret.reveal())


def test_a_pipe_is_no_person(office: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two passwords in a script are one person; a first one may come from the environment."""
    reading, writing = os.pipe()
    os.write(writing, "".join(f"{line}\n" for line in types("keeper", "chief")).encode())
    os.close(writing)
    env = {"SSCARD_OPERATOR": "keeper", "SSCARD_OPERATOR_PASSWORD": password("keeper")}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        monkeypatch.setattr("sys.stdin", pipe)
        with pytest.raises(NotAuthorised, match="there is no terminal"):
            destroy(Desk(office, "production"))
        assert pipe.read().startswith("keeper\n"), "nothing was read"
    assert log(office) == [("authorise.refused", "RKSSSE 01", ("keeper",), "no terminal")]


def test_in_chinese(office: Ledger) -> None:
    _, result = run(office, destroy, *types("maker", "both", "chief"), env={"SSCARD_LANG": "zh"})
    assert "key.destroy RKSSSE 01：请密钥保管人或主管登录" in result.stderr
    assert "maker 不是密钥保管人或主管" in result.stderr
    assert "须另一人同意，请密钥保管人或主管登录" in result.stderr
    assert "姓名: both" in result.stderr
