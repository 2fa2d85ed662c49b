"""What a verification must find, and cards that are not what they seem to be."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.plant import FACTORY_SERIAL, ChipSlot, import_rows, open_ledger

from sscard_ic.base import Text
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.issuance.outcome import Outcome
from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.ledger import CardState, Ledger, Phase, Reason, Step
from sscard_ic.profile import load
from sscard_ic.reader import Connection
from sscard_ic.reader.errors import ReaderError
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import Chip, blank

OK = b"\x90\x00"
REASON = Reason("", "withdrawn", Text("撤回", "withdrawn"))
Loses = Callable[[bytes], bool]


class Plant:
    """A ledger with one row, and runs of its batch."""

    def __init__(self, folder: Path, vault: SoftwareVault, ledger: Ledger, rows: int = 1) -> None:
        self.profile = load("dalian")
        self.vault = vault
        self.ledger = ledger
        self.batch = import_rows(ledger, self.profile, folder, rows)

    def run(self, slot: ChipSlot, trace: io.StringIO | None = None) -> Outcome:
        station = Station(slot, self.ledger, self.profile, self.vault, trace=trace)
        return run_batch([station], self.ledger, self.batch, self.profile, self.vault)

    def states(self) -> dict[CardState, int]:
        return self.ledger.counts(self.batch)


@pytest.fixture
def plant(tmp_path: Path, plant_vault: SoftwareVault) -> Iterator[Plant]:
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        yield Plant(tmp_path, plant_vault, ledger)


def chip(number: int = 1) -> Chip:
    return blank(load("dalian"), number.to_bytes(6, "big"))


def assert_interrupted(outcome: Outcome) -> None:
    """The power failed in the middle of the card of row 1, and nothing else happened."""
    (interruption,) = outcome.interruptions
    assert (interruption.row, interruption.error.what.en) == (1, "power cut")
    assert (outcome.good, outcome.failures, outcome.rejected) == (0, [], [])


class Loser(Wrapper):
    """Answers 9000 to commands that it does not pass on: writes that got lost."""

    def __init__(self, inner: Connection, loses: Loses) -> None:
        super().__init__(inner)
        self._loses = loses

    def transmit(self, command: Secretive) -> bytes:
        raw = command.reveal() if isinstance(command, Secret) else command
        return OK if self._loses(raw) else self.inner.transmit(command)


class LosingSlot(ChipSlot):
    def __init__(self, loses: Loses, *chips: Chip) -> None:
        super().__init__(*chips)
        self._loses = loses

    def connect(self) -> Connection:
        return Loser(super().connect(), self._loses)


def nth(head: str, wanted: int) -> Loses:
    """Loses the ``wanted``-th command that begins with ``head``."""
    seen = 0

    def loses(raw: bytes) -> bool:
        nonlocal seen
        seen += raw.hex().upper().startswith(head)
        return raw.hex().upper().startswith(head) and seen == wanted

    return loses


@pytest.mark.parametrize(
    ("head", "wanted", "found"),
    [
        ("80E00200", 1, "end the pre-personalization of DF07"),
        ("80E00200", 7, "end the pre-personalization of DF01"),
        ("80E00200", 8, "end the pre-personalization of SSSE"),
        ("80E00200", 9, "end the pre-personalization of"),
        ("00DC01F4", 1, "read the directory file DIR"),
        ("00D20123", 1, "write the file control data of MF"),
        ("00D20123", 2, "write the file control data of SSSE"),
        ("00D20223", 2, "write the file control data of SSSE"),
        ("00D20823", 1, "select directory DF07"),
        ("80E00500", 1, "the answer to reset is not the planned one"),
        ("80D40000", 13, "verify the PIN"),
        ("80D40000", 2, "internally authenticate IRK"),
        ("80D40000", 40, "authenticate key"),
        ("00D6", 3, "SSSE.EF08"),
    ],
)
def test_a_lost_write_is_found(plant: Plant, head: str, wanted: int, found: str) -> None:
    slot = LosingSlot(nth(head, wanted), chip())
    outcome = plant.run(slot)
    assert outcome.good == 0
    ((_, error),) = outcome.failures
    assert found in error.what.en
    assert plant.states() == {CardState.PREPARED: 1}


def test_a_key_that_is_there_but_another_is_found_on_resuming(plant: Plant) -> None:
    """Key exists counts as done only with a proof (design §4)."""
    torn = chip()

    class Cut(Wrapper):
        count = 0

        def transmit(self, command: Secretive) -> bytes:
            raw = command.reveal() if isinstance(command, Secret) else command
            if raw[:4] == bytes.fromhex("80D40000"):
                Cut.count += 1
                if Cut.count == 5:
                    # Another UKSSSE than the plan's comes into the card, then the power fails.
                    self.inner.transmit(raw[:5] + bytes(len(raw) - 5))
                    plain = "00D40000180D0401EF33003310" + "00" * 16
                    assert self.inner.transmit(bytes.fromhex(plain)) == OK
                    raise ReaderError(Text("断电", "power cut"))
            return self.inner.transmit(command)

    class CutSlot(ChipSlot):
        def connect(self) -> Connection:
            return Cut(super().connect())

    assert_interrupted(plant.run(CutSlot(torn)))
    ((_, error),) = plant.run(ChipSlot(torn)).failures
    assert "load key UKSSSE version 1" in error.what.en
    assert "63C" in error.what.en


def test_a_blank_before_the_torn_card_does_not_stop_the_run(plant: Plant) -> None:
    """A row in work waits for its own card; other blanks are left."""
    torn, other = chip(2), chip(1)

    class CutSlot(ChipSlot):
        def connect(self) -> Connection:
            class Cut(Wrapper):
                def transmit(self, command: Secretive) -> bytes:
                    raw = command.reveal() if isinstance(command, Secret) else command
                    if raw[1] == 0xD6:
                        raise ReaderError(Text("断电", "power cut"))
                    return self.inner.transmit(command)

            return Cut(super().connect())

    assert_interrupted(plant.run(CutSlot(torn)))
    slot = ChipSlot(other, torn)
    assert plant.run(slot).good == 1
    assert slot.left == [other]
    assert slot.good == [torn]


def test_a_lost_card_can_be_given_up(plant: Plant) -> None:
    class GoneSlot(ChipSlot):
        def connect(self) -> Connection:
            class Gone(Wrapper):
                def transmit(self, command: Secretive) -> bytes:
                    raw = command.reveal() if isinstance(command, Secret) else command
                    if raw[1] == 0xD6:
                        raise ReaderError(Text("断电", "power cut"))
                    return self.inner.transmit(command)

            return Gone(super().connect())

    assert_interrupted(plant.run(GoneSlot(chip(1))))
    assert plant.run(ChipSlot(chip(2))).good == 0
    (card,) = plant.ledger.cards_of(plant.batch)
    plant.ledger.spoil(card.id, station="operator", step=Step.INITIALISE, note="card lost")
    assert plant.run(ChipSlot(chip(3))).good == 1


def test_a_finished_card_left_in_the_slot_is_sorted(plant: Plant) -> None:
    """The program died between the last verification and the release of the card."""
    mine = chip(1)
    assert plant.run(ChipSlot(mine)).good == 1
    again = ChipSlot(mine)
    assert plant.run(again).good == 0
    assert again.good == [mine]


def test_a_card_of_another_ledger_with_the_same_number_is_rejected(
    plant: Plant, tmp_path: Path, plant_vault: SoftwareVault
) -> None:
    assert plant.run(ChipSlot(chip(1))).good == 1
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    twin = chip(2)
    with open_ledger(elsewhere / "ledger.db", plant_vault) as ledger:
        profile = load("dalian")
        sample = import_rows(ledger, profile, elsewhere, 2)
        first, _ = ledger.cards_of(sample)
        ledger.fail(first.id, REASON, station="t", step=Step.VERIFY)
        station = Station(ChipSlot(twin), ledger, profile, plant_vault)
        assert run_batch([station], ledger, sample, profile, plant_vault).good == 1
    slot = ChipSlot(twin)
    outcome = plant.run(slot)
    assert slot.rejected == [twin]
    (error,) = outcome.rejected
    assert error.what.en == "this card has been made with another ledger"
    assert plant.states() == {CardState.VERIFIED: 1}


def test_no_secret_in_the_trace_of_a_run(plant: Plant) -> None:
    trace = io.StringIO()
    assert plant.run(ChipSlot(blank(plant.profile, FACTORY_SERIAL)), trace).good == 1
    text = trace.getvalue()
    code = plant.vault.transport_code(FACTORY_SERIAL).reveal().hex().upper()
    assert "> 80E00300 ‹8 bytes›" in text
    for secret in (code, "123456", "210200000001", "CBCED4F3D0F9"):
        assert secret not in text


def test_a_wrong_transport_key_does_not_spend_a_stack(plant: Plant) -> None:
    strangers = [
        blank(plant.profile, number.to_bytes(6, "big"), transport_key=bytes(16))
        for number in range(1, 10)
    ]
    slot = ChipSlot(*strangers)
    outcome = plant.run(slot)
    assert outcome.stopped
    assert len(outcome.rejected) == 2
    assert plant.states() == {CardState.PREPARED: 1}


def test_a_failed_card_put_back_is_rejected(plant: Plant) -> None:
    bad = chip(1)
    plant.run(LosingSlot(nth("00D6", 1), bad))
    assert Phase.FAILED in [
        e.phase for e in plant.ledger.journal_of(plant.ledger.cards_of(plant.batch)[0].id)
    ]
    slot = ChipSlot(bad)
    (error,) = plant.run(slot).rejected
    assert slot.rejected == [bad]
    assert error.where


@pytest.mark.parametrize("rows", [1, 2])
def test_an_activated_card_is_no_new_one(
    tmp_path: Path, plant_vault: SoftwareVault, rows: int
) -> None:
    """It is rejected where a blank is wanted; else it is its holder's, and left alone."""
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        plant = Plant(tmp_path, plant_vault, ledger, rows)
        mine = chip(1)
        assert plant.run(ChipSlot(mine)).good == 1
        card = ledger.cards_of(plant.batch)[0]
        ledger.complete(
            card.id, Step.ACTIVATE, CardState.ACTIVATED, station="counter", chip_serial=bytes(6)
        )
        slot = ChipSlot(mine)
        outcome = plant.run(slot)
        wanted = rows == 2
        assert (slot.rejected, slot.left) == (([mine], []) if wanted else ([], [mine]))
        said = [error.what.en for error in outcome.rejected]
        assert [("is activated already" in what) for what in said] == [True] * wanted
        assert outcome.clean is not wanted
