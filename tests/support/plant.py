"""A card maker's workshop for tests: published keys, a ledger, prepared rows, virtual cards."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sscard_ic.apdu.ssc import pin_block
from sscard_ic.base import FixedClock, Secret
from sscard_ic.card import CardIdentity, SocialSecurityCard
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.issuance.checks import check_file
from sscard_ic.issuance.importing import import_file
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault, create_test_vault, merge_keys
from sscard_ic.ledger import Ledger
from sscard_ic.profile import CardProfile, load, load_import_formats
from sscard_ic.profile.dialect import Features, Settings
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.connection import always
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, blank

DATA = Path(__file__).resolve().parent.parent / "data"
SAMPLES = {
    "dalian": DATA / "batches" / "dalian-210200-20261121-001.csv",
    "urumqi": DATA / "batches" / "urumqi-650100-20261121-001.csv",
}
CLOCK = FixedClock(datetime(2026, 11, 21, 8, 0, tzinfo=UTC))
PASSPHRASE = Secret(b"test")
INITIAL_PIN = Secret(pin_block("123456"))
NEW_PIN = Secret(pin_block("258036"))
FACTORY_SERIAL = bytes.fromhex("0000000000A1")


def make_vault(folder: Path) -> SoftwareVault:
    """A test vault with every key of both versions."""
    declared = merge_keys(load(name).keys for name in ("2.00", "3.00"))
    return create_test_vault(folder / "vault.json", PASSPHRASE, declared)


def open_ledger(path: Path, vault: SoftwareVault) -> Ledger:
    """The ledger at ``path``, at a fixed time."""
    return Ledger.open(path, vault.sealer(), vault, CLOCK)


def authority_of(profile: CardProfile) -> TestAuthority | None:
    """The test CA for cards of ``profile``, at a fixed time; None where they need none."""
    model = profile.structure.certificates
    return None if model is None else TestAuthority(CLOCK, model.contents)


def import_rows(ledger: Ledger, profile: CardProfile, folder: Path, rows: int) -> str:
    """The first ``rows`` rows of the profile's sample, imported; the name of the batch."""
    sample = SAMPLES[profile.name.rsplit("/", 1)[-1]]
    part = folder / sample.name
    part.write_bytes(b"".join(sample.read_bytes().splitlines(keepends=True)[: rows + 1]))
    report = check_file(part, profile, load_import_formats(), photos=DATA / "photos")
    imported = import_file(ledger, report)
    assert imported.batch is not None
    return imported.batch.name


def sample_row(region: str, number: int) -> dict[str, str]:
    """One data row of a sample, by header."""
    text = SAMPLES[region].read_text(encoding="gb18030")
    return list(csv.DictReader(text.splitlines()))[number - 1]


class ChipSlot:
    """A slot with chips in memory, one after the other, each put in once."""

    def __init__(self, *chips: Chip, name: str = "test slot") -> None:
        self._name = name
        self._waiting = list(chips)
        self._current: Chip | None = None
        self.good: list[Chip] = []
        self.rejected: list[Chip] = []
        self.left: list[Chip] = []

    @property
    def name(self) -> str:
        """Name of the station."""
        return self._name

    def put_in(self, *chips: Chip) -> None:
        """More chips, after those that wait."""
        self._waiting += chips

    def wait_card(self, blank_wanted: bool = True, still: Callable[[], bool] = always) -> bool:
        """Take the next chip."""
        self._current = self._waiting.pop(0) if self._waiting else None
        return self._current is not None

    def connect(self) -> Connection:
        """Power it."""
        assert self._current is not None
        return VirtualConnection(self._current)

    def close(self) -> None:
        """Nothing is held."""

    def release(self, good: bool | None) -> None:
        """Sort it."""
        assert self._current is not None
        self._current.power_off()
        if good is None:
            self.left.append(self._current)
        else:
            (self.good if good else self.rejected).append(self._current)


@dataclass(frozen=True)
class Issued:
    """A finished card in memory and who it is."""

    chip: Chip
    profile: CardProfile
    vault: SoftwareVault

    @property
    def identity(self) -> CardIdentity:
        """Division code and historical bytes."""
        assert self.profile.region is not None
        return CardIdentity(self.profile.region.issuer.division_code, self.chip.power_on()[-13:])

    def session(self) -> Connection:
        """A fresh power-up."""
        return open_session(VirtualConnection(self.chip))

    def card(self, *, with_keys: bool = True) -> SocialSecurityCard:
        """The application on a fresh power-up."""
        return SocialSecurityCard(self.session(), self.profile, self.vault if with_keys else None)


def issue(
    folder: Path,
    vault: SoftwareVault,
    region: str | CardProfile,
    *,
    features: Features | None = None,
    settings: Settings | None = None,
    path: Path | None = None,
) -> Issued:
    """One card of a sample, made by a station, in memory or in an image.

    ``region`` may be a changed profile of it.
    """
    profile = load(region) if isinstance(region, str) else region
    if settings is not None:
        profile = with_settings(profile, settings)
    chip = blank(profile, FACTORY_SERIAL, features=features, path=path)
    slot = ChipSlot(chip)
    folder = Path(tempfile.mkdtemp(dir=folder))
    with open_ledger(folder / "ledger.db", vault) as ledger:
        batch = import_rows(ledger, profile, folder, 1)
        prepare_batch(ledger, batch, profile, vault)
        station = Station(slot, ledger, profile, vault, authority=authority_of(profile))
        outcome = station.run(batch)
    assert outcome.good == 1, [error.what.en for _, error in outcome.failures]
    return Issued(chip, profile, vault)


def with_settings(profile: CardProfile, settings: Settings) -> CardProfile:
    """The profile on a COS with other settings."""
    dialect = profile.dialect.model_copy(update={"settings": settings})
    return CardProfile(profile.name, profile.structure, dialect, profile.codes, profile.region)


def copies(template: Path, folder: Path) -> Iterator[Path]:
    """Fresh copies of a closed ledger file, for as many undisturbed beginnings."""
    number = 0
    while True:
        number += 1
        target = folder / f"ledger-{number}.db"
        shutil.copyfile(template, target)
        yield target
        target.unlink(missing_ok=True)
