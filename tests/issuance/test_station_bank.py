"""Stations whose cards bear the bank's application: made here, or come with from the bank."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.support.bank_bench import (
    KEYS,
    BankBench,
    bank_data,
    blank_from_bank,
    blank_of,
    file_of_the_bank,
    in_region,
    small,
)
from tests.support.plant import DATA, ChipSlot, open_ledger, sample_row
from tests.support.profiles import without_bank

from sscard_ic.base import InputError
from sscard_ic.card import FinancialCard
from sscard_ic.issuance.bank import desk
from sscard_ic.issuance.bank.desk import BankFileSource
from sscard_ic.issuance.bank.files import BankFile, read_bank_file
from sscard_ic.issuance.bank.proof import prove_cryptogram
from sscard_ic.issuance.bank.steps import BankMismatchError, OtherBankError, bank_steps
from sscard_ic.issuance.checks import check_file
from sscard_ic.issuance.prepare import PreparedCard, prepare_batch
from sscard_ic.issuance.returns import write_return_file
from sscard_ic.keys import MissingCapabilityError, SoftwareVault
from sscard_ic.keys.bank_capabilities import BankCard
from sscard_ic.ledger import Ledger, Phase, Step
from sscard_ic.profile import load_financial, load_import_formats
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection


@pytest.fixture(autouse=True)
def _one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "CardKeys", lambda pool=None: KEYS)


@pytest.fixture
def ledger(tmp_path: Path, plant_vault: SoftwareVault) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        yield ledger


@pytest.fixture
def made(tmp_path: Path, plant_vault: SoftwareVault, ledger: Ledger) -> BankBench:
    """Two rows whose cards get both applications here."""
    return BankBench(tmp_path, plant_vault, ledger, 2, "personalize")


@pytest.fixture
def present(tmp_path: Path, plant_vault: SoftwareVault, ledger: Ledger) -> BankBench:
    """One row whose card comes from the bank."""
    return BankBench(tmp_path, plant_vault, ledger, 1, "present")


# Made here


def test_both_applications_are_the_holders(made: BankBench) -> None:
    slot = ChipSlot(*(blank_of(made.profile, number) for number in (1, 2)))
    outcome = made.run(slot)
    assert (outcome.good, outcome.clean) == (2, True)
    for row, chip in enumerate(slot.good, start=1):
        data, fields = bank_data(made.profile, chip), sample_row("dalian", row)
        assert (data.pan, data.identity_number) == (fields["PAN"], fields["AAC002"])
        assert data.holder == fields["AAC003"]


def test_the_step_is_journalled_and_keys_without_proof_are_named(made: BankBench) -> None:
    made.run(ChipSlot(blank_of(made.profile, 1)))
    order = [Step.INITIALISE, Step.PERSONALIZE, Step.BANK, Step.FINISH, Step.VERIFY]
    assert made.steps() == [(step, phase) for step in order for phase in (Phase.BEGIN, Phase.END)]
    notes = [entry.note for entry in made.ledger.journal_of(made.card().id)]
    assert "made payment, pse, ppse" in notes
    assert any("BANK-MAC, BANK-ENC" in note for note in notes)


def test_the_return_file_tells_the_number_on_the_card(made: BankBench, tmp_path: Path) -> None:
    made.run(ChipSlot(blank_of(made.profile, 1), blank_of(made.profile, 2)))
    returned = write_return_file(made.ledger, made.batch, made.profile, tmp_path)
    text = returned.path.read_text(encoding="gb18030")
    assert sample_row("dalian", 1)["PAN"] in text and sample_row("dalian", 2)["PAN"] in text


def test_a_plan_keeps_its_bank_part(made: BankBench) -> None:
    prepare_batch(made.ledger, made.batch, made.profile, made.vault)
    raw = made.ledger.plan(made.card().id)
    assert raw is not None
    plan = PreparedCard.from_json(raw)
    assert plan.bank is not None and plan.bank.pan == sample_row("dalian", 1)["PAN"]
    assert PreparedCard.from_json(plan.to_json()).to_json() == raw


def test_a_row_without_number_is_refused(tmp_path: Path) -> None:
    head, row = (DATA / "batches" / "dalian-210200-20261121-001.csv").read_bytes().splitlines()[:2]
    number = sample_row("dalian", 1)["PAN"].encode()
    file = tmp_path / "dalian-210200-20261121-009.csv"
    file.write_bytes(b"\r\n".join((head, row.replace(number, b""), b"")))
    formats = {
        name: one.model_copy(update={"required": tuple(c for c in one.required if c != "PAN")})
        for name, one in load_import_formats().items()
    }
    own = in_region(small("present"), prefixes=("888880",))
    for profile, refused in (
        (small("personalize"), ["PAN"]),
        (small("present"), ["PAN"]),
        (own, []),
        (without_bank(own), []),
    ):
        report = check_file(file, profile, formats, photos=DATA / "photos")
        assert [reason.field for reason in report.rows[0].reasons] == refused


def test_a_service_that_cannot_is_told_before_the_first_card(made: BankBench) -> None:
    with pytest.raises(MissingCapabilityError):
        bank_steps(made.profile, object())
    assert bank_steps(small("present"), object()) is not None


def test_data_that_the_bank_prepared(made: BankBench, tmp_path: Path) -> None:
    """Keys and private key stay under the bank's transport key until they go into the card."""
    file = tmp_path / "cards.dat"
    file.write_bytes(file_of_the_bank(made.profile, 1))
    slot = ChipSlot(blank_of(made.profile, 1), blank_of(made.profile, 2))
    outcome = made.run(slot, BankFileSource(file, read_bank_file(file)))
    assert outcome.good == 1
    ((row, error),) = outcome.unprepared
    assert row == 2 and "no card in it has the number" in error.what.en
    data = bank_data(made.profile, slot.good[0])
    assert data.pan == sample_row("dalian", 1)["PAN"]
    card = FinancialCard(open_session(VirtualConnection(slot.good[0])), load_financial())
    service = made.vault
    keys = BankCard(data.pan, data.sequence)
    prove_cryptogram(card, service, keys, "3des")


