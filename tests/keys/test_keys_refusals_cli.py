"""A batch is about to run, and the keys will not: clear words, and nothing has happened."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.plant import DATA, SAMPLES
from tests.support.remembered_scrypt import remember
from tests.support.softhsm import in_a_process_of_its_own
from tests.support.token_home import listed, listed_without_token, token_home

from sscard_ic.base import Secret
from sscard_ic.cli import root
from sscard_ic.keys import SoftwareVault
from sscard_ic.ledger import Ledger
from sscard_ic.profile import load
from sscard_ic.reader.virtual import new_blank

BATCH = "dalian-210200-20261121-011"
PASSPHRASE = "a passphrase of this test"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
PRODUCTION = 'kind = "region"\nextends = "regions/dalian"\n[issuer]\nenvironment = "production"\n'


@dataclass(frozen=True)
class Works:
    """A vault, an imported batch of one card, and a deck with its blank."""

    folder: Path

    @property
    def vault(self) -> Path:
        return self.folder / "home" / "vault.json"

    def sscard(self, *arguments: str, **env: str) -> Result:
        home = {"SSCARD_HOME": str(self.folder / "home"), "SSCARD_PASSPHRASE": PASSPHRASE}
        return CliRunner(env={**home, "COLUMNS": "200", **env}).invoke(root, list(arguments))

    def done(self, *arguments: str, **env: str) -> str:
        result = self.sscard(*arguments, **env)
        assert result.exit_code == 0, result.output
        return result.stdout

    def run(self, **env: str) -> Result:
        reader = f"--reader=virtual:dir:{self.folder / 'deck'}"
        return self.sscard("batch", "run", BATCH, reader, "--json", **env)

    def state(self) -> dict[str, object]:
        """Everything that a run would change: cards, rows, numbers, what was journalled."""
        with Ledger.open(self.folder / "home" / "ledger.db") as ledger:
            cards = ledger.cards_of(BATCH)
            rows = [(card.row, card.state, ledger.journal_of(card.id)) for card in cards]
            serials = ledger.serial_counts(BATCH)
        deck = sorted((self.folder / "deck").rglob("*.img"))
        images = {path.relative_to(self.folder): path.read_bytes() for path in deck}
        return {"rows": rows, "serials": serials, "images": images}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Works:
    works = Works(tmp_path_factory.mktemp("works"))
    file = works.folder / f"{BATCH}.csv"
    file.write_bytes(b"".join(SAMPLES["dalian"].read_bytes().splitlines(keepends=True)[:2]))
    works.done("keys", "init", "--test")
    photos = f"--photos={DATA / 'photos'}"
    works.done("batch", "import", str(file), "--profile=dalian", photos)
    works.done("batch", "prepare", BATCH)
    new_blank(load("dalian"), works.folder / "deck")
    return works


@pytest.fixture(autouse=True)
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vaults are opened again and again by one passphrase."""
    remember(monkeypatch)


@pytest.fixture
def works(prepared: Works, tmp_path: Path) -> Works:
    """A copy of it."""
    return Works(Path(shutil.copytree(prepared.folder, tmp_path / "works")))


def assert_clear(result: Result, words: str) -> None:
    """Exit code 1, what and why and the next step, and neither traceback nor secret."""
    assert result.exit_code == 1, result.output
    assert words in result.stderr
    assert "\n  → " in result.stderr
    assert "Traceback" not in result.output
    assert PASSPHRASE not in result.output
    told = json.loads(result.stdout)["error"]
    assert told["message"] in result.stderr
    assert told["hint"]


def _truncated(works: Works) -> None:
    works.vault.write_bytes(works.vault.read_bytes()[:-100])


def _bit_flipped(works: Works) -> None:
    lines = works.vault.read_bytes().splitlines(keepends=True)
    head, value = lines[7].rsplit(b'"sealed":"', 1)
    flipped = bytes((value[0] ^ 1,)) if value[:1].isdigit() else value[:1].swapcase()
    lines[7] = head + b'"sealed":"' + flipped + value[1:]
    works.vault.write_bytes(b"".join(lines))


def _swapped(works: Works) -> None:
    lines = works.vault.read_bytes().splitlines(keepends=True)
    lines[7], lines[8] = lines[8], lines[7]
    works.vault.write_bytes(b"".join(lines))


def _of_production(works: Works) -> None:
    works.vault.unlink()
    secret = Secret(PASSPHRASE.encode())
    SoftwareVault.create(works.vault, secret, environment="production").close()


