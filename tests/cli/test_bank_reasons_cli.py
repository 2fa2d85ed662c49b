"""``sscard bank``: why something was not done, and what the next step is, in both languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.bank_desk import Desk
from tests.support.bank_keys import bank_vault
from tests.support.debit_card import PAN, SEQUENCE
from tests.support.remembered_scrypt import remember

from sscard_ic.base import Text
from sscard_ic.base.secret import Secretive
from sscard_ic.hosts.bank_book import BankBook
from sscard_ic.hosts.bank_issuer import BankHostError
from sscard_ic.hosts.bank_server import BankServer
from sscard_ic.hosts.test_bank import BankRules, TestBank
from sscard_ic.profile import load_financial
from sscard_ic.reader import open_connection
from sscard_ic.reader.errors import CardRemoved
from sscard_ic.reader.wrappers import Wrapper

_PUT_DATA = 0xDA


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("bank"))


@pytest.fixture
def desk(_made: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A new card, whose bank has not seen it yet."""
    remember(monkeypatch)
    return _made.taken_to(tmp_path / "home")


class Pulled(Wrapper):
    """The card is taken out at, or after, the command by which its bank loads it."""

    def __init__(self, inner: Any, after: bool) -> None:
        super().__init__(inner)
        self._after = after
        self._gone = False

    def transmit(self, command: Secretive) -> bytes:
        """One exchange."""
        if self._gone or (self._loads(command) and not self._after):
            raise CardRemoved(Text("卡已取出", "the card was taken out"))
        self._gone = self._loads(command)
        return super().transmit(command)

    @staticmethod
    def _loads(command: Secretive) -> bool:
        return isinstance(command, bytes) and command[1] == _PUT_DATA


def _pull(monkeypatch: pytest.MonkeyPatch, *, after: bool) -> None:
    def opened(*given: Any, **more: Any) -> Pulled:
        return Pulled(open_connection(*given, **more), after)

    monkeypatch.setattr("sscard_ic.cli.readers.open_connection", opened)


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        (
            "en",
            (
                "the bank is gone",
                "The bank does not know how it ended yet",
                "the transaction broke off after the bank had authorised it",
                "→ insert the same card again",
            ),
        ),
        (
            "zh",
            ("银行不在了", "发卡行尚不知结果", "发卡行已授权，交易却中断", "→ 重新放入同一张卡"),
        ),
    ],
)
def test_card_and_bank_are_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, lang: str, said: tuple[str, ...]
) -> None:
    def gone(*given: object) -> None:
        raise BankHostError(Text("银行不在了", "the bank is gone"))

    monkeypatch.setattr(TestBank, "confirm", gone)
    _pull(monkeypatch, after=False)
    result = desk.run("load", "50", environment={"SSCARD_LANG": lang})
    assert result.exit_code == 1
    places = [result.stderr.index(each) for each in said]
    assert places == sorted(places)
    told = desk.told("load", "50", code=1)
    assert told["error"]["message"].startswith("the transaction broke off")


def test_a_card_taken_out_when_all_is_done(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        _pull(patched, after=True)
        result = desk.run("load", "50")
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines() == ["the card was taken out", "Loaded 50.00 yuan."]
    assert desk.amounts(0x9F79) == [5000]


@pytest.mark.parametrize(
    ("lang", "said", "hint"),
    [
        ("en", "the application is blocked: the card gave an AAC", "→ `sscard bank unblock`"),
        ("zh", "应用已锁定，卡应答 AAC，没有询问发卡行", "→ 用 sscard bank unblock 解锁"),
    ],
    ids=["en", "zh"],
)
def test_a_blocked_application(desk: Desk, lang: str, said: str, hint: str) -> None:
    with desk.card() as card:
        card.block()
    words = {"SSCARD_LANG": lang}
    for command in (("load", "1"), ("pin", "--unblock"), ("transact", "1")):
        result = desk.run(*command, environment=words)
        assert result.exit_code == 1
        assert said in result.stderr and hint in result.stderr, command
        reason = desk.told(*command, code=1)["reason"]
        assert reason["name"] == "application_blocked"
        assert "sscard bank unblock" in reason["hint"]


@pytest.mark.parametrize(
    ("lang", "said"),
    [("en", "PIN tries exceeded"), ("zh", "脱机拒绝：卡应答 AAC，没有询问发卡行")],
    ids=["en", "zh"],
)
def test_a_card_that_declines_by_itself(desk: Desk, lang: str, said: str) -> None:
    with desk.card() as card:
        card.put_element(0x9F52, bytes.fromhex("0040"))
        card.pin_tries = 0
    result = desk.run("load", "1", environment={"SSCARD_LANG": lang})
    assert result.exit_code == 1
    assert said in result.stderr
    assert desk.told("load", "1", code=1)["reason"]["name"] == "declined_offline"
    paid = desk.told("transact", "1", "--way", "debit", code=1)
    assert (paid["reason"]["name"], paid["online"]) == ("declined_offline", False)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["load", "10000000000"], "YUAN"),
        (["transact", "10000000000"], "YUAN"),
        (["transact", "1", "--floor-limit", "10000000000.00"], "--floor-limit"),
        (["limits", "--balance", "99999999999"], "--balance"),
        (["limits", "--single", "10000000000"], "--single"),
        (["limits", "--threshold", "10000000000"], "--threshold"),
    ],
    ids=["load", "transact", "floor-limit", "balance", "single", "threshold"],
)
def test_amounts_beyond_twelve_digits(desk: Desk, words: list[str], named: str) -> None:
    before = desk.image.read_bytes()
    for lang, limit in (("en", "at most 9999999999.99 yuan"), ("zh", "最多 9999999999.99 元")):
        result = desk.run(*words, environment={"SSCARD_LANG": lang})
        assert result.exit_code == 2
        assert named in result.stderr and limit in result.stderr
        assert "cashback" not in result.output and "返现" not in result.output
    assert desk.image.read_bytes() == before
    assert not (desk.folder / "bank.db").exists()


