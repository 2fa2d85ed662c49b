"""What tests of several packages share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.plant import Issued, issue, make_vault

from sscard_ic.keys import SoftwareVault


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Send all tests of real readers to one process: only one pcscd can run on a machine."""
    from xdist.scheduler import LoadScopeScheduling

    if config.getvalue("dist") != "load":
        return None
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = lambda test: "pcsc" if test.startswith("tests/pcsc/") else test
    return scheduler


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
