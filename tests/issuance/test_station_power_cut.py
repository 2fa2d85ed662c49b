"""The power fails at every exchange of a card's initialise, personalize and finish.

Once before the card executes the command, once after it executed with the answer lost; then the
run is continued, and the card must hold what an undisturbed run leaves (design: power cut).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.plant import (
    FACTORY_SERIAL,
    copies,
    import_rows,
    open_ledger,
)
from tests.support.power import CuttingSlot, PowerCut

from sscard_ic.issuance.outcome import StationOutcome
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.ledger import CardState, Ledger, Phase, Step
from sscard_ic.profile import CardProfile, load
from sscard_ic.simulator import Chip, blank

SHARES = 6
"""Tests that the cuts are dealt out to, so that they run side by side."""


FRESHNESS = 2
"""Exchanges that show a card to be a blank, before a row is claimed for it."""

SOME = 11
"""Every so many exchanges the card also comes back in the same run."""


LEFT_OUT = {
    "directories": ["DF02", "DF05", "DF06", "DF07"],
    "DF01": ["EF06", "EF07", "EF08", "EF09", "EF0A", "EF17", "EF18", "EF19", "EF1A"],
    "DF03": ["EF05", "EF06", "EF07", "EF15", "EF16", "EF17", "EF18"],
}
KEPT_KEYS = {"DF01": ["UK1DF01", "UK6DF01", "UK7DF01"], "DF03": ["UK8DF03"]}
"""Of the keys that update files; each of the others is of the same kind as one that is kept."""


def small_card(folder: Path) -> CardProfile:
    """The card of Dalian with one file of every structure and one key of every use and role.

    Each cut costs two whole cards, so that their length counts twice.
    """
    dalian = load("dalian")
    lines = ['kind = "region"', 'zh = "试验"', 'en = "trial"', 'extends = "regions/dalian"']
    for name in LEFT_OUT["directories"]:
        lines += [f"[directories.{name}]", "absent = true"]
    for directory in ("DF01", "DF03"):
        for file in LEFT_OUT[directory]:
            lines += [f"[directories.{directory}.files.{file}]", "absent = true"]
    lines.append("[keys]")
    for name, key in dalian.keys.items():
        kept = KEPT_KEYS.get(key.directory)
        spare = kept is not None and name.startswith("UK") and name not in kept
        if key.directory in LEFT_OUT["directories"] or spare:
            lines.append(f"{name} = {{ absent = true }}")
    profile_file = folder / "dalian.toml"
    profile_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return replace(load(str(profile_file)), name=dalian.name)


def kinds(card: CardProfile) -> list[set[object]]:
    """What a card has of each kind that is built up or written in its own way."""
    return [
        {place.file.structure for place in card.places},
        {place.item.format for place in card.places},
        {place.update.kind for place in card.places},
        {(place.read.pin, bool(place.read.keys), place.read.logic) for place in card.places},
        {(key.use, key.role, key.groups) for key in card.keys.values()},
    ]


def test_the_small_card_lacks_no_kind_of_step(workshop: Workshop) -> None:
    assert kinds(workshop.profile) == kinds(load("dalian"))


class ReturningSlot(CuttingSlot):
    """A slot into which the card that lost its power is put again."""

    def release(self, good: bool | None) -> None:
        super().release(good)
        if good is None:
            self.put_in(self.left[-1])


class Workshop:
    """One prepared row, as often as it is needed."""

    def __init__(self, folder: Path, vault: SoftwareVault) -> None:
        self.profile = small_card(folder)
        self.vault = vault
        template = folder / "template.db"
        with open_ledger(template, vault) as ledger:
            self.batch = import_rows(ledger, self.profile, folder, 1)
            prepare_batch(ledger, self.batch, self.profile, vault)
        self._copies = copies(template, folder)

    def ledger(self) -> Ledger:
        return open_ledger(next(self._copies), self.vault)

    def chip(self) -> Chip:
        return blank(self.profile, FACTORY_SERIAL)

    def run(self, ledger: Ledger, slot: CuttingSlot) -> StationOutcome:
        return Station(slot, ledger, self.profile, self.vault).run(self.batch)


@pytest.fixture(scope="module")
def workshop(
    tmp_path_factory: pytest.TempPathFactory, plant_vault: SoftwareVault
) -> Iterator[Workshop]:
    yield Workshop(tmp_path_factory.mktemp("cut"), plant_vault)


@pytest.fixture(scope="module")
def undisturbed(workshop: Workshop) -> tuple[dict[str, object], int]:
    """What a whole run leaves on the card, and the exchanges up to the end of finish."""
    chip = workshop.chip()
    slot = CuttingSlot(chip)
    with workshop.ledger() as ledger:
        workshop.run(ledger, slot)
    assert slot.good == [chip]
    return essence(chip), slot.finished_at


def essence(chip: Chip) -> dict[str, object]:
    """The persistent memory, counters apart."""
    return {
        path: state
        for path, state in chip.persistent_state().items()
        if not path.endswith("/tries")
    }


@pytest.mark.parametrize("executed", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("share", range(SHARES))
def test_a_cut_at_any_exchange_is_made_good(
    workshop: Workshop, undisturbed: tuple[dict[str, object], int], share: int, executed: bool
) -> None:
    expected, exchanges = undisturbed
    assert exchanges > 150
    for cut_at in range(share, exchanges, SHARES):
        chip = workshop.chip()
        with workshop.ledger() as ledger:
            slot = CuttingSlot(chip, cut_at, executed)
            assert_left_in_work(workshop.run(ledger, slot), slot)
            slot = CuttingSlot(chip)
            workshop.run(ledger, slot)
            assert slot.good == [chip], f"cut at exchange {cut_at}"
            assert essence(chip) == expected, f"cut at exchange {cut_at}"
            (card,) = ledger.cards_of(workshop.batch)
            assert card.state is CardState.VERIFIED
            assert_journal_complete(ledger, card.id)


@pytest.mark.parametrize("executed", [False, True], ids=["before", "after"])
def test_a_card_that_comes_back_is_finished_in_the_same_run(
    workshop: Workshop, undisturbed: tuple[dict[str, object], int], executed: bool
) -> None:
    expected, exchanges = undisturbed
    for cut_at in range(0, exchanges, SOME):
        chip = workshop.chip()
        slot = ReturningSlot(chip, cut_at, executed)
        with workshop.ledger() as ledger:
            outcome = workshop.run(ledger, slot)
            (interruption,) = outcome.interruptions
            assert interruption.row == (1 if cut_at >= FRESHNESS else None)
            assert outcome.clean, f"cut at exchange {cut_at}"
            assert outcome.good == 1
            assert (slot.left, slot.good) == ([chip], [chip])
            assert essence(chip) == expected, f"cut at exchange {cut_at}"
            (card,) = ledger.cards_of(workshop.batch)
            assert_journal_complete(ledger, card.id)


def assert_left_in_work(outcome: StationOutcome, slot: CuttingSlot) -> None:
    """The cut is told, with its row once the card has one, and judges nothing."""
    (interruption,) = outcome.interruptions
    assert isinstance(interruption.error, PowerCut)
    assert slot.cut_at is not None
    assert interruption.row == (1 if slot.cut_at >= FRESHNESS else None)
    assert (outcome.good, outcome.failures, outcome.rejected) == (0, [], [])
    assert len(slot.left) == 1


def assert_journal_complete(ledger: Ledger, card_id: int) -> None:
    """Every step was begun and ended; it ended once."""
    entries = ledger.journal_of(card_id)
    for step in (Step.INITIALISE, Step.PERSONALIZE, Step.FINISH, Step.VERIFY):
        phases = [entry.phase for entry in entries if entry.step is step]
        assert phases.count(Phase.END) == 1
        assert phases[0] is Phase.BEGIN
        assert phases[-1] is Phase.END
