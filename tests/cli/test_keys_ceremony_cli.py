"""The ceremony of custodians by the command line."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from tests.cli.ceremony_home import (
    PASSWORDS,
    Component,
    Home,
    build,
    signed_in,
    typed_part,
)

from sscard_ic.ledger import Ledger

COMBINE = ("combine", "UKSSSE", "--version", "2")


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(build(tmp_path_factory.mktemp("site") / "home", "production", ("wang", "li")))


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(build(tmp_path_factory.mktemp("test") / "home", "test", ()))


@pytest.fixture
def home(production: Home, tmp_path: Path) -> Home:
    return production.copy(tmp_path / "home")


@pytest.fixture
def test_home(practice: Home, tmp_path: Path) -> Home:
    return practice.copy(tmp_path / "test home")


class Ceremony:
    """Two custodians with the parts of a 3DES key, and what they type."""

    def __init__(self) -> None:
        self.parts = Component.new(), Component.new()
        self.whole = self.parts[0] ^ self.parts[1]

    def typed(self, *names: str, whole: str | None = None) -> tuple[str, ...]:
        first, second = names or ("wang", "li")
        return (
            self.whole.check_value if whole is None else whole,
            *signed_in(first),
            *typed_part(self.parts[0], "E-0001"),
            *signed_in(second),
            *typed_part(self.parts[1], "E-0002"),
        )

    def require_unseen(self, *texts: str) -> None:
        """No part, no key and no password in ``texts``."""
        bare = "".join("".join(texts).split()).upper()
        for component in (*self.parts, self.whole):
            assert component.digits not in bare
            assert component.digits[:16] not in bare
        for word in PASSWORDS.values():
            assert word.upper() not in bare


def one_alone(ceremony: Ceremony) -> tuple[str, ...]:
    """What is typed where one custodian wants to type both parts."""
    typed = ceremony.typed()
    return (*typed[:6], *signed_in("wang") * 3)


@pytest.fixture
def ceremony() -> Ceremony:
    return Ceremony()


class TestCombine:
    def test_the_whole_ceremony(self, home: Home, ceremony: Ceremony) -> None:
        result = home.run(*COMBINE, "--json", typed=ceremony.typed())
        assert result.exit_code == 0, result.output
        (info,) = home.held()
        assert info.check_value == ceremony.whole.check_value
        assert (info.name, info.version, info.level, info.use) == ("UKSSSE", 2, "P1", "external")
        assert (info.algorithm, info.environment, info.origin) == (
            "3des",
            "production",
            "components",
        )
        told = json.loads(result.stdout)
        assert told["actors"] == ["wang", "li"]
        assert [step["carrier"] for step in told["steps"]] == [None, "E-0001", "E-0002", None]
        assert [step["check_value"] for step in told["steps"]][1:3] == [
            part.check_value for part in ceremony.parts
        ]
        assert told["keys"][0]["check_value"] == ceremony.whole.check_value
        assert home.deeds() == [("key.combine", "done", ("wang", "li"))]
        last = home.audit()[-1]
        assert told["audit"] == f"{last.seq}:{last.hash}"
        ceremony.require_unseen(result.output, repr(home.audit()))

    def test_a_record_to_sign(self, home: Home, ceremony: Ceremony, tmp_path: Path) -> None:
        file = tmp_path / "record.txt"
        result = home.run(*COMBINE, "--transcript", str(file), typed=ceremony.typed())
        assert result.exit_code == 0, result.output
        text = file.read_text("utf-8")
        assert result.stdout == text
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        for words in ("密钥 key: UKSSSE  版本 version 02", "E-0001", "wang", "签名 signatures"):
            assert words in text
        ceremony.require_unseen(text)

    def test_a_record_is_never_overwritten(
        self, home: Home, ceremony: Ceremony, tmp_path: Path
    ) -> None:
        file = tmp_path / "record.txt"
        file.write_text("of yesterday")
        result = home.run(*COMBINE, "--transcript", str(file), typed=ceremony.typed())
        assert result.exit_code == 1
        assert "not overwritten" in result.stderr
        assert file.read_text() == "of yesterday"
        assert (home.held(), home.deeds()) == ([], [])

    def test_a_failed_ceremony_leaves_no_record(
        self, home: Home, ceremony: Ceremony, tmp_path: Path
    ) -> None:
        file = tmp_path / "record.txt"
        typed = ceremony.typed("wang", "wang")
        assert home.run(*COMBINE, "--transcript", str(file), typed=typed).exit_code == 1
        assert not file.exists()

    def test_broken_off_at_every_question(self, home: Home, ceremony: Ceremony) -> None:
        before = home.vault_file.read_bytes()
        typed = ceremony.typed()
        for questions in range(len(typed)):
            result = home.run(*COMBINE, typed=typed[:questions])
            assert result.exit_code == 1, questions
            assert home.vault_file.read_bytes() == before
            ceremony.require_unseen(result.output)
        # The first question, for the check value of the whole, comes before the ceremony.
        outcomes = [(action, outcome) for action, outcome, _ in home.deeds()]
        assert len(outcomes) == len(typed) - 1
        assert {action for action, _ in outcomes} == {"key.combine"}
        assert "done" not in {outcome for _, outcome in outcomes}

    def test_nobody_knows_the_check_value(self, home: Home, ceremony: Ceremony) -> None:
        result = home.run(*COMBINE, typed=ceremony.typed(whole=""))
        assert result.exit_code == 0, result.output
        assert [info.check_value for info in home.held()] == [ceremony.whole.check_value]

    def test_another_check_value_of_the_whole(self, home: Home, ceremony: Ceremony) -> None:
        result = home.run(*COMBINE, "--check-value", "000000", typed=ceremony.typed()[1:])
        assert result.exit_code == 1
        assert "check value that was expected" in result.stderr
        assert home.held() == []
        assert home.deeds() == [("key.combine", "failed", ("wang", "li"))]

    def test_a_mistyped_part_is_typed_again(self, home: Home, ceremony: Ceremony) -> None:
        typed = list(ceremony.typed())
        at = typed.index(ceremony.parts[0].check_value)
        wrong = Component.new()
        typed[at - 1 : at + 1] = [wrong.digits, "000000", *typed[at - 1 : at + 1]]
        result = home.run(*COMBINE, typed=tuple(typed))
        assert result.exit_code == 0, result.output
        assert "Type it again (2 more tries)" in result.stderr
        assert wrong.digits not in result.output

    def test_the_same_part_twice(self, home: Home, ceremony: Ceremony) -> None:
        ceremony.parts = ceremony.parts[0], ceremony.parts[0]
        result = home.run(*COMBINE, typed=ceremony.typed(whole=""))
        assert result.exit_code == 1
        assert "two components are equal" in result.stderr
        assert home.held() == []

    def test_one_custodian_for_two_parts(self, home: Home, ceremony: Ceremony) -> None:
        result = home.run(*COMBINE, typed=one_alone(ceremony))
        assert result.exit_code == 1
        assert "wang has typed a part already" in result.stderr
        assert home.held() == []
        assert home.deeds() == [("key.combine", "refused", ("wang",))]

    def test_a_supervisor_is_no_custodian(self, home: Home, ceremony: Ceremony) -> None:
        result = home.run(*COMBINE, typed=ceremony.typed("wang", "zhao"))
        assert result.exit_code == 1
        assert home.held() == []

    def test_the_only_custodian_is_told_at_once(self, home: Home, ceremony: Ceremony) -> None:
        with Ledger.open(home.folder / "ledger.db") as ledger:
            ledger.operators.disable("li")
        result = home.run(*COMBINE, typed=ceremony.typed())
        assert result.exit_code == 1
        assert "2 parts take 2 custodians; 1 can sign in" in result.stderr
        assert "sscard operator add" in result.stderr
        assert "Component" not in result.stderr
        assert home.deeds() == [("key.combine", "refused", ("-",))]

    def test_a_component_typed_as_the_number_of_its_carrier(
        self, home: Home, ceremony: Ceremony
    ) -> None:
        typed = list(ceremony.typed())
        typed.insert(typed.index("E-0001"), "AB" * 16)
        result = home.run(*COMBINE, typed=tuple(typed))
        assert result.exit_code == 0, result.output
        assert "looks like a component" in result.stderr

    def test_a_key_that_is_there_asks_nothing(self, home: Home, ceremony: Ceremony) -> None:
        assert home.run(*COMBINE, typed=ceremony.typed()).exit_code == 0
        result = home.run(*COMBINE, typed=ceremony.typed())
        assert result.exit_code == 1
        assert "UKSSSE version 2 is there, or was" in result.stderr
        assert "Check value" not in result.stderr

    def test_test_keys_are_typed_by_anybody(self, test_home: Home, ceremony: Ceremony) -> None:
        typed = (
            *typed_part(ceremony.parts[0], "E-1"),
            *typed_part(ceremony.parts[1], "E-2"),
        )
        value = ceremony.whole.check_value
        result = test_home.run(*COMBINE, "--check-value", value, "--json", typed=typed)
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["environment"] == "test"
        assert [info.environment for info in test_home.held()] == ["test"]
        assert test_home.deeds() == [("key.combine", "done", ("-",))]

    @pytest.mark.parametrize(
        ("options", "spec"),
        [
            (("STKDF01", "--version", "1"), ("des", "N2", "mac", 8)),
            (("UKSSSE", "--version", "1", "--algorithm", "sm4"), ("sm4", "P1", "external", 16)),
            (("TK-1", "--version", "1", "--use", "wrap"), ("aes", "site", "wrap", 32)),
            (
                ("KMC", "--version", "7", "--level", "bank", "--use", "master"),
                ("3des", "bank", "master", 16),
            ),
        ],
        ids=lambda it: str(it[0]),
    )
    def test_what_the_profiles_know_need_not_be_said(
        self, test_home: Home, options: tuple[str, ...], spec: tuple[str, str, str, int]
    ) -> None:
        parts = Component.new(spec[0]), Component.new(spec[0])  # type: ignore[arg-type]
        typed = "", *typed_part(parts[0], "E-1"), *typed_part(parts[1], "E-2")
        result = test_home.run("combine", *options, typed=typed)
        assert result.exit_code == 0, result.output
        (info,) = test_home.held()
        assert (info.algorithm, info.level, info.use, info.length) == spec

    @pytest.mark.parametrize(
        ("options", "code", "told"),
        [
            (("KMC", "--version", "1"), 1, "no card profile has a key KMC"),
            (("UKSSSE", "--version", "1", "--use", "wrap", "--algorithm", "3des"), 1, "AES key"),
            (("UKSSSE", "--version", "1", "--check-value", "XYZ"), 2, "six hexadecimal digits"),
            (("UKSSSE", "--version", "1", "--valid-from", "soon"), 2, "YYYY-MM-DD"),
            (("UKSSSE", "--version", "0"), 2, "1<=x<=255"),
            (("UKSSSE", "--version", "1", "--parts", "1"), 2, "2<=x<=9"),
            (("UKSSSE", "--version", "1", "--algorithm", "sm1"), 1, "SM1"),
            (
                ("UKSSSE", "--version", "1", "--valid-from=2030-01-02", "--valid-until=2030-01-01"),
                1,
                "before the first day",
            ),
            (("ÜKSSSE", "--version", "1", "--level", "P1", "--use", "external"), 1, "letters"),
        ],
        ids=lambda it: "_".join(it[-2:]) if isinstance(it, tuple) else None,
    )
    def test_what_cannot_be_meant(
        self, test_home: Home, options: tuple[str, ...], code: int, told: str
    ) -> None:
        result = test_home.run("combine", *options)
        assert (result.exit_code, told in result.stderr) == (code, True), result.output
        assert "Component" not in result.stderr

    def test_chinese(self, home: Home, ceremony: Ceremony) -> None:
        result = home.run(*COMBINE, typed=one_alone(ceremony), SSCARD_LANG="zh")
        assert "每个分量须由不同的保管人输入" in result.stderr
        assert "未保存任何内容" in result.stderr
