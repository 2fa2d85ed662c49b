"""What issuing writes down in the audit log, and what it asks of the key service beforehand."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.support.plant import (
    DATA,
    PASSPHRASE,
    SAMPLES,
    ChipSlot,
    import_rows,
    open_ledger,
)

from sscard_ic.base import InputError, Text
from sscard_ic.base.authority import AuditEvent
from sscard_ic.base.sealing import Sealer
from sscard_ic.issuance.checks import check_file
from sscard_ic.issuance.importing import import_file
from sscard_ic.issuance.issuing_keys import issuing_keys
from sscard_ic.issuance.outcome import Outcome
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.issuance.resuming import take_up_again
from sscard_ic.issuance.returns import write_return_file
from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import KeyInfo, MissingCapabilityError, SoftwareVault
from sscard_ic.keys.inventory import Environment
from sscard_ic.ledger import Card, CardState, Ledger, Reason, Step
from sscard_ic.profile import CardProfile, load, load_import_formats
from sscard_ic.simulator import blank

ZHANG = ("zhang",)


class ExpectingVault(SoftwareVault):
    """A vault that is told which cards come next."""

    expected: list[tuple[str, tuple[bytes, ...]]]

    def expect_cards(self, division_code: str, factors: Sequence[bytes]) -> None:
        self.expected.append((division_code, tuple(factors)))


class Shop:
    """A ledger, a vault, and the deeds of one person."""

    def __init__(self, folder: Path, ledger: Ledger, vault: SoftwareVault) -> None:
        self.profile: CardProfile = load("dalian")
        self.folder = folder
        self.ledger = ledger
        self.vault = vault
        self.batch = ""

    def order(self, rows: int) -> None:
        self.batch = import_rows(self.ledger, self.profile, self.folder, rows)

    def station(self, *numbers: int) -> Station:
        chips = [blank(self.profile, number.to_bytes(6, "big")) for number in numbers]
        return Station(ChipSlot(*chips), self.ledger, self.profile, self.vault)

    def run(self, *stations: Station, limit: int | None = None) -> Outcome:
        return run_batch(
            stations,
            self.ledger,
            self.batch,
            self.profile,
            self.vault,
            limit=limit,
            actors=ZHANG,
        )

    def deeds(self) -> list[AuditEvent]:
        return [entry.event for entry in self.ledger.audit.entries()]

    def actions(self) -> list[str]:
        return [deed.action for deed in self.deeds()]

    def factors(self, *states: CardState) -> tuple[bytes, ...]:
        cards = self.ledger.cards_of(self.batch, states)
        return tuple(card.historical[-8:] for card in cards if card.historical is not None)


@pytest.fixture
def shop(tmp_path: Path, plant_vault: SoftwareVault) -> Iterator[Shop]:
    vault = ExpectingVault.open(plant_vault.path, PASSPHRASE)
    vault.expected = []
    with open_ledger(tmp_path / "ledger.db", vault) as ledger:
        yield Shop(tmp_path, ledger, vault)


# -- the audit log -----------------------------------------------------------------------------


def test_a_batch_from_its_file_to_its_return_file(shop: Shop) -> None:
    file = shop.folder / SAMPLES["dalian"].name
    file.write_bytes(b"".join(SAMPLES["dalian"].read_bytes().splitlines(keepends=True)[:4]))
    report = check_file(file, shop.profile, load_import_formats(), photos=DATA / "photos")
    for _ in range(2):  # the second time it is there already, and nothing is done
        imported = import_file(shop.ledger, report, ZHANG)
    assert imported.batch is not None
    shop.batch = imported.batch.name
    for _ in range(2):
        prepare_batch(shop.ledger, shop.batch, shop.profile, shop.vault, actors=ZHANG)
    shop.run(shop.station(1, 2, 3))
    returned = write_return_file(
        shop.ledger, shop.batch, shop.profile, shop.folder / "out", actors=ZHANG
    )
    done = shop.deeds()
    assert {(deed.subject, deed.actors, deed.outcome) for deed in done} == {
        (shop.batch, ZHANG, "done")
    }
    told = {deed.action: dict(deed.detail) for deed in done}
    assert list(told) == ["batch.import", "batch.prepare", "batch.run", "batch.return"]
    assert len(done) == 4
    digest = told["batch.return"].pop("sha256")
    assert told == {
        "batch.import": {
            "file": file.name,
            "profile": "regions/dalian",
            "refused": "0",
            "rows": "3",
            "sha256": report.file.sha256,
        },
        "batch.prepare": {"failed": "0", "prepared": "3"},
        "batch.run": {
            "bad": "0",
            "good": "3",
            "interrupted": "0",
            "rejected": "0",
            "stations": "1",
            "unprepared": "0",
        },
        "batch.return": {"bad": "0", "file": returned.path.name, "good": "3", "unfinished": "0"},
    }
    assert len(digest) == 64
    assert shop.ledger.audit.verify().broken is None


def test_nobody_is_named_where_nobody_signed_in(shop: Shop) -> None:
    shop.order(1)
    prepare_batch(shop.ledger, shop.batch, shop.profile, shop.vault)
    assert [deed.actors for deed in shop.deeds()] == [("-",), ("-",)]


def test_nothing_of_the_holders_gets_into_the_log(shop: Shop) -> None:
    shop.order(3)
    shop.run(shop.station(1, 2, 3))
    write_return_file(shop.ledger, shop.batch, shop.profile, shop.folder, actors=ZHANG)
    log = json.dumps(
        [(d.action, d.subject, dict(d.detail)) for d in shop.deeds()], ensure_ascii=False
    )
    rows = list(csv.DictReader(SAMPLES["dalian"].read_text("gb18030").splitlines()))[:3]
    # The division code of the city is in the name of every batch.
    personal = {value for row in rows for value in row.values() if len(value) > 2} - {"210200"}
    assert len(personal) > 10
    assert not [value for value in personal if value in log]


def test_an_import_that_cannot_be_recorded_does_not_happen(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise InputError(Text("写不进", "cannot be written"))

    monkeypatch.setattr(shop.ledger.audit, "append", refuse)
    with pytest.raises(InputError, match="cannot be written"):
        shop.order(1)
    assert shop.ledger.batches() == ()


def test_a_run_that_is_taken_up_again(shop: Shop) -> None:
    shop.order(2)
    prepare_batch(shop.ledger, shop.batch, shop.profile, shop.vault)
    first = shop.station(1)
    # The program ended after it had claimed a row for the chip.
    shop.ledger.claim_next(shop.batch, "test slot", (1).to_bytes(6, "big"))
    shop.run(first, limit=1)
    resumed = next(deed for deed in shop.deeds() if deed.action == "batch.resume")
    assert (resumed.detail, resumed.actors) == ({"in_work": "1"}, ZHANG)
    shop.run(shop.station(2))
    assert shop.actions()[2:] == ["batch.resume", "batch.run", "batch.run"]


def test_a_run_that_breaks_off_is_recorded_with_what_it_had_done(shop: Shop) -> None:
    shop.order(2)

    def fall_over(card: Card) -> None:
        raise RuntimeError("a bug")

    chips = [blank(shop.profile, number.to_bytes(6, "big")) for number in (1, 2)]
    station = Station(ChipSlot(*chips), shop.ledger, shop.profile, shop.vault, on_card=fall_over)
    with pytest.raises(RuntimeError, match="a bug"):
        shop.run(station)
    last = shop.deeds()[-1]
    assert (last.action, last.outcome) == ("batch.run", "failed")
    assert (last.detail["good"], last.detail["error"]) == ("1", "RuntimeError")


def test_a_return_file_that_cannot_be_written(shop: Shop) -> None:
    shop.order(1)
    (shop.folder / "file").touch()
    with pytest.raises(InputError):
        write_return_file(
            shop.ledger,
            shop.batch,
            shop.profile,
            shop.folder / "file" / "out",
            partial=True,
            actors=ZHANG,
        )
    last = shop.deeds()[-1]
    assert (last.action, last.outcome) == ("batch.return", "failed")


# -- rows that are taken up again --------------------------------------------------------------


def test_lost_cards_and_failed_rows(shop: Shop) -> None:
    shop.order(3)
    prepare_batch(shop.ledger, shop.batch, shop.profile, shop.vault)
    for chip in (1, 2):
        shop.ledger.claim_next(shop.batch, "test slot", chip.to_bytes(6, "big"))
    failed = shop.ledger.cards_of(shop.batch)[2]
    reason = Reason("", "card failed", Text("坏", "bad"))
    shop.ledger.fail(failed.id, reason, station="test slot", step=Step.INITIALISE)
    take_up_again(shop.ledger, shop.batch, failed=True, lost=(2, 1, 2), actors=ZHANG)
    assert shop.ledger.counts(shop.batch) == {CardState.ACCEPTED: 3}
    last = shop.deeds()[-1]
    assert (last.action, last.actors) == ("batch.resume", ZHANG)
    assert last.detail == {"failed_again": "1", "lost_rows": "1 2"}


def test_a_row_that_has_no_card_in_work_changes_nothing(shop: Shop) -> None:
    shop.order(2)
    prepare_batch(shop.ledger, shop.batch, shop.profile, shop.vault)
    shop.ledger.claim_next(shop.batch, "test slot", bytes(6))
    before = shop.deeds()
    with pytest.raises(InputError, match="row 2 has no card in work"):
        take_up_again(shop.ledger, shop.batch, failed=True, lost=(1, 2))
    assert shop.ledger.cards_of(shop.batch)[0].state is CardState.STARTED
    take_up_again(shop.ledger, shop.batch, failed=True)
    assert shop.deeds() == before, "nothing was there to be taken up"


# -- what the key service is told and asked ----------------------------------------------------


def test_the_key_service_hears_which_cards_come_next(shop: Shop) -> None:
    shop.order(3)
    vault = shop.vault
    assert isinstance(vault, ExpectingVault)
    prepare_batch(shop.ledger, shop.batch, shop.profile, vault)
    assert vault.expected == [("210200", shop.factors())]
    assert len(set(shop.factors())) == 3
    # A card of the middle row is in work: it comes first.
    shop.ledger.claim_next(shop.batch, "test slot", bytes(6))
    begun = shop.factors(CardState.STARTED)
    waiting = shop.factors(CardState.PREPARED)
    vault.expected.clear()
    shop.run(shop.station(7), limit=1)
    assert vault.expected[0] == ("210200", begun + waiting)


class OnlyNames:
    """A key service that computes nothing."""

    environment: Environment = "test"
    place = "nowhere"

    def keys(self) -> Sequence[KeyInfo]:
        return ()

    def sealer(self) -> Sealer:
        raise MissingCapabilityError(Text("不能", "cannot seal"))

    def digest(self, text: str, context: str) -> str:
        return ""

    def close(self) -> None: ...


def test_a_service_that_cannot_issue_is_refused_beforehand(plant_vault: SoftwareVault) -> None:
    assert issuing_keys(plant_vault) is plant_vault
    with pytest.raises(MissingCapabilityError, match="cannot authenticate"):
        issuing_keys(OnlyNames())

    class NoLoader(OnlyNames):
        cryptogram = SoftwareVault.cryptogram
        transport_code = SoftwareVault.transport_code
        blank_cryptogram = SoftwareVault.blank_cryptogram
        mac = SoftwareVault.mac

    with pytest.raises(MissingCapabilityError, match="cannot build key-loading commands"):
        issuing_keys(NoLoader())

    class NoSealer(NoLoader):
        load_key = SoftwareVault.load_key
        load_pin = SoftwareVault.load_pin

    with pytest.raises(MissingCapabilityError, match="cannot seal"):
        issuing_keys(NoSealer())