def test_two_cards_with_the_number_of_a_row(made: BankBench, tmp_path: Path) -> None:
    file = tmp_path / "cards.dat"
    file.write_bytes(file_of_the_bank(made.profile, 1))
    (card,) = read_bank_file(file).cards
    source = BankFileSource(file, BankFile("yl", (card, replace(card, sequence=2))))
    with pytest.raises(InputError, match="several cards"):
        source.plan(sample_row("dalian", 1), date(2026, 11, 21))


def test_real_cards_take_the_data_of_their_bank(made: BankBench) -> None:
    region = made.profile.region
    assert region is not None
    issuer = region.issuer.model_copy(update={"environment": "production"})
    real = replace(made.profile, region=region.model_copy(update={"issuer": issuer}))
    with pytest.raises(InputError, match="published keys of a test issuer only"):
        desk.desk_of(real)


# From the bank


def test_a_card_of_the_bank_is_taken(present: BankBench) -> None:
    chip = blank_from_bank(present.profile, 1, present.vault)
    before = bank_data(present.profile, chip).counter
    slot = ChipSlot(chip)
    assert present.run(slot).good == 1
    assert Step.BANK not in {step for step, _ in present.steps()}
    assert before is not None and bank_data(present.profile, chip).counter == before + 3


def test_a_blank_without_an_application_is_told_from_one_of_the_bank(present: BankBench) -> None:
    ((_, error),) = present.run(ChipSlot(blank_of(present.profile, 1))).failures
    assert error.hint is not None and "the bank has personalized" in error.hint.en


def test_another_number_of_the_bank_goes_into_the_return_file(
    present: BankBench, tmp_path: Path
) -> None:
    """The BIN has to be that of the row, the number is the chip's (ref 05 §0)."""
    stock = sample_row("dalian", 2)["PAN"]
    chip = blank_from_bank(present.profile, 1, present.vault, PAN=stock)
    assert present.run(ChipSlot(chip)).good == 1
    returned = write_return_file(present.ledger, present.batch, present.profile, tmp_path)
    assert stock in returned.path.read_text(encoding="gb18030")


def test_the_whole_number_may_have_to_agree(present: BankBench) -> None:
    present.profile = in_region(present.profile, number_digits=19)
    stock = sample_row("dalian", 2)["PAN"]
    slot = ChipSlot(blank_from_bank(present.profile, 1, present.vault, PAN=stock))
    assert present.run(slot).good == 0
    assert len(slot.rejected) == 1


def test_a_blank_of_another_bank_is_refused_before_anything_is_written(
    present: BankBench,
) -> None:
    wrong = blank_from_bank(present.profile, 1, present.vault, PAN="6228000000000000004")
    slot = ChipSlot(wrong, blank_from_bank(present.profile, 2, present.vault))
    state = {path: value for path, value in wrong.persistent_state().items() if "bank" not in path}
    outcome = present.run(slot)
    assert outcome.good == 1
    ((row, error),) = outcome.failures
    assert row == 1 and isinstance(error, OtherBankError)
    assert slot.rejected == [wrong]
    after = {path: value for path, value in wrong.persistent_state().items() if "bank" not in path}
    assert after == state


@pytest.mark.parametrize(("field", "value"), [("AAC003", "张三"), ("AAC002", "210299199210033461")])
def test_a_card_of_somebody_else_is_refused(present: BankBench, field: str, value: str) -> None:
    chip = blank_from_bank(present.profile, 1, present.vault, **{field: value})
    outcome = present.run(ChipSlot(chip))
    ((_, error),) = outcome.failures
    assert isinstance(error, BankMismatchError) and error.where == field
    assert value not in str(error)
