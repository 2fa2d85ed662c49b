"""A vault for real keys and one for test keys, both empty."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.keys.ceremony.office import CLOCK, Log

from sscard_ic.base import Secret
from sscard_ic.keys import Environment, SoftwareVault

PASSPHRASE = Secret(b"the passphrase of a vault")


def make(name: str, environment: Environment) -> SoftwareVault:
    """An empty vault in memory, by the same code as one in a file."""
    return SoftwareVault(Path(name), environment, (), Secret(secrets.token_bytes(32)), CLOCK)


@pytest.fixture
def vault() -> SoftwareVault:
    """An empty vault for real keys."""
    return make("vault", "production")


@pytest.fixture
def test_vault() -> SoftwareVault:
    """An empty vault for test keys."""
    return make("test vault", "test")


@pytest.fixture
def filed_vault(tmp_path: Path) -> Iterator[SoftwareVault]:
    """An empty vault for real keys, in a file."""
    path = tmp_path / "vault.json"
    vault = SoftwareVault.create(path, PASSPHRASE, environment="production", clock=CLOCK)
    yield vault
    vault.close()


@pytest.fixture
def log() -> Log:
    """An empty audit log."""
    return Log()