def test_the_greatest_limit(desk: Desk) -> None:
    assert desk.told("limits", "--balance", "9999999999.99")["done"]
    assert desk.amounts(0x9F77) == [999_999_999_999]


@pytest.mark.parametrize(
    ("lang", "said"),
    [("en", "the present PIN was probably wrong"), ("zh", "多半是原密码错误")],
    ids=["en", "zh"],
)
def test_another_present_pin(desk: Desk, lang: str, said: str) -> None:
    given = {"SSCARD_PIN": "654321", "SSCARD_NEW_PIN": "135790"}
    result = desk.run("pin", "--with-current", environment={**given, "SSCARD_LANG": lang})
    assert result.exit_code == 1
    assert said in result.stderr and "--with-current" in result.stderr
    assert desk.pin == ("123456", 3)
    told = desk.told("pin", "--with-current", code=1, **given)
    assert (told["reason"]["name"], told["code"]) == ("present_pin", "00")
    assert "654321" not in result.output and "135790" not in result.output


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_balance_that_nothing_proves(desk: Desk, lang: str) -> None:
    with desk.card() as card:
        card.put_option("contact", "3des", 0x9F10, bytes.fromhex("0700010300000001"))
    result = desk.run("load", "1", environment={"SSCARD_LANG": lang})
    assert result.exit_code == 1
    assert "57" in result.stderr
    assert "0A01" in result.stderr and "unproved_balance" in result.stderr
    assert desk.told("load", "1", code=1)["reason"]["name"] == "balance_not_proved"
    (desk.folder / "sscard.toml").write_text("[bank]\nunproved_balance = true\n")
    assert desk.told("load", "1")["balance"] == 100


def test_a_proved_balance_brings_no_such_hint(desk: Desk) -> None:
    told = desk.told("unload", code=1)
    assert (told["code"], told["reason"]["name"]) == ("57", "declined_by_bank")


def test_a_card_that_was_reported_lost(desk: Desk) -> None:
    """The bank's block is no load, though the card has done what the bank sent."""
    vault = bank_vault()
    bank = TestBank(vault, load_financial(), BankBook(None, vault), BankRules())
    bank.close_account(PAN, SEQUENCE)
    with BankServer(bank) as server:
        server.start()
        content = f'[bank]\nservice = "http"\n[bank.http]\nurl = "{server.url}"\n'
        (desk.folder / "sscard.toml").write_text(content)
        told = desk.told("load", "50", code=1)
    assert (told["done"], told["script"], told["code"]) == (False, "done", "62")
    assert desk.blocked
    assert "its application may be blocked" in told["reason"]["message"]


@pytest.mark.parametrize(
    ("lang", "said"),
    [("en", "This card has no SM set"), ("zh", "此卡没有国密数据")],
    ids=["en", "zh"],
)
def test_a_card_without_the_sm_set(desk: Desk, lang: str, said: str) -> None:
    words = {"SSCARD_LANG": lang}
    commands = (("read", "--sm"), ("transact", "1", "--sm", "--offline"), ("load", "1", "--sm"))
    for command in commands:
        assert said not in desk.run(*command, environment=words).stderr, command
    assert desk.told("read", "--sm")["algorithm"] == "sm4"
    with desk.card() as card:
        for path in ("contact", "cash"):
            for tag in (0x82, 0x94):
                card.drop(f"options/{path}/sm4/{tag:X}")
    for command in commands:
        assert said in desk.run(*command, environment=words).stderr, command
    assert said not in desk.run("read", environment=words).stderr
    assert desk.told("read", "--sm")["algorithm"] == "3des"
    assert desk.told("transact", "1", "--sm", "--offline")["algorithm"] == "3des"


def test_services_in_the_log(desk: Desk) -> None:
    desk.run("load", "50")
    desk.run("pin", "--unblock")
    desk.run("transact", "1", "--offline")
    found = desk.told("read")["transactions"]
    kinds = [(each["type"], each["amount"]) for each in found]
    assert kinds[-3:] == [("00", 100), ("00", 0), ("50", 5000)]
    english = _log(desk, "en")
    assert english == ["purchase", "service", "load"]
    assert _log(desk, "zh") == ["消费", "服务", "圈存"]


def _log(desk: Desk, lang: str) -> list[str]:
    """The types of the last table but that of loads, the newest first."""
    lines = desk.run("read", environment={"SSCARD_LANG": lang}).stdout.splitlines()
    rows = [line.split("  ")[1] for line in lines if line.startswith("20") and "  156 " in line]
    return [row.strip() for row in rows]
