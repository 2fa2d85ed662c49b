"""``sscard bank read`` and ``transact`` on a virtual card, offline, with the test bank, by HTTP."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.support.bank_keys import bank_roots, bank_vault
from tests.support.debit_card import AID, PAN, PIN, debit_card
from tests.support.remembered_scrypt import remember

from sscard_ic.base import Secret
from sscard_ic.cli import root
from sscard_ic.hosts.bank_book import BankBook
from sscard_ic.hosts.bank_server import BankServer
from sscard_ic.hosts.test_bank import BankRules, TestBank
from sscard_ic.keys import SoftwareVault
from sscard_ic.profile import load_financial
from sscard_ic.simulator.memory import Memory
from sscard_ic.simulator.pboc.stored import StoredDebit

WORDS = "correct horse"
NUMBER = "650001199707010010"
"""Of the holder's document: that of ref 04 appendix D."""


class Shop:
    """A terminal with a card in it, and the vault of the test bank."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str, face: str = "virtual:", lang: str = "en", **more: str) -> Result:
        given = {
            "SSCARD_HOME": str(self.folder),
            "SSCARD_PASSPHRASE": WORDS,
            "SSCARD_READER": f"{face}{self.folder / 'debit.img'}",
            "SSCARD_LANG": lang,
            "COLUMNS": "200",
            **more,
        }
        return CliRunner().invoke(root, ["bank", *words], env=given)

    def told(self, *words: str, code: int = 0, **more: Any) -> dict[str, Any]:
        result = self.run(*words, "--json", **more)
        assert result.exit_code == code, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    @property
    def balance(self) -> int:
        found = self.told("read")["electronic_cash"]["balance"]
        assert isinstance(found, int)
        return found


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    elements = {"9F79": "000000050000", "9F68": "8100F000"}
    debit_card(folder, elements=elements).chip.close()
    vault = folder / "vault.json"
    passphrase = Secret(WORDS.encode())
    SoftwareVault.create(vault, passphrase, environment="test", keys=bank_roots()).close()
    return folder


@pytest.fixture
def shop(_made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A card with 500.00 of electronic cash."""
    remember(monkeypatch)
    return Shop(Path(shutil.copytree(_made, tmp_path / "home")))


def test_read_shows_the_card(shop: Shop) -> None:
    result = shop.run("read")
    assert result.exit_code == 0
    rows = dict(line.split("  ", 1) for line in result.stdout.splitlines() if "  " in line)
    found = {name: value.strip() for name, value in rows.items()}
    assert found["account number"] == "888880******3456"
    assert found["holder"] == "SAMPLE/CARD"
    assert found["valid"] == "2026-01-01 – 2049-12-31"
    assert found["EC balance"] == "500.00"
    assert found["offline data authentication"].startswith(
        "dynamic data authentication (DDA): passed (authority key F8, a published demo key"
    )
    assert PAN not in result.output


def test_the_whole_number_only_where_asked(shop: Shop) -> None:
    assert shop.told("read", "--show-pan")["pan"] == PAN
    assert PAN in shop.run("read", "--show-pan").stdout
    assert PAN not in json.dumps(shop.told("read"))


def test_read_json(shop: Shop) -> None:
    shop.run("transact", "12.50", "--offline")
    found = shop.told("read")
    assert found["application"] == {
        "aid": "A000000333010101",
        "label": "PBOC DEBIT",
        "preferred_name": None,
        "priority": 1,
        "languages": ["zh"],
        "blocked": False,
    }
    assert found["identity_number"] == NUMBER
    assert (found["expires"], found["aip"], found["pin_tries"]) == ("2049-12-31", "7C00", 3)
    assert found["electronic_cash"] == {
        "balance": 48750,
        "limit": 100000,
        "single_limit": 100000,
        "reset_threshold": 0,
        "available_offline": 48750,
    }
    (entry,) = found["transactions"]
    assert (entry["amount"], entry["type"], entry["currency"], entry["atc"]) == (
        1250,
        "00",
        "156",
        1,
    )
    authentication = found["offline_authentication"]
    assert (authentication["method"], authentication["passed"]) == ("dda", True)
    assert authentication["authority"]["status"] == "demo"


def test_a_profile_whose_chip_has_no_bank_application(shop: Shop) -> None:
    result = shop.run("read", "--profile", "dalian")
    assert result.exit_code == 1
    assert "no bank application" in result.stderr and "bank_application" in result.stderr


