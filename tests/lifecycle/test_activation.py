"""Activation at the counter."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.plant import (
    INITIAL_PIN,
    NEW_PIN,
    ChipSlot,
    Issued,
    import_rows,
    open_ledger,
)

from sscard_ic.apdu.ssc import pin_block
from sscard_ic.base import InputError, Secret, SscardError
from sscard_ic.card import SocialSecurityCard, WrongPin
from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.ledger import CardState, Phase, Step
from sscard_ic.lifecycle import activate, check_new_pin
from sscard_ic.profile import load
from sscard_ic.profile.region import PinPolicy
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import blank


def test_the_holders_pin_replaces_the_initial_one(urumqi_card: Issued) -> None:
    done = activate(urumqi_card.session(), urumqi_card.profile, INITIAL_PIN, NEW_PIN)
    assert not done.recorded
    card = urumqi_card.card(with_keys=False)
    card.verify_pin(NEW_PIN)
    with pytest.raises(WrongPin):
        card.verify_pin(INITIAL_PIN)


def test_the_ledger_takes_the_card_from_sealed_to_normal(
    tmp_path: Path, plant_vault: SoftwareVault
) -> None:
    profile = load("dalian")
    chip = blank(profile, bytes.fromhex("0000000000C1"))
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        batch = import_rows(ledger, profile, tmp_path, 1)
        station = Station(ChipSlot(chip), ledger, profile, plant_vault)
        run_batch([station], ledger, batch, profile, plant_vault)
        session = open_session(VirtualConnection(chip))
        assert activate(session, profile, INITIAL_PIN, NEW_PIN, ledger).recorded
        (card,) = ledger.cards_of(batch)
        assert card.state is CardState.ACTIVATED
        entries = [e for e in ledger.journal_of(card.id) if e.step is Step.ACTIVATE]
        assert [entry.phase for entry in entries] == [Phase.BEGIN, Phase.END]
        again = open_session(VirtualConnection(chip))
        with pytest.raises(SscardError, match="cannot be activated"):
            activate(again, profile, NEW_PIN, INITIAL_PIN, ledger)


def test_a_wrong_pin_is_told_with_the_tries_left(dalian_card: Issued) -> None:
    wrong = Secret(pin_block("654321"))
    with pytest.raises(WrongPin) as caught:
        activate(dalian_card.session(), dalian_card.profile, wrong, NEW_PIN)
    assert caught.value.tries_left == 2
    assert "2 tries left" in str(caught.value)
    # One try only: the card stays as it was and the right PIN still serves.
    activate(dalian_card.session(), dalian_card.profile, INITIAL_PIN, NEW_PIN)


@pytest.mark.parametrize("pin", ["12345", "1234567", "123456", "000000", "888888"])
def test_pins_that_are_not_set(pin: str) -> None:
    with pytest.raises(InputError) as caught:
        check_new_pin(Secret(pin_block(pin)), PinPolicy())
    assert pin not in str(caught.value)


def test_a_refused_new_pin_leaves_the_card_untouched(dalian_card: Issued) -> None:
    before = dalian_card.chip.persistent_state()
    with pytest.raises(InputError):
        activate(dalian_card.session(), dalian_card.profile, INITIAL_PIN, INITIAL_PIN)
    assert dalian_card.chip.persistent_state() == before


def test_an_activation_that_was_cut_off_is_recorded_without_spending_a_try(
    tmp_path: Path, plant_vault: SoftwareVault
) -> None:
    profile = load("dalian")
    chip = blank(profile, bytes.fromhex("0000000000C1"))
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        batch = import_rows(ledger, profile, tmp_path, 1)
        station = Station(ChipSlot(chip), ledger, profile, plant_vault)
        run_batch([station], ledger, batch, profile, plant_vault)
        (card,) = ledger.cards_of(batch)
        # The card has the new PIN, the ledger does not know it: the end of the journal is missing.
        ledger.journal(card.id, Step.ACTIVATE, Phase.BEGIN, station="counter")
        SocialSecurityCard(open_session(VirtualConnection(chip)), profile).change_pin(
            INITIAL_PIN, NEW_PIN
        )
        session = open_session(VirtualConnection(chip))
        assert activate(session, profile, INITIAL_PIN, NEW_PIN, ledger).recorded
        assert ledger.cards_of(batch)[0].state is CardState.ACTIVATED
        tries = [v for k, v in chip.persistent_state().items() if k.endswith("010000/tries")]
        assert tries in ([], [3])


def test_the_new_pin_is_another_one(dalian_card: Issued) -> None:
    with pytest.raises(InputError, match="is the old one"):
        activate(dalian_card.session(), dalian_card.profile, NEW_PIN, NEW_PIN)
