"""``sscard bank load/unload/limits/pin/block/unblock`` on a virtual card, with the test bank."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from tests.support.bank_desk import PASSPHRASE, Desk
from tests.support.bank_keys import bank_vault
from tests.support.debit_card import PAN, SEQUENCE
from tests.support.remembered_scrypt import remember

from sscard_ic.hosts.bank_book import BankBook
from sscard_ic.hosts.bank_server import BankServer
from sscard_ic.hosts.test_bank import BankRules, TestBank
from sscard_ic.keys import SoftwareVault, create_test_vault
from sscard_ic.profile import load_financial


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("bank"))


@pytest.fixture
def desk(_made: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A new card, whose bank has not seen it yet."""
    remember(monkeypatch)
    return _made.taken_to(tmp_path / "home")


def test_load_and_unload(desk: Desk) -> None:
    result = desk.run("load", "50")
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    assert result.stderr.splitlines() == [
        "Loaded 50.00 yuan.",
        "Balance of electronic cash: 50.00 yuan.",
    ]
    assert desk.told("load", "12.34") == {
        "done": True,
        "script": "done",
        "code": "00",
        "kind": "TC",
        "atc": 2,
        "balance_before": 5000,
        "balance": 6234,
        "confirmed": True,
        "reason": None,
        "amount": 1234,
    }
    assert desk.told("load", "1", "--sm")["balance"] == 6334
    result = desk.run("unload")
    assert result.exit_code == 0
    assert "Unloaded 63.34 yuan." in result.stderr
    vault = SoftwareVault.open(desk.folder / "vault.json", PASSPHRASE)
    with closing(vault), closing(BankBook(desk.folder / "bank.db", vault)) as book:
        account = TestBank(vault, load_financial(), book).account(PAN, SEQUENCE)
    assert account is not None
    assert (account.main, account.cash) == (100_000, 0)
    assert PAN not in result.output


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["load", "1000.01"], "51", "(insufficient funds); the bank sent no command."),
        (["unload"], "57", "transaction not allowed"),
        (["load", "50"], "00", "Not done: response code 00 (approved); the card refused it."),
    ],
    ids=["money", "empty", "refused"],
)
def test_what_is_not_done(desk: Desk, words: list[str], code: str, said: str) -> None:
    if code == "00":
        desk.spoil()
    result = desk.run(*words)
    assert result.exit_code == 1
    assert said in result.stderr
    told = desk.told(*words, code=1)
    assert (told["done"], told["code"]) == (False, code)


def test_limits(desk: Desk) -> None:
    told = desk.told("limits", "--balance", "80", "--single", "20", "--threshold", "0.50")
    assert told["limits"] == {"9F77": 8000, "9F78": 2000, "9F6D": 50}
    assert desk.amounts(0x9F77, 0x9F78, 0x9F6D) == [8000, 2000, 50]
    assert desk.told("load", "80.01", code=1)["code"] == "61"


def test_pins(desk: Desk) -> None:
    result = desk.run("pin", environment={"SSCARD_NEW_PIN": "246810"})
    assert (result.exit_code, desk.pin) == (0, ("246810", 3)), result.output
    given = {"SSCARD_PIN": "246810", "SSCARD_NEW_PIN": "13579"}
    result = desk.run("pin", "--with-current", environment=given)
    assert (result.exit_code, desk.pin) == (0, ("13579", 3)), result.output
    assert "The offline PIN is set." in result.stderr
    for pin in ("246810", "13579"):
        assert pin not in result.output
    with desk.card() as card:
        card.pin_tries = 0
    result = desk.run("pin", "--unblock")
    assert "The offline PIN is unblocked." in result.stderr
    assert desk.pin == ("13579", 3)
    result = desk.run("pin", environment={"SSCARD_NEW_PIN": "12"})
    assert result.exit_code == 1
    assert "4 to 12 digits" in result.stderr


def test_blocking(desk: Desk) -> None:
    assert desk.run("block").exit_code == 0
    assert desk.blocked
    assert desk.told("load", "1", code=1)["script"] == "none", "it gives no ARQC"
    result = desk.run("unblock")
    assert (result.exit_code, desk.blocked) == (0, False), result.output
    assert "open again" in result.stderr
    assert desk.told("load", "1")["balance"] == 100
    assert desk.run("block", "--card").exit_code != 0, "nobody said yes"
    assert desk.told("load", "1")["balance"] == 200
    assert desk.run("block", "--card", "--yes").exit_code == 0
    assert desk.run("load", "1").exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ["load", "0"],
        ["load", "fifty"],
        ["load", "1.001"],
        ["load", "-1"],
        ["limits"],
        ["pin", "--unblock", "--with-current"],
        ["pin", "--with-current", "--account-pin"],
    ],
    ids=" ".join,
)
def test_words_that_make_no_sense(desk: Desk, words: list[str]) -> None:
    assert desk.run(*words, environment={"SSCARD_PIN": "123456"}).exit_code == 2
    assert not (desk.folder / "bank.db").exists()


def test_a_bank_over_http(desk: Desk) -> None:
    vault = bank_vault()
    bank = TestBank(vault, load_financial(), BankBook(None, vault), BankRules())
    bank.open_account(PAN, SEQUENCE, 20_000, pin=b"135790")
    with BankServer(bank) as server:
        server.start()
        content = f'[bank]\nservice = "http"\n[bank.http]\nurl = "{server.url}"\n'
        (desk.folder / "sscard.toml").write_text(content)
        # No vault is opened: the bank has the keys.
        (desk.folder / "vault.json").unlink()
        assert desk.told("load", "50", code=1)["code"] == "55"
        given = {"SSCARD_PIN": "135790"}
        result = desk.run("load", "50", "--account-pin", environment=given)
        assert result.exit_code == 0, result.output
        account = bank.account(PAN, SEQUENCE)
        assert account is not None
        assert (account.main, account.cash) == (15_000, 5_000)
    result = desk.run("load", "50")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Not done: the bank did not answer: cannot connect to the bank.",
        "  → check the address in [bank], and whether `sscard bank host` runs",
        "Balance of electronic cash: 50.00 yuan.",
    ]
    assert desk.told("load", "50", code=1)["reason"]["name"] == "bank_unreachable"


def test_another_banks_card(desk: Desk) -> None:
    """A vault that has other keys: the bank does not know the card's cryptogram."""
    (desk.folder / "vault.json").unlink()
    create_test_vault(desk.folder / "vault.json", PASSPHRASE, {}).close()
    told = desk.told("load", "50", code=1)
    assert (told["code"], told["kind"], told["balance"]) == ("63", "AAC", 0)


def test_in_chinese(desk: Desk) -> None:
    result = desk.run("load", "50", environment={"SSCARD_LANG": "zh"})
    assert result.stderr.splitlines() == ["已圈存 50.00 元。", "电子现金余额 50.00 元。"]