def test_electronic_cash_offline(shop: Shop) -> None:
    result = shop.run("transact", "12.50", "--offline", lang="zh")
    assert result.exit_code == 0
    assert "• 终端行为分析" in result.stdout
    assert "余额 500.00 元，交易后剩 487.50 元，阈值 0.00 元" in result.stdout
    assert "电子现金扣款 12.50 元" in result.stdout
    assert PAN not in result.output and NUMBER not in result.output
    assert shop.balance == 48750


def test_contactless_offline(shop: Shop) -> None:
    told = shop.told("transact", "1", "--offline", face="virtual:contactless:")
    assert (told["path"], told["cryptogram"], told["outcome"]) == ("contactless", "TC", "approved")
    assert told["offline_authentication"]["method"] == "fdda"
    assert [step["name"] for step in told["steps"]] == [
        "preprocessing",
        "selection",
        "options",
        "card_action",
        "records",
        "offline_authentication",
        "result",
    ]
    assert shop.balance == 49900


def test_online_with_the_test_bank(shop: Shop, tmp_path: Path) -> None:
    """The bank within the program: a debit with ARQC, ARPC and TC, then too much of it."""
    pin = tmp_path / "pin"
    pin.write_text(PIN)
    paid = shop.told("transact", "120", "--way", "debit", "--pin-file", str(pin))
    assert (paid["outcome"], paid["path"], paid["cryptogram"]) == ("approved", "contact", "TC")
    assert (paid["online"], paid["response_code"], paid["tsi"]) == (True, "00", "F800")
    more = shop.told("transact", "9000", "--way", "debit", "--pin-file", str(pin), code=1)
    assert (more["outcome"], more["cryptogram"], more["response_code"]) == ("declined", "AAC", "51")


def test_without_a_pin_the_card_declines(shop: Shop) -> None:
    result = shop.run("transact", "120", "--way", "debit", "--offline")
    assert result.exit_code == 1
    assert "The card wants a PIN: --pin" in result.stderr


def test_a_bank_by_http(shop: Shop) -> None:
    vault = bank_vault()
    bank = TestBank(vault, load_financial(), BankBook(None, vault), BankRules(opening=100_000))
    with BankServer(bank, "127.0.0.1", 0) as server:
        server.start()
        words = ("transact", "1", "--online", "--host", server.url)
        told = shop.told(*words, face="virtual:contactless:", SSCARD_PIN=PIN)
        assert (told["outcome"], told["response_code"]) == ("approved", "00")
        account = bank.account(PAN, 1)
        assert account is not None and account.main == 99_900
    shop.run("read")
    silent = shop.told(*words, face="virtual:contactless:", code=1)
    assert (silent["outcome"], silent["response_code"]) == ("declined", None)


def test_the_steps_before_an_error(shop: Shop) -> None:
    """A record that the AFL names is missing: the error, and how far it went."""
    with closing(Memory.open(shop.folder / "debit.img")) as memory:
        StoredDebit(memory, f"bank/{AID.hex().upper()}").drop("records/03/02")
        memory.commit()
    told = shop.told("transact", "1", "--offline", code=1)
    assert told["error"]["message"] == "record 2 of file 3 cannot be read (6A83)"
    assert [step["name"] for step in told["steps"]] == ["selection", "options"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("transact", "1", "--offline", "--online"), 2, "--offline"),
        (("transact", "1", "--host", "ftp://there"), 1, "no address of a bank"),
        (("transact", "1", "--offline", "--way", "contactless"), 1, "contactless interface"),
        (("transact", "-1"), 2, "YUAN"),
        (("transact", "1.005", "--offline"), 2, "YUAN"),
        (("transact", "10000000000", "--offline"), 2, "9999999999.99"),
        (("read", "--profile", "nowhere"), 1, "nowhere"),
    ],
    ids=["both", "url", "face", "negative", "fractions", "too_much", "profile"],
)
def test_what_cannot_be_done(shop: Shop, words: tuple[str, ...], code: int, said: str) -> None:
    result = shop.run(*words)
    assert result.exit_code == code
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_card_without_the_application(shop: Shop) -> None:
    """A blank of a national profile: an error in words, and as JSON."""
    result = shop.run("read", "--json", SSCARD_READER="virtual:new:national/2.00")
    assert result.exit_code == 1
    assert "no debit application of a bank" in json.loads(result.stdout)["error"]["message"]
