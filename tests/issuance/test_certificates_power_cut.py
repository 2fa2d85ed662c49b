"""The power fails at every exchange of a card's request and certify steps.

Once before the card executes the command, once after it executed with the answer lost; then the
run is continued. The card must hold what its grant says, and whatever else an undisturbed run
leaves (design: power cut). Its verification proves the keys.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.plant import FACTORY_SERIAL, ChipSlot, import_rows, open_ledger
from tests.support.power import CuttingSlot
from tests.support.profiles import only
from tests.support.watched_authority import WatchedAuthority, not_reached

from sscard_ic.hosts.certificate_authority import AuthorityError
from sscard_ic.issuance.outcome import StationOutcome
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.ledger import CardState, Ledger, Phase, SerialState, Step
from sscard_ic.profile import CardProfile, load
from sscard_ic.simulator import Chip, blank, open_image

SHARES = 4
"""Tests that the cuts are dealt out to, so that they run side by side."""

_STEPS = (Step.REQUEST, Step.CERTIFY, Step.FINISH, Step.VERIFY)


@dataclass
class Workshop:
    """A card that has its data and waits for its certificates, as often as it is needed."""

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

    def run(self, ledger: Ledger, slot: ChipSlot, authority: WatchedAuthority) -> StationOutcome:
        station = Station(slot, ledger, self.profile, self.vault, authority=authority)
        return station.run(self.batch)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, plant_vault: SoftwareVault) -> Workshop:
    folder = tmp_path_factory.mktemp("cut")
    profile = only(load("urumqi"), "MF", "SSSE")
    chip = blank(profile, FACTORY_SERIAL, path=folder / "card.img")
    with open_ledger(folder / "ledger.db", plant_vault) as ledger:
        batch = import_rows(ledger, profile, folder, 1)
        prepare_batch(ledger, batch, profile, plant_vault)
        made = Workshop(folder, profile, plant_vault, batch)
        with pytest.raises(AuthorityError):
            made.run(ledger, ChipSlot(chip), WatchedAuthority(errors=[not_reached()]))
        (card,) = ledger.cards_of(batch)
        assert card.state is CardState.PERSONALIZED
    chip.close()
    return made


@dataclass
class Undisturbed:
    """What a whole run leaves, and its exchanges up to the end of certify."""

    essence: dict[str, object]
    files: set[str]
    exchanges: int


@pytest.fixture(scope="module")
def undisturbed(workshop: Workshop) -> Undisturbed:
    chip, ledger = workshop.again()
    slot = CuttingSlot(chip)
    with ledger:
        workshop.run(ledger, slot, WatchedAuthority())
    assert slot.good == [chip]
    # The blank is opened anew after the first reset, which belongs to the step.
    found = Undisturbed(essence(chip), files(chip), slot.resets[0] + 1)
    chip.close()
    return found


def essence(chip: Chip) -> dict[str, object]:
    """The persistent memory but counters and what is random: the certificate application."""
    return {
        path: value
        for path, value in chip.persistent_state().items()
        if not path.startswith("certificate/") and not path.endswith("/tries")
    }


def files(chip: Chip) -> set[str]:
    """What the certificate application keeps."""
    return {path for path in chip.persistent_state() if path.startswith("certificate/")}


def assert_bears(chip: Chip, grant: CertificateGrant) -> None:
    """All tries, the locks and the certificates of the grant."""
    state = {path: str(value) for path, value in chip.persistent_state().items()}
    assert {state[path] for path in files(chip) if path.endswith("/tries")} == {"6"}
    assert state["certificate/pins/admin"] == grant.admin_pin.reveal().hex().upper()
    for place in ("application", "environment"):
        key = state[f"certificate/keys/{place}"]
        assert key == grant.control_key.reveal().hex().upper()
    for fid, der in (("0018", grant.signature_certificate), ("0019", grant.encryption_certificate)):
        # The memory keeps no 00 at the end of a file.
        written = bytes.fromhex(state[f"certificate/files/{fid}"])
        assert written.ljust(len(der), b"\x00") == der


@pytest.mark.parametrize("executed", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("share", range(SHARES))
def test_a_cut_at_any_exchange_is_made_good(
    workshop: Workshop, undisturbed: Undisturbed, share: int, executed: bool
) -> None:
    assert undisturbed.exchanges > 40
    for cut_at in range(share, undisturbed.exchanges, SHARES):
        authority = WatchedAuthority()
        chip, ledger = workshop.again()
        with ledger:
            slot = CuttingSlot(chip, cut_at, executed)
            outcome = workshop.run(ledger, slot, authority)
            assert [entry.row for entry in outcome.interruptions] == [1]
            assert (outcome.good, slot.left) == (0, [chip])
            (card,) = ledger.cards_of(workshop.batch)
            kept = ledger.grant(card.id)
            slot = CuttingSlot(chip)
            workshop.run(ledger, slot, authority)
            assert slot.good == [chip], f"cut at exchange {cut_at}"
            assert essence(chip) == undisturbed.essence, f"cut at exchange {cut_at}"
            assert files(chip) == undisturbed.files, f"cut at exchange {cut_at}"
            stored = ledger.grant(card.id)
            assert stored is not None
            assert kept in (None, stored), "a grant that is there is used"
            assert_bears(chip, CertificateGrant.from_json(stored))
            assert_done(ledger, card.id, workshop.batch)
        chip.close()


@pytest.mark.parametrize("executed", [False, True], ids=["before", "after"])
def test_cuts_in_a_row_are_made_good(
    workshop: Workshop, undisturbed: Undisturbed, executed: bool
) -> None:
    """One card that loses its power again and again, each time some exchanges later."""
    authority = WatchedAuthority()
    chip, ledger = workshop.again()
    with ledger:
        for cut_at in range(0, undisturbed.exchanges, 7):
            workshop.run(ledger, CuttingSlot(chip, cut_at, executed), authority)
        slot = CuttingSlot(chip)
        workshop.run(ledger, slot, authority)
        assert slot.good == [chip]
        (card,) = ledger.cards_of(workshop.batch)
        stored = ledger.grant(card.id)
        assert stored is not None
        assert_bears(chip, CertificateGrant.from_json(stored))
        assert_done(ledger, card.id, workshop.batch)
    chip.close()


def assert_done(ledger: Ledger, card_id: int, batch: str) -> None:
    """Every step was begun and ended; it ended once. The number is used."""
    entries = ledger.journal_of(card_id)
    for step in _STEPS:
        phases = [entry.phase for entry in entries if entry.step is step]
        assert phases.count(Phase.END) == 1
        assert (phases[0], phases[-1]) == (Phase.BEGIN, Phase.END)
    assert ledger.serial_counts(batch) == {SerialState.USED: 1}


@pytest.fixture(autouse=True)
def tidy(workshop: Workshop) -> Iterator[None]:
    """Copies of a ledger leave nothing for the next one."""
    yield
    for path in workshop.folder.glob("copy.*"):
        path.unlink()
