"""One vault for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.keys.key_samples import KEYS, PASSPHRASE

from sscard_ic.keys import SoftwareVault, create_test_vault


@pytest.fixture(scope="session")
def vault_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test vault on disk; nobody changes it."""
    path = tmp_path_factory.mktemp("vault") / "vault.json"
    create_test_vault(path, PASSPHRASE, KEYS)
    return path


@pytest.fixture(scope="session")
def vault(vault_file: Path) -> SoftwareVault:
    """The same vault, opened."""
    return SoftwareVault.open(vault_file, PASSPHRASE)
