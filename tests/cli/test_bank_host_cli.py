"""``sscard bank host``: a bank in one command, for developers of terminals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.hosts.bank.paper_card import PaperCard, ended
from tests.support.bank_keys import bank_roots
from tests.support.remembered_scrypt import remember

from sscard_ic.base import Secret
from sscard_ic.cli import bank_host, root
from sscard_ic.codec.pboc.bits import Kind
from sscard_ic.hosts.bank_settings import BankSettings
from sscard_ic.hosts.http_bank import HttpBank
from sscard_ic.keys import SoftwareVault

PATIENCE = 30.0
_MAIN = "from sscard_ic.cli import main; main()"
_WORDS = "correct horse"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the bank's keys."""
    folder = tmp_path_factory.mktemp("home")
    passphrase = Secret(_WORDS.encode())
    vault = folder / "vault.json"
    SoftwareVault.create(vault, passphrase, environment="test", keys=bank_roots()).close()
    return folder


@contextmanager
def running(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, on a free port."""
    words = ["bank", "host", "--listen", "127.0.0.1:0", *arguments]
    process = subprocess.Popen(
        [sys.executable, "-c", _MAIN, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "SSCARD_HOME": str(home),
            "SSCARD_LANG": "en",
            "SSCARD_PASSPHRASE": _WORDS,
        },
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def test_what_it_prints_is_the_settings_of_a_client(home: Path, tmp_path: Path) -> None:
    book, card = tmp_path / "book.db", PaperCard()
    with running(home, "--book", str(book), "--opening", "20") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while not lines[-1].startswith("url"):
            assert lines[-1], process.communicate(timeout=PATIENCE)
            lines.append(process.stdout.readline())
        table = tomllib.loads("".join(lines))["bank"]
        http = BankSettings.model_validate(table, strict=True).http
        assert http is not None
        with closing(HttpBank(http)) as bank:
            assert bank.authorise(card.request(fen=2001)).code == b"51"
            request = card.request("load", 2000)
            response = bank.authorise(request)
            assert (response.code, card.knows(response, request)) == (b"00", True)
            bank.confirm(request, ended(Kind.TC, "done"))
        process.send_signal(signal.SIGTERM)
        rest, words = process.communicate(timeout=PATIENCE)
    assert (process.returncode, rest) == (0, "")
    told = words.splitlines()
    assert told[0].startswith("test bank: http://127.0.0.1:")
    assert told[1] == f"accounts: {book}"
    assert told[-1] == "stopped"
    assert card.pan not in words
    assert card.pan.encode() not in book.read_bytes()


@pytest.fixture
def given(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment, in which the command ends as soon as it serves."""
    monkeypatch.setattr(bank_host, "wait_while", lambda server: None)
    remember(monkeypatch)
    return {"SSCARD_HOME": str(home), "SSCARD_PASSPHRASE": _WORDS, "SSCARD_LANG": "en"}


def test_as_json(given: dict[str, str], home: Path) -> None:
    words = ["bank", "host", "--listen", "127.0.0.1:0", "--json"]
    for more, book in (["--memory"], None), ([], str(home / "bank.db")):
        result = CliRunner().invoke(root, [*words, *more], env=given)
        assert result.exit_code == 0, result.output
        told = json.loads(result.stdout)
        assert told.pop("book") == book
        assert BankSettings.model_validate(told, strict=True).service == "http"
        assert (home / "bank.db").exists() == (book is not None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--listen", "0.0.0.0:0"], "this machine only"),
        (["--listen", "127.0.0.1"], "ADDRESS:PORT"),
        (["--profile", "dalian"], "no bank application"),
    ],
    ids=lambda each: each if isinstance(each, str) else each[0],
)
def test_what_it_does_not_serve(given: dict[str, str], words: list[str], said: str) -> None:
    result = CliRunner().invoke(root, ["bank", "host", "--memory", *words], env=given)
    assert result.exit_code in (1, 2)
    assert said in result.stderr


def test_more_than_an_account_holds(given: dict[str, str]) -> None:
    words = ["bank", "host", "--memory", "--listen", "127.0.0.1:0", "--opening"]
    result = CliRunner().invoke(root, [*words, "10000000000.00"], env=given)
    assert result.exit_code == 2
    assert "--opening" in result.stderr
    assert CliRunner().invoke(root, [*words, "9999999999.99"], env=given).exit_code == 0
