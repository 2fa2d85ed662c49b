"""``sscard cert`` with cards that a batch made: the ledger keeps what was granted for them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.cli.cert_bench import CertBench
from tests.support.plant import SAMPLES, make_vault
from tests.support.remembered_scrypt import remember

from sscard_ic.ledger import CardState, Ledger, Phase, Step

BATCH = "urumqi"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    remember(monkeypatch)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> CertBench:
    """A card that a batch made with certificates, in a home with its ledger."""
    bench = CertBench(tmp_path_factory.mktemp("batch") / "bench")
    bench.home.mkdir(parents=True)
    make_vault(bench.home).close()
    sample = SAMPLES["urumqi"]
    first = b"".join(sample.read_bytes().splitlines(keepends=True)[:2])
    path = bench.path(sample.name, first)
    photos = sample.parent.parent / "photos"
    words = ("batch", "import", str(path), "--profile", "urumqi", "--photos", str(photos))
    imported = bench.sscard(*words)
    assert imported.exit_code == 0, imported.output
    deck = bench.folder / "deck"
    new = bench.sscard("sim", "new", "--profile", "urumqi", "--out", str(deck))
    assert new.exit_code == 0, new.output
    run = bench.sscard("batch", "run", path.stem, "--reader", f"virtual:dir:{deck}")
    assert run.exit_code == 0, run.output
    [image] = (deck / "good").glob("*.img")
    shutil.move(image, bench.image)
    return bench


@pytest.fixture
def card(made: CertBench, tmp_path: Path) -> CertBench:
    return made.copy(tmp_path / "bench")


def journal(bench: CertBench) -> list[tuple[Step, Phase]]:
    """The steps of the card's certificates after the batch."""
    with Ledger.open(bench.home / "ledger.db") as ledger:
        [one] = ledger.cards_of(ledger.batches()[0].name)
        assert one.state is CardState.VERIFIED
        entries = [(entry.step, entry.phase) for entry in ledger.journal_of(one.id)]
        place = max(i for i, entry in enumerate(entries) if entry[0] is Step.VERIFY)
        return entries[place + 1 :]


def test_the_card_bears_its_certificates(card: CertBench) -> None:
    found = card.done("show")
    assert found["signature"]["valid"]
    assert found["encryption"]["valid"]


def test_renewal_with_what_the_ledger_has(card: CertBench) -> None:
    before = card.done("show")["signature"]["certificate"]["serial"]
    assert "--renew" in card.error("load")["hint"]
    found = card.done("load", "--renew")
    assert found["kept"].endswith(":1"), "batch and row"
    assert not card.kept()
    assert card.done("show")["signature"]["certificate"]["serial"] != before
    assert journal(card) == [(Step.CERTIFY, Phase.BEGIN), (Step.CERTIFY, Phase.END)]
    assert card.done("load", "--renew")["loaded"] is True, "and once more, with what was kept now"


def test_an_interrupted_renewal_goes_on(card: CertBench) -> None:
    card.fault("torn-after", "--after", "11")
    batch = SAMPLES["urumqi"].stem
    broken = card.run("load", "--renew")
    assert broken.exit_code == 1
    assert f"are kept in the ledger, batch {batch} row 1, and not loaded whole" in broken.stderr
    assert journal(card) == [(Step.CERTIFY, Phase.BEGIN)]
    assert card.done("load")["resumed"] is True
    assert set(card.tries().values()) == {6}
    renewed = card.run("load", "--renew", SSCARD_LANG="zh")
    assert f"保存在 台账（批次 {batch} 第 1 行）" in renewed.stderr
    card.fault("torn-after", "--after", "11")
    assert f"已保存在 台账（批次 {batch} 第 1 行）" in (
        card.run("load", "--renew", SSCARD_LANG="zh").stderr
    )


def test_another_ledger_does_not_know_it(card: CertBench) -> None:
    """The published values are not those of a card that a batch has made."""
    shutil.move(card.home / "ledger.db", card.folder / "elsewhere.db")
    error = card.error("load", "--renew")
    assert "--ledger" in error["hint"]
    words = ("load", "--renew", "--ledger", str(card.folder / "elsewhere.db"))
    assert card.done(*words)["kept"].endswith(":1")


def test_a_ledger_that_is_not_there(card: CertBench) -> None:
    error = card.error("load", "--ledger", str(card.path("none.db")))
    assert "no ledger" in error["message"]


def test_a_card_in_work_is_left_to_its_batch(card: CertBench) -> None:
    with Ledger.open(card.home / "ledger.db") as ledger:
        [one] = ledger.cards_of(ledger.batches()[0].name)
        with ledger._database.write() as connection:
            ledger._update(connection, one.id, state=CardState.CERTIFIED)
    error = card.error("load")
    assert "in work" in error["message"]
    assert "sscard batch run" in error["hint"]


def test_the_administrator_pin_changes_in_the_ledger(card: CertBench) -> None:
    pin = card.secrets()[0]
    found = card.done("pin", "--admin", SSCARD_ADMIN_PIN=pin, SSCARD_NEW_PIN="87654321")
    assert found["kept"] is True
    assert card.secrets()[0] == "87654321"
    assert card.done("load", "--renew")["loaded"] is True
    pins = [(Step.CERTIFY, Phase.BEGIN), (Step.CERTIFY, Phase.END)]
    assert journal(card)[:2] == pins
    with Ledger.open(card.home / "ledger.db") as ledger:
        [one] = ledger.cards_of(ledger.batches()[0].name)
        assert "administrator PIN" in {entry.note for entry in ledger.journal_of(one.id)}


def test_another_persons_data_are_refused(card: CertBench) -> None:
    other = {"xm": "李四", "kh": "X00000019", "shbzhm": "111111198101011110"}
    path = card.path("holder.json", json.dumps(other))
    error = card.error("load", "--from", str(path))
    assert "not the one" in error["message"]
    assert "李四" not in json.dumps(error, ensure_ascii=False)
    assert journal(card) == []


def test_a_card_that_was_given_up_gets_no_certificates(card: CertBench) -> None:
    with Ledger.open(card.home / "ledger.db") as ledger:
        [one] = ledger.cards_of(ledger.batches()[0].name)
        with ledger._database.write() as connection:
            ledger._update(connection, one.id, state=CardState.FAILED)
    result = card.run("load")
    assert result.exit_code == 1
    assert "as failed" in result.stderr
    assert "--retry-failed" in result.stderr
    assert "asking" not in result.stderr
