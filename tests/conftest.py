"""What tests of several packages share."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.plant import Issued, issue, make_vault

from sscard_ic.keys import SoftwareVault


@pytest.fixture(scope="session")
def plant_vault(tmp_path_factory: pytest.TempPathFactory) -> SoftwareVault:
    """A test vault, opened."""
    return make_vault(tmp_path_factory.mktemp("vault"))


@pytest.fixture
def dalian_card(tmp_path: Path, plant_vault: SoftwareVault) -> Issued:
    """An issued card of version 2.00."""
    return issue(tmp_path, plant_vault, "dalian")


@pytest.fixture
def urumqi_card(tmp_path: Path, plant_vault: SoftwareVault) -> Issued:
    """An issued card of version 3.00."""
    return issue(tmp_path, plant_vault, "urumqi")
