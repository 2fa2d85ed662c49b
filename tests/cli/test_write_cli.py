"""``sscard write``, as a person and a program use it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sscard_ic.cli import root

PHONE = "DF01.EF06.28"
SEX = "SSSE.EF06.0A"
RECORD = '{"从事职业": "1234567", "就业起始日期": "2020-01-01"}'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two finished cards and a home with a vault."""
    folder = tmp_path_factory.mktemp("write")
    env = {"SSCARD_HOME": str(folder / "home"), "SSCARD_PASSPHRASE": "x", "SSCARD_LANG": "en"}
    for arguments in (
        ("sim", "new", "--profile", "dalian", "--state", "personalized", "--count", "2"),
        ("keys", "init", "--test"),
    ):
        out = ("--out", str(folder)) if arguments[0] == "sim" else ()
        result = CliRunner(env=env).invoke(root, [*arguments, *out])
        assert result.exit_code == 0, result.output
    for number, image in enumerate(sorted(folder.glob("*.img"))):
        image.rename(folder / f"{'ab'[number]}.img")
    return folder


class Desk:
    """A copy of it, in which commands are given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.card = folder / "a.img"

    def sscard(self, *arguments: str, answer: str | None = None, **environment: str) -> Result:
        env = {
            "SSCARD_HOME": str(self.folder / "home"),
            "SSCARD_LANG": "en",
            "SSCARD_READER": f"virtual:{self.card}",
            "SSCARD_PASSPHRASE": "x",
            "SSCARD_PIN": "123456",
            "COLUMNS": "200",
        }
        runner = CliRunner(env={**env, **environment})
        return runner.invoke(root, list(arguments), input=answer)

    def write(self, *arguments: str, answer: str | None = None) -> Result:
        return self.sscard("write", *arguments, answer=answer)

    def written(self, *arguments: str, exit_code: int = 0, answer: str | None = None) -> Any:
        result = self.write(*arguments, "--json", "--yes", answer=answer)
        assert result.exit_code == exit_code, result.output
        return json.loads(result.stdout)

    def value(self, path: str) -> str:
        result = self.sscard("read", path, "--pin", "--keys", "--json")
        return str(json.loads(result.stdout)["items"][0]["value"])


@pytest.fixture
def desk(made: Path, tmp_path: Path) -> Desk:
    shutil.copytree(made, tmp_path / "desk")
    return Desk(tmp_path / "desk")


def test_it_shows_asks_and_writes(desk: Desk) -> None:
    result = desk.write(f"{PHONE}=13912345678", answer="y\n")
    assert result.exit_code == 0, result.output
    assert "contact telephone" in result.stdout
    assert "13912345678" in result.stdout
    assert "Write?" in result.stderr
    assert "1 items written and read back." in result.stderr
    assert desk.value(PHONE) == "13912345678"


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_without_a_yes_nothing_is_written(desk: Desk, answer: str) -> None:
    before = desk.card.read_bytes()
    result = desk.write(f"{PHONE}=13912345678", answer=answer)
    assert result.exit_code == 1
    assert desk.card.read_bytes() == before


def test_what_is_there_already_is_not_written(desk: Desk) -> None:
    assert desk.written(f"{PHONE}=1")["written"] == [PHONE]
    before = desk.card.read_bytes()
    result = desk.write(f"{PHONE}=1")
    assert (result.exit_code, "holds these values already" in result.stderr) == (0, True)
    assert desk.written(f"{PHONE}=1") == {
        "changes": [],
        "written": [],
        "doubtful": None,
        "not_written": [],
        "not_read_back": [],
    }
    assert desk.card.read_bytes() == before


def test_json(desk: Desk) -> None:
    found = desk.written(f"{SEX}=9", f"DF02.EF07={RECORD}")
    assert found == {
        "changes": found["changes"],
        "written": [SEX, "DF02.EF07#1"],
        "doubtful": None,
        "not_written": [],
        "not_read_back": [],
    }
    sex, log = found["changes"]
    assert sex["path"] == SEX
    assert sex["after"] == {"value": "9", "raw": "39"}
    assert log["before"] is None, "a new record replaces nothing"


def test_a_document(desk: Desk) -> None:
    file = desk.folder / "values.json"
    values = {PHONE: "13912345678", "DF02.EF07": json.loads(RECORD)}
    file.write_text(json.dumps(values), encoding="utf-8")
    assert desk.written("--from", str(file))["written"] == [PHONE, "DF02.EF07#1"]
    text = json.dumps({PHONE: "2"})
    assert desk.written("--from", "-", f"{SEX}=9", answer=text)["written"] == [SEX, PHONE]


@pytest.mark.parametrize(
    "arguments",
    [
        (f"{PHONE}=1", "--json"),
        ("--from", "-"),
        (),
        ("--from", "missing.json"),
    ],
)
def test_usage(desk: Desk, arguments: tuple[str, ...]) -> None:
    result = desk.write(*arguments, answer="{}")
    assert result.exit_code == (1 if "missing.json" in arguments else 2)
    assert result.exception is None or isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((f"{SEX}=7",), "1 male, 2 female"),
        (("SSSE.EF06.0D=2020-02-30",), "a date"),
        ((f"{PHONE}={'1' * 16}",), "at most 15 fit"),
        (("SSSE.EF06.生日=2020-01-01",), "SSSE.EF06.0D date of birth"),
        (("DF04.EF08=00",), "only the card itself writes it"),
        ((f"{SEX}=9", "姓名=" + "王" * 26), "at most 50 fit"),
        ((f"{SEX}=9", "x"), "NAME=VALUE"),
    ],
)
def test_bad_input_leaves_the_card_alone(desk: Desk, words: tuple[str, ...], message: str) -> None:
    before = desk.card.read_bytes()
    result = desk.write(*words, "--yes")
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stdout == ""
    told = desk.written(*words, exit_code=1)
    assert set(told) == {"error"}
    assert desk.card.read_bytes() == before


def test_another_card_between_the_question_and_the_writing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = desk.folder / "b.img"
    before = other.read_bytes()

    def changed(*_: object, **__: object) -> bool:
        shutil.copyfile(other, desk.card)
        return True

    monkeypatch.setattr("sscard_ic.cli.write.click.confirm", changed)
    result = desk.write(f"{PHONE}=1")
    assert result.exit_code == 1
    assert "another card is inserted now" in result.stderr
    assert desk.card.read_bytes() == before


@pytest.mark.parametrize("after", [0, 1])
def test_a_power_cut_in_the_middle_is_accounted_for(desk: Desk, after: int) -> None:
    """Of two writes the first or the second is torn; the account comes in words and as JSON."""
    desk.sscard("sim", "fault", str(desk.card), "torn-before", "--after", str(after))
    found = desk.written(f"{SEX}=9", f"{PHONE}=1", exit_code=1)
    assert found["written"] == [SEX][:after]
    assert found["doubtful"] == [SEX, PHONE][after]
    assert found["not_written"] == [PHONE][after:]
    assert "cut off, content unknown" in found["error"]["message"]
    again = desk.written(f"{SEX}=9", f"{PHONE}=1")
    assert again["written"] == [SEX, PHONE][after:]


def test_a_loss_before_the_first_write(desk: Desk) -> None:
    """Between the question and the writing: nothing is written, and that is told."""
    desk.sscard("sim", "fault", str(desk.card), "removed", "--after", "12")
    found = desk.written(f"{SEX}=9", f"{PHONE}=1", exit_code=1)
    assert "error" in found
    assert found.get("written", []) == []
    assert found.get("doubtful") is None
    assert desk.value(SEX) != "9"


def test_a_wrong_pin(desk: Desk) -> None:
    before = desk.value(PHONE)
    result = desk.sscard("write", f"{PHONE}=1", "--pin", "--yes", SSCARD_PIN="999999")
    assert (result.exit_code, "2 tries left" in result.stderr) == (1, True)
    assert desk.value(PHONE) == before, "and the right PIN makes the tries good"


def test_a_locked_pin(desk: Desk) -> None:
    for _ in range(4):
        result = desk.sscard("write", f"{PHONE}=1", "--pin", "--yes", SSCARD_PIN="999999")
    assert "the PIN is locked" in result.stderr


def test_no_vault(desk: Desk) -> None:
    (desk.folder / "home" / "vault.json").unlink()
    result = desk.write(f"{PHONE}=1", "--yes")
    assert result.exit_code == 1
    assert "vault" in result.stderr


def test_chinese(desk: Desk) -> None:
    result = desk.sscard("write", "性别=9", "--yes", SSCARD_LANG="zh")
    assert result.exit_code == 0
    assert "写入后" in result.stdout
    assert "已写入 1 项并读回核对。" in result.stderr
    result = desk.sscard("write", "性别=7", "--yes", SSCARD_LANG="zh")
    assert "代码不在代码表 T13 中" in result.stderr
