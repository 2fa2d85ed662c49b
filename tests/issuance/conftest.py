from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sscard_ic.base import FixedClock, Secret
from sscard_ic.base.resources import samples_dir
from sscard_ic.keys import SoftwareVault, create_test_vault, merge_keys
from sscard_ic.ledger import Ledger
from sscard_ic.profile import CardProfile, ImportFormat, load, load_import_formats

WriteBatch = Callable[..., Path]


@pytest.fixture(scope="session")
def formats() -> Mapping[str, ImportFormat]:
    return load_import_formats()


@pytest.fixture(scope="session")
def dalian() -> CardProfile:
    return load("dalian")


@pytest.fixture(scope="session")
def urumqi() -> CardProfile:
    return load("urumqi")


@pytest.fixture(scope="session")
def batches() -> Path:
    return samples_dir() / "batches"


@pytest.fixture(scope="session")
def photos() -> Path:
    return samples_dir() / "photos"


@pytest.fixture(scope="session")
def vault(
    tmp_path_factory: pytest.TempPathFactory, dalian: CardProfile, urumqi: CardProfile
) -> SoftwareVault:
    path = tmp_path_factory.mktemp("vault") / "vault.json"
    keys = merge_keys([dalian.keys, urumqi.keys])
    return create_test_vault(path, Secret(b"passphrase"), keys)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 21, 8, 0, tzinfo=UTC))


@pytest.fixture
def ledger(tmp_path: Path, vault: SoftwareVault, clock: FixedClock) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db", vault.sealer(), vault, clock) as opened:
        yield opened


@pytest.fixture
def sample_rows(batches: Path) -> list[dict[str, str]]:
    """The rows of the Dalian batch; 1 is an adult, 13 has one year, 16 has twelve."""
    path = batches / "dalian-210200-20261121-001.csv"
    with path.open(encoding="gb18030", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def write_batch(tmp_path: Path) -> WriteBatch:
    """Writes rows as a holder file."""

    def write(rows: list[dict[str, str]], name: str = "batch-20261121-001.csv") -> Path:
        path = tmp_path / name
        with path.open("w", encoding="gb18030", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write
