from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sscard_ic.base import FixedClock, Secret
from sscard_ic.keys.sealer import Digester, StorageSealer
from sscard_ic.ledger import Ledger

STORAGE_KEY = Secret(b"storage key of the ledger tests!")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture(scope="session")
def new_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger without anything in it, to be copied: making one takes the longest."""
    path = tmp_path_factory.mktemp("ledger") / "new.db"
    Ledger.open(path).close()
    return path


@pytest.fixture
def ledger(path: Path, new_ledger: Path) -> Iterator[Ledger]:
    shutil.copyfile(new_ledger, path)
    clock = FixedClock(datetime(2026, 11, 21, 8, 0, tzinfo=UTC))
    with Ledger.open(path, StorageSealer(STORAGE_KEY), Digester(STORAGE_KEY), clock) as opened:
        yield opened