def _expired(works: Works) -> None:
    for version in ("1", "2", "3"):
        days = f"--version={version}", "--algorithm=3des", "--valid-until=2020-01-01"
        works.done("keys", "validity", "UKSSSE", *days)


def _not_begun(works: Works) -> None:
    days = "--version=1", "--algorithm=3des", "--valid-from=2199-01-01"
    works.done("keys", "validity", "MKSSSE", *days)


def _blanks_key_expired(works: Works) -> None:
    works.done("keys", "validity", "TRANSPORT", "--version=1", "--valid-until=2020-01-01")


def _destroyed(works: Works) -> None:
    vault = SoftwareVault.open(works.vault, Secret(PASSPHRASE.encode()))
    vault.destroy("STK", 1, "3des")
    vault.close()


DAMAGES: dict[str, tuple[Callable[[Works], None], str, str]] = {
    "truncated": (_truncated, "not a whole one", "不完整"),
    "bit flipped": (_bit_flipped, "damaged", "损坏"),
    "records swapped": (_swapped, "damaged", "损坏"),
    "production keys": (_of_production, "holds production keys", "是生产密钥"),
    "expired": (_expired, "UKSSSE version 1 expired after 2020-01-01", "UKSSSE 版本 1 已过期"),
    "not begun": (_not_begun, "MKSSSE version 1 is not valid before", "MKSSSE 版本 1 尚未启用"),
    "blanks": (_blanks_key_expired, "TRANSPORT version 1 expired", "TRANSPORT 版本 1 已过期"),
    "destroyed": (_destroyed, "STK version 1 was destroyed on", "STK 版本 1 已于"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_keys_that_do_not_serve(works: Works, damage: str) -> None:
    whole = works.vault.read_bytes()
    do, en, zh = DAMAGES[damage]
    do(works)
    before, vault = works.state(), works.vault.read_bytes()
    assert_clear(works.run(SSCARD_LANG="en"), en)
    assert_clear(works.run(SSCARD_LANG="zh"), zh)
    assert works.state() == before
    assert works.vault.read_bytes() == vault
    works.vault.write_bytes(whole)
    assert json.loads(works.run().stdout)["good"] == 1


def test_wrong_passphrase(works: Works) -> None:
    before, vault = works.state(), works.vault.read_bytes()
    wrong = "something else entirely"
    for language, words in (("en", "passphrase"), ("zh", "口令")):
        refused = works.run(SSCARD_LANG=language, SSCARD_PASSPHRASE=wrong)
        assert_clear(refused, words)
        assert wrong not in refused.output
    assert (works.state(), works.vault.read_bytes()) == (before, vault)
    assert json.loads(works.run().stdout)["good"] == 1


def test_test_keys_and_a_profile_of_production(works: Works) -> None:
    profile = works.folder / "production.toml"
    profile.write_text(PRODUCTION, encoding="utf-8")
    (order,) = works.folder.glob("*.csv")
    other = order.with_name("dalian-210200-20261121-012.csv")
    other.write_bytes(order.read_bytes())
    before = works.state()
    for language, words in (("en", "the profile is of production"), ("zh", "不能用于生产发卡配置")):
        photos = f"--photos={DATA / 'photos'}"
        refused = works.sscard(
            *("batch", "import", str(other), f"--profile={profile}", photos, "--json"),
            SSCARD_LANG=language,
        )
        assert_clear(refused, words)
    assert works.state() == before
    assert BATCH in works.done("batch", "status")
    assert "012" not in works.done("batch", "status")


# An HSM


def test_a_token_that_is_not_there_any_more(tmp_path: Path) -> None:
    """Pulled out between two commands; in the middle of a batch: tests/e2e/test_softhsm_batch."""
    told = in_a_process_of_its_own(listed_without_token, tmp_path)
    for language, words in (("en", "no token"), ("zh", "令牌")):
        code, output = told[language]
        assert code == 1
        assert words in output
        assert "\n  → " in output
        assert "Traceback" not in output
        assert bool(CHINESE.search(output)) == (language == "zh")
    assert told["back"] == (0, "")


def test_wrong_hsm_pin(tmp_path: Path) -> None:
    for language, words in (("en", "the PIN of the HSM is wrong"), ("zh", "PIN 错误")):
        code, output = listed(token_home(tmp_path)[0], language, SSCARD_HSM_PIN="97531")
        assert code == 1
        assert words in output
        assert "\n  → " in output
        assert "97531" not in output
        assert bool(CHINESE.search(output)) == (language == "zh")
