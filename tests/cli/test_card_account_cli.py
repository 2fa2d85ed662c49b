"""``sscard card balance``, ``log``, ``credit``, ``debit``, ``recover``, as a person uses them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sscard_ic.cli import root

TERMINAL = "210200000001"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished card, a PSAM, and a home with a vault."""
    folder = tmp_path_factory.mktemp("account")
    env = {"SSCARD_HOME": str(folder / "home"), "SSCARD_PASSPHRASE": "x", "SSCARD_LANG": "en"}
    for arguments in (
        ("sim", "new", "--profile", "dalian", "--state", "personalized", "--out", str(folder)),
        ("sim", "new", "--profile", "psam/dalian", "--terminal", TERMINAL, "--out", str(folder)),
        ("keys", "init", "--test"),
    ):
        result = CliRunner(env=env).invoke(root, list(arguments))
        assert result.exit_code == 0, result.output
    (psam,) = folder.glob("psam*.img")
    psam.rename(folder / "psam.sam")
    (card,) = folder.glob("*.img")
    card.rename(folder / "card.img")
    return folder


class Desk:
    """A copy of it, in which commands are given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.card = folder / "card.img"
        self.psam = f"virtual:{folder / 'psam.sam'}"

    def sscard(self, *arguments: str, answer: str | None = None, **environment: str) -> Result:
        env = {
            "SSCARD_HOME": str(self.folder / "home"),
            "SSCARD_LANG": "en",
            "SSCARD_READER": f"virtual:{self.card}",
            "SSCARD_PASSPHRASE": "x",
            "SSCARD_PIN": "123456",
            "SSCARD_TERMINAL": TERMINAL,
            "COLUMNS": "200",
        }
        runner = CliRunner(env={**env, **environment})
        return runner.invoke(root, list(arguments), input=answer)

    def json(self, *arguments: str, exit_code: int = 0) -> Any:
        result = self.sscard("card", *arguments, "--json")
        assert result.exit_code == exit_code, result.output
        return json.loads(result.stdout)

    def done(self, *arguments: str, **environment: str) -> str:
        result = self.sscard(*arguments, **environment)
        assert result.exit_code == 0, result.output
        return result.stdout + result.stderr

    def failed(self, *arguments: str, **environment: str) -> str:
        result = self.sscard(*arguments, **environment)
        assert result.exit_code == 1, result.output
        return result.stderr


@pytest.fixture
def desk(made: Path, tmp_path: Path) -> Desk:
    """A fresh copy."""
    folder = tmp_path / "desk"
    shutil.copytree(made, folder)
    return Desk(folder)


def test_credit_balance_and_log(desk: Desk) -> None:
    credited = desk.json("credit", "1000.5", "--yes")
    assert credited["made"] is True
    assert credited["result"]["pending"]["amount"] == 100050
    assert credited["result"]["clears"] is True
    assert desk.json("balance") == {
        "account": 100050,
        "self_paid": 0,
        "pooled": 0,
        "year": None,
        "starting_day": "01-01",
    }
    assert "1000.50" in desk.done("card", "balance")
    (record,) = desk.json("log")["transactions"]
    assert (record["type"], record["account"], record["number"]) == ("1", 100050, 0)
    text = desk.done("card", "log", SSCARD_LANG="zh")
    assert "账户划入" in text
    assert TERMINAL in text


def test_an_online_debit(desk: Desk) -> None:
    text = desk.done("card", "debit", "--account", "30", "--pooled", "80", "--cash", "40", "--yes")
    assert "0.00 / 150.00 / 110.00" in text
    result = desk.json("debit", "--cash", "1", "--settlement", "S-9", "--yes")["result"]
    assert result["pending"]["settlement"] == "S-9"
    assert result["pending"]["number"] == 2
    assert (result["mac2_valid"], result["tac_valid"], result["clears"]) == (True, True, True)
    assert result["pending"]["holder"]["card_number"]
    assert desk.json("balance")["self_paid"] == 15100


def test_it_asks_before(desk: Desk) -> None:
    refused = desk.sscard("card", "debit", "--cash", "1", answer="n\n")
    assert refused.exit_code == 1
    assert "Settle 1.00 yuan online" in refused.stderr
    assert "Nothing was done." in refused.stderr
    assert desk.json("log") == {"transactions": []}
    assert desk.sscard("card", "debit", "--cash", "1", answer="y\n").exit_code == 0
    asked = desk.sscard("card", "credit", "5", answer="n\n", SSCARD_LANG="zh")
    assert "向卡划入 5.00 元" in asked.stderr
    assert len(desk.json("log")["transactions"]) == 1


@pytest.mark.parametrize("amount", ["3x", "1.234", "-1", ""])
def test_amounts_that_are_none(desk: Desk, amount: str) -> None:
    result = desk.sscard("card", "debit", f"--cash={amount}", "--yes")
    assert result.exit_code == 2
    assert "an amount in yuan is expected" in result.stderr


def test_bad_input(desk: Desk) -> None:
    assert "the total is above zero" in desk.failed("card", "debit", "--yes")
    given = desk.failed("card", "debit", "--cash", "1", "--yes", SSCARD_TERMINAL="")
    assert "--terminal or SSCARD_TERMINAL" in given
    assert desk.sscard("card", "credit", "1", "--terminal", "12").exit_code == 2
    assert desk.sscard("card", "debit", "--cash", "1", "--category", "4").exit_code == 2
    wrong = desk.failed("card", "balance", SSCARD_PIN="999999")
    assert "2 tries left" in wrong
    assert "does not settle in the mode offline" in desk.failed(
        "card", "debit", "--account", "1", "--mode", "offline", "--yes"
    )


def test_temporarily_offline_needs_a_psam(desk: Desk) -> None:
    desk.done("write", "DF04.EF06.90=1", "--pin", "--yes")
    words = ("card", "debit", "--account", "42.50", "--mode", "temporary", "--yes")
    assert "only a PSAM" in desk.failed(*words)
    text = desk.done(*words, "--category", "1", "--psam", desk.psam, SSCARD_TERMINAL="")
    assert "0.00 / 42.50 / 42.50" in text
    assert "42.50 / 1" in text
    assert "would reach the region's limit of 300.00 yuan" in desk.failed(
        "card", "debit", "--account", "257.50", "--mode", "temporary", "--yes", "--psam", desk.psam
    )


def test_a_psam_settles_online_and_credits_nothing(desk: Desk) -> None:
    result = json.loads(
        desk.done(
            "card", "debit", "--cash", "1", "--yes", "--psam", desk.psam, "--json",
            SSCARD_TERMINAL="",
        )
    )["result"]  # fmt: skip
    assert (result["mac2_valid"], result["tac_valid"], result["clears"]) == (True, None, True)
    assert result["pending"]["terminal"] == TERMINAL
    assert "only the HSM" in desk.failed("card", "credit", "1", "--yes", "--psam", desk.psam)
    assert desk.json("balance")["account"] == 0


@pytest.mark.parametrize("kind", ["torn-before", "torn-after"])
def test_an_interrupted_debit_is_recovered(desk: Desk, kind: str) -> None:
    desk.done("sim", "fault", str(desk.card), kind)
    words = ("card", "debit", "--cash", "1", "--category", "2", "--yes")
    interrupted = desk.failed(*words)
    assert "may have made it or not" in interrupted
    assert "recover" in interrupted
    assert "sscard card recover" in desk.failed(*words)
    assert "sscard card recover" in desk.failed("card", "credit", "1", "--yes")
    found = desk.json("recover")
    made = kind == "torn-after"
    assert found["made"] is made
    if made:
        assert found["result"]["recovered"] is True
        assert found["result"]["clears"] is True
        assert found["result"]["pending"]["holder"]["card_number"]
    else:
        assert found["unfinished"] is True
    assert desk.json("recover") == {"unfinished": False, "made": False}
    assert "No transaction was interrupted." in desk.done("card", "recover")
    assert len(desk.json("log")["transactions"]) == made


def test_what_the_card_did_not_make(desk: Desk) -> None:
    desk.done("sim", "fault", str(desk.card), "torn-before")
    desk.failed("card", "credit", "1", "--yes")
    assert "may be begun anew" in desk.done("card", "recover")
    assert desk.json("credit", "1", "--yes")["made"] is True


def test_what_is_to_be_cleared(desk: Desk) -> None:
    desk.done("card", "credit", "5", "--yes")
    desk.done("card", "debit", "--cash", "1", "--account", "2", "--yes")
    credit, debit = desk.json("clearing")["transactions"]
    assert (credit["pending"]["amount"], debit["pending"]["a2"]) == (500, 300)
    assert credit["clears"] is debit["clears"] is True
    assert not any(debit["pending"]["holder"].values())
    text = desk.done("card", "clearing")
    assert "settlement" in text
    assert debit["tac"] in text


def test_problems_after_the_payment_are_told(desk: Desk) -> None:
    """The category cannot be written: the settlement stands, the command fails."""
    desk.done("sim", "fault", str(desk.card), "torn-before", "--after", "1")
    result = desk.json("debit", "--cash", "1", "--category", "1", "--yes", exit_code=1)["result"]
    assert result["clears"] is True
    assert "record of its category was not written" in result["problems"][0]
    assert desk.json("recover") == {"unfinished": False, "made": False}
