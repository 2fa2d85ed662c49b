"""Stations: good cards, bad cards, cards that are not for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.plant import (
    FACTORY_SERIAL,
    ChipSlot,
    Issued,
    import_rows,
    issue,
    open_ledger,
)
from tests.support.profiles import without_certificates

from sscard_ic.apdu import Command
from sscard_ic.base import InputError
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.issuance.outcome import MAX_BAD_IN_A_ROW, Outcome
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import MAX_BLANKS, Station
from sscard_ic.keys import EnvironmentMismatchError, SoftwareVault
from sscard_ic.ledger import CardState, Ledger, Phase, SerialState, Step
from sscard_ic.profile import CardProfile, load
from sscard_ic.reader import Connection
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import Chip, blank


class Bench:
    """A ledger with one batch, and stations for it."""

    def __init__(self, folder: Path, vault: SoftwareVault, ledger: Ledger, rows: int) -> None:
        self.profile = load("dalian")
        self.vault = vault
        self.ledger = ledger
        self.batch = import_rows(ledger, self.profile, folder, rows)

    def blanks(self, count: int) -> list[Chip]:
        return [blank(self.profile, number.to_bytes(6, "big")) for number in range(1, count + 1)]

    def station(self, slot: ChipSlot) -> Station:
        return Station(slot, self.ledger, self.profile, self.vault)

    def run(self, slot: ChipSlot, limit: int | None = None) -> Outcome:
        return run_batch(
            [self.station(slot)], self.ledger, self.batch, self.profile, self.vault, limit=limit
        )


@pytest.fixture
def bench(tmp_path: Path, plant_vault: SoftwareVault) -> Iterator[Bench]:
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        yield Bench(tmp_path, plant_vault, ledger, 3)


def test_a_batch_becomes_verified_cards(bench: Bench) -> None:
    slot = ChipSlot(*bench.blanks(3))
    outcome = bench.run(slot)
    assert outcome.good == len(slot.good) == 3
    assert outcome.clean
    assert bench.ledger.counts(bench.batch) == {CardState.VERIFIED: 3}
    assert bench.ledger.serial_counts(bench.batch) == {SerialState.USED: 3}
    atrs = {chip.power_on() for chip in slot.good}
    assert {atr[4:13].hex() for atr in atrs} == {"008148424286532102"}
    assert len(atrs) == 3


def test_too_few_blanks_leave_rows_for_the_next_run(bench: Bench) -> None:
    assert bench.run(ChipSlot(*bench.blanks(1))).good == 1
    fresh = [blank(bench.profile, bytes.fromhex("0000000000B1")) for _ in range(1)]
    assert bench.run(ChipSlot(*fresh)).good == 1
    assert bench.ledger.counts(bench.batch) == {CardState.PREPARED: 1, CardState.VERIFIED: 2}


def test_limit_stops_the_run(bench: Bench) -> None:
    slot = ChipSlot(*bench.blanks(3))
    assert bench.run(slot, limit=2).good == 2


def test_unneeded_blanks_stay_in_the_slot(bench: Bench) -> None:
    slot = ChipSlot(*bench.blanks(5))
    assert bench.run(slot).good == 3
    assert len(slot.left) == 2
    assert slot.rejected == []


def test_a_used_blank_is_rejected_and_no_row_touched(
    bench: Bench, tmp_path: Path, plant_vault: SoftwareVault
) -> None:
    elsewhere = issue(tmp_path, plant_vault, "dalian")
    slot = ChipSlot(elsewhere.chip, *bench.blanks(3))
    before = elsewhere.chip.persistent_state()
    outcome = bench.run(slot)
    # Its allotted ATR is that of row 1 here too; its transport code is refused, whoever made it.
    assert slot.rejected == [elsewhere.chip]
    assert outcome.good == 3
    assert elsewhere.chip.persistent_state() == before


def test_a_half_made_card_of_another_ledger_is_rejected(bench: Bench) -> None:
    foreign = blank(bench.profile, FACTORY_SERIAL)
    foreign.power_on()
    code = bench.vault.transport_code(FACTORY_SERIAL).reveal()
    assert foreign.transmit(bytes(Command(0x80, 0xE0, 3, 0, code))) == b"\x90\x00"
    mf = "80E001001E000000FF013F00010001230000800000315041592E5359532E4444463031"
    assert foreign.transmit(bytes.fromhex(mf)) == b"\x90\x00"
    slot = ChipSlot(foreign)
    outcome = bench.run(slot)
    assert slot.rejected == [foreign]
    assert [error.what.en for error in outcome.rejected] == [
        "this card is used already, not a blank"
    ]
    assert bench.ledger.counts(bench.batch) == {CardState.PREPARED: 3}


def test_a_blank_with_another_transport_code_is_rejected(bench: Bench) -> None:
    stranger = blank(bench.profile, FACTORY_SERIAL, transport_key=bytes(16))
    slot = ChipSlot(stranger)
    (error,) = bench.run(slot).rejected
    assert "transport code" in error.what.en
    assert "63C2" in error.what.en
    assert bench.ledger.counts(bench.batch) == {CardState.PREPARED: 3}


class BadMemory(Wrapper):
    """Answers 6581 to writing the photo, as a worn-out chip would."""

    def transmit(self, command: Secretive) -> bytes:
        raw = command.reveal() if isinstance(command, Secret) else command
        if raw[1] == 0xD6:
            return b"\x65\x81"
        return self.inner.transmit(command)


class SlotWithBadChips(ChipSlot):
    """The first ``bad`` chips have bad memory."""

    def __init__(self, bad: int, *chips: Chip) -> None:
        super().__init__(*chips)
        self._bad = bad

    def connect(self) -> Connection:
        connection = super().connect()
        self._bad -= 1
        return BadMemory(connection) if self._bad >= 0 else connection


def test_a_bad_blank_costs_its_number_and_the_row_gets_another(bench: Bench) -> None:
    slot = SlotWithBadChips(1, *bench.blanks(4))
    outcome = bench.run(slot)
    assert (outcome.good, len(outcome.failures)) == (3, 1)
    assert not outcome.clean
    ((row, error),) = outcome.failures
    assert row == 1
    assert "6581" in error.what.en
    assert len(slot.rejected) == 1
    assert bench.ledger.serial_counts(bench.batch) == {SerialState.SPOILT: 1, SerialState.USED: 3}
    first = bench.ledger.cards_of(bench.batch)[0]
    phases = [entry.phase for entry in bench.ledger.journal_of(first.id)]
    assert Phase.FAILED in phases
    assert first.serial == 4


def test_bad_cards_in_a_row_end_the_run(bench: Bench) -> None:
    slot = SlotWithBadChips(9, *bench.blanks(9))
    outcome = bench.run(slot)
    assert outcome.stopped
    assert len(outcome.failures) == len(slot.rejected) == MAX_BAD_IN_A_ROW
    assert CardState.FAILED not in bench.ledger.counts(bench.batch)


def test_a_row_that_spoils_blank_after_blank_is_given_up_and_can_be_reopened(
    tmp_path: Path, plant_vault: SoftwareVault
) -> None:
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        bench = Bench(tmp_path, plant_vault, ledger, 1)
        blanks = bench.blanks(MAX_BLANKS + 1)
        for chip in blanks[:MAX_BLANKS]:
            bench.run(SlotWithBadChips(1, chip))
        (card,) = ledger.cards_of(bench.batch)
        assert card.state is CardState.FAILED
        assert [reason.reason for reason in card.reasons] == ["card failed"]
        assert ledger.serial_counts(bench.batch) == {SerialState.SPOILT: MAX_BLANKS}
        failed = [e for e in ledger.journal_of(card.id) if e.phase is Phase.FAILED]
        assert len(failed) == MAX_BLANKS
        assert bench.run(ChipSlot(blanks[-1])).good == 0
        assert ledger.reopen_failed(bench.batch) == 1
        assert bench.run(ChipSlot(blanks[-1])).good == 1
        assert ledger.reopen_failed(bench.batch) == 0


class Forger(Wrapper):
    """Answers reads of the name with another one."""

    def transmit(self, command: Secretive) -> bytes:
        answer = self.inner.transmit(command)
        return answer.replace(b"\x0a\x01\x31", b"\x0a\x01\x32")


def test_a_card_that_reads_back_otherwise_is_bad(bench: Bench) -> None:
    class ForgingSlot(ChipSlot):
        def connect(self) -> Connection:
            return Forger(super().connect())

    outcome = bench.run(ForgingSlot(*bench.blanks(1)))
    ((row, error),) = outcome.failures
    assert row == 1
    assert error.what.en == "SSSE.EF06.0A sex read back differs from the plan"
    assert error.what.zh


def test_a_blank_of_another_profile_is_found_by_its_rights(bench: Bench) -> None:
    """The mask of a third-generation chip protects the card number, which 2.00 leaves free."""
    other = blank(load("urumqi"), FACTORY_SERIAL)
    outcome = bench.run(ChipSlot(other))
    ((row, error),) = outcome.failures
    assert row == 1
    assert "should be free is closed" in error.what.en
    assert "SSSE.EF05" in error.what.en
    assert bench.ledger.counts(bench.batch) == {CardState.PREPARED: 3}


def test_a_blank_without_the_rights_of_its_profile_is_found(
    tmp_path: Path, plant_vault: SoftwareVault
) -> None:
    profile = without_certificates(load("urumqi"))
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        batch = import_rows(ledger, profile, tmp_path, 1)
        slot = ChipSlot(blank(load("dalian"), FACTORY_SERIAL))
        station = Station(slot, ledger, profile, plant_vault)
        outcome = run_batch([station], ledger, batch, profile, plant_vault)
    ((_, error),) = outcome.failures
    assert error.what.en == "SSSE.EF05.07 is read freely, its rule is key:RKSSSE"


def test_journal_tells_the_keys_without_proof(bench: Bench) -> None:
    bench.run(ChipSlot(*bench.blanks(3)))
    card = bench.ledger.cards_of(bench.batch)[0]
    (entry,) = [
        e
        for e in bench.ledger.journal_of(card.id)
        if e.step is Step.VERIFY and e.phase is Phase.END
    ]
    names = [f"STKDF0{number}" for number in range(1, 8)]
    names[4:4] = ["DPK", "DLK", "DTK"]
    assert entry.note == f"no proof: {', '.join(['STK', *names])}"
    assert entry.station == "test slot"


def test_test_keys_are_refused_for_production(bench: Bench) -> None:
    assert bench.profile.region is not None
    issuer = bench.profile.region.issuer.model_copy(update={"environment": "production"})
    region = bench.profile.region.model_copy(update={"issuer": issuer})
    real = CardProfile("regions/real", bench.profile.structure, bench.profile.dialect, {}, region)
    with pytest.raises(EnvironmentMismatchError):
        run_batch([bench.station(ChipSlot())], bench.ledger, bench.batch, real, bench.vault)
    with pytest.raises(InputError):
        blank(real, FACTORY_SERIAL)


def test_finished_cards_refuse_personalization(dalian_card: Issued) -> None:
    chip = dalian_card.chip
    chip.power_on()
    code = dalian_card.vault.transport_code(FACTORY_SERIAL).reveal()
    assert chip.transmit(bytes(Command(0x80, 0xE0, 3, 0, code))) == b"\x69\x85"
    create = bytes.fromhex("80E0010010000000001DEF1DC4001D0000000000EF")
    assert chip.transmit(create) == b"\x69\x82"


def test_prepared_cards_stay_as_they_are(bench: Bench) -> None:
    first = prepare_batch(bench.ledger, bench.batch, bench.profile, bench.vault)
    again = prepare_batch(bench.ledger, bench.batch, bench.profile, bench.vault)
    assert (first.prepared, again.prepared) == (3, 0)
