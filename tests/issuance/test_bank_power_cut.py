"""The power fails while a station gives a card its bank applications; the run is continued.

Every exchange of the personalization itself is cut in ``tests/card``; here those of a whole card
are sampled, and a card that loses its power again and again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.bank_bench import KEYS, small
from tests.support.plant import FACTORY_SERIAL, ChipSlot, import_rows, open_ledger
from tests.support.power import CuttingSlot, PowerCut

from sscard_ic.issuance.bank import desk
from sscard_ic.issuance.bank.steps import BankSteps
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.ledger import CardState, Ledger, Phase, SerialState, Step
from sscard_ic.profile import CardProfile
from sscard_ic.simulator import Chip, blank, open_image

_STEPS = (Step.BANK, Step.FINISH, Step.VERIFY)
_CHANGING = ("/sequence", "/tries", "/atc")
"""Ends of paths that another number of channels and transactions changes."""


@dataclass
class Workshop:
    """A card that has its data and waits for its bank applications, as often as it is needed."""

    folder: Path
    profile: CardProfile
    vault: SoftwareVault
    batch: str

    def again(self) -> tuple[Chip, Ledger]:
        """The card and its ledger as they were."""
        image, ledger = self.folder / "copy.img", self.folder / "copy.db"
        shutil.copyfile(self.folder / "card.img", image)
        shutil.copyfile(self.folder / "ledger.db", ledger)
        return open_image(image), open_ledger(ledger, self.vault)

    def run(self, ledger: Ledger, slot: ChipSlot) -> None:
        Station(slot, ledger, self.profile, self.vault).run(self.batch)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, plant_vault: SoftwareVault) -> Workshop:
    folder = tmp_path_factory.mktemp("bank-cut")
    profile = small("personalize")
    chip = blank(profile, FACTORY_SERIAL, path=folder / "card.img")
    with (
        pytest.MonkeyPatch.context() as patch,
        open_ledger(folder / "ledger.db", plant_vault) as ledger,
    ):
        patch.setattr(desk, "CardKeys", lambda pool=None: KEYS)
        batch = import_rows(ledger, profile, folder, 1)
        prepare_batch(ledger, batch, profile, plant_vault)
        made = Workshop(folder, profile, plant_vault, batch)
        patch.setattr(BankSteps, "personalize", _lost)
        made.run(ledger, ChipSlot(chip))
        (card,) = ledger.cards_of(batch)
        assert card.state is CardState.PERSONALIZED
    chip.close()
    return made


def _lost(*_: object) -> str:
    raise PowerCut


@dataclass
class Undisturbed:
    """What a whole run leaves, and its exchanges up to the end of the step."""

    essence: dict[str, object]
    exchanges: int


@pytest.fixture(scope="module")
def undisturbed(workshop: Workshop) -> Undisturbed:
    chip, ledger = workshop.again()
    slot = CuttingSlot(chip)
    with ledger:
        workshop.run(ledger, slot)
    assert slot.good == [chip]
    found = Undisturbed(essence(chip), slot.resets[0])
    chip.close()
    return found


def essence(chip: Chip) -> dict[str, object]:
    """The persistent memory but the counters."""
    state = chip.persistent_state().items()
    return {path: value for path, value in state if not path.endswith(_CHANGING)}


@pytest.mark.parametrize("executed", [False, True], ids=["before", "after"])
def test_a_cut_is_made_good(workshop: Workshop, undisturbed: Undisturbed, executed: bool) -> None:
    assert undisturbed.exchanges > 40
    for cut_at in (*range(0, undisturbed.exchanges, 6), undisturbed.exchanges - 1):
        chip, ledger = workshop.again()
        with ledger:
            cut = CuttingSlot(chip, cut_at, executed)
            workshop.run(ledger, cut)
            assert cut.left == [chip]
            assert_made_good(workshop, ledger, chip, undisturbed, f"cut at exchange {cut_at}")
        chip.close()


def test_cuts_in_a_row_are_made_good(workshop: Workshop, undisturbed: Undisturbed) -> None:
    chip, ledger = workshop.again()
    with ledger:
        for cut_at in range(0, undisturbed.exchanges, 9):
            workshop.run(ledger, CuttingSlot(chip, cut_at, executed=cut_at % 2 == 0))
        assert_made_good(workshop, ledger, chip, undisturbed, "cuts in a row")
    chip.close()


def assert_made_good(
    workshop: Workshop, ledger: Ledger, chip: Chip, undisturbed: Undisturbed, case: str
) -> None:
    """Run on: the same memory, every step ended once, the number used."""
    slot = ChipSlot(chip)
    workshop.run(ledger, slot)
    assert slot.good == [chip], case
    assert essence(chip) == undisturbed.essence, case
    (card,) = ledger.cards_of(workshop.batch)
    entries = ledger.journal_of(card.id)
    for step in _STEPS:
        phases = [entry.phase for entry in entries if entry.step is step]
        assert phases.count(Phase.END) == 1
        assert (phases[0], phases[-1]) == (Phase.BEGIN, Phase.END)
    assert ledger.serial_counts(workshop.batch) == {SerialState.USED: 1}


@pytest.fixture(autouse=True)
def tidy(workshop: Workshop) -> Iterator[None]:
    """Copies of a ledger leave nothing for the next one."""
    yield
    for path in workshop.folder.glob("copy.*"):
        path.unlink()
