"""A station takes a row from blank to verified on every COS, announcements and end included."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.plant import FACTORY_SERIAL, ChipSlot, import_rows, open_ledger
from tests.support.profiles import only

from sscard_ic.card import Blank
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.ledger import CardState
from sscard_ic.profile import load
from sscard_ic.profile.cos import DIALECTS
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import blank


@pytest.mark.parametrize("cos", DIALECTS)
def test_a_row_becomes_a_verified_card(
    tmp_path: Path, plant_vault: SoftwareVault, cos: str
) -> None:
    profile = only(load("dalian", cos), "MF", "SSSE", "DF01", "DF04")
    chip = blank(profile, FACTORY_SERIAL)
    slot = ChipSlot(chip)
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        batch = import_rows(ledger, profile, tmp_path, 1)
        prepare_batch(ledger, batch, profile, plant_vault)
        outcome = Station(slot, ledger, profile, plant_vault).run(batch)
        assert outcome.good == 1, [error.what.en for _, error in outcome.failures]
        (card,) = ledger.cards_of(batch)
        assert card.state is CardState.VERIFIED
    session = open_session(VirtualConnection(chip))
    maker = Blank(session, profile, plant_vault, FACTORY_SERIAL)
    assert not maker.unlock()
    session.reset(cold=True)
    maker.check_ended()


@pytest.mark.parametrize("cos", DIALECTS)
def test_a_blank_of_another_cos_is_no_blank_of_this(
    tmp_path: Path, plant_vault: SoftwareVault, cos: str
) -> None:
    """Whatever it answers to the first command: an error for the operator, and nothing written."""
    other = "t514" if cos != "t514" else "mcos"
    profile = load("dalian", cos)
    chip = blank(load("dalian", other), FACTORY_SERIAL)
    before = chip.persistent_state()
    slot = ChipSlot(chip)
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        batch = import_rows(ledger, profile, tmp_path, 1)
        prepare_batch(ledger, batch, profile, plant_vault)
        outcome = Station(slot, ledger, profile, plant_vault).run(batch)
    assert (outcome.good, len(outcome.rejected)) == (0, 1)
    counters = {p: s for p, s in chip.persistent_state().items() if p.endswith("/tries")}
    assert chip.persistent_state() == before | counters
