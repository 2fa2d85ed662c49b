"""A run whose key service lacks keys of the cards ends before a card is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.plant import FACTORY_SERIAL, ChipSlot, authority_of, import_rows, open_ledger
from tests.support.vaults import of_3des_alone

from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault, UnknownKeyError
from sscard_ic.ledger import CardState
from sscard_ic.profile import load
from sscard_ic.simulator import blank


def test_a_vault_of_3des_roots_makes_no_sm4_cards(
    tmp_path: Path, plant_vault: SoftwareVault
) -> None:
    old = of_3des_alone(plant_vault)
    profile = load("urumqi")
    chip = blank(profile, FACTORY_SERIAL)
    before = chip.persistent_state()
    with open_ledger(tmp_path / "ledger.db", old) as ledger:
        batch = import_rows(ledger, profile, tmp_path, 1)
        slot, authority = ChipSlot(chip), authority_of(profile)
        station = Station(slot, ledger, profile, old, authority=authority)
        with pytest.raises(UnknownKeyError, match="there is no SM4 key") as caught:
            run_batch([station], ledger, batch, profile, old, authority=authority)
        assert ledger.counts(batch) == {CardState.ACCEPTED: 1}
    assert "sscard keys list" in str(caught.value.hint)
    assert (slot.good, slot.rejected, slot.left) == ([], [], [])
    assert chip.persistent_state() == before
