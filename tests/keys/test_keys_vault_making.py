"""A vault file that is made: whole, private, and never over another one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from tests.keys.key_samples import KEYS, PASSPHRASE

from sscard_ic.base import Secret
from sscard_ic.keys import SoftwareVault, VaultError, create_test_vault


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "vault.json"


def test_an_existing_file_is_not_overwritten(target: Path) -> None:
    target.write_bytes(b"precious")
    with pytest.raises(VaultError, match="not overwritten"):
        create_test_vault(target, PASSPHRASE, KEYS)
    assert target.read_bytes() == b"precious"
    assert list(target.parent.iterdir()) == [target]


def test_made_whole_private_and_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "new" / "home" / "vault.json"
    create_test_vault(path, PASSPHRASE, KEYS)
    assert list(path.parent.iterdir()) == [path]
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_an_empty_production_vault(target: Path) -> None:
    SoftwareVault.create(target, PASSPHRASE, environment="production").close()
    vault = SoftwareVault.open(target, PASSPHRASE)
    assert (vault.environment, vault.keys()) == ("production", [])
    assert vault.sealer().unseal(vault.sealer().seal(b"x", "c"), "c") == b"x"


def test_a_failed_write_leaves_nothing(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VaultError, match="No space left on device"):
        create_test_vault(target, PASSPHRASE, KEYS)
    assert not list(target.parent.iterdir())


def test_a_folder_that_cannot_be_made(target: Path) -> None:
    target.write_bytes(b"a file")
    with pytest.raises(VaultError, match="cannot be read or written"):
        create_test_vault(target / "vault.json", PASSPHRASE, KEYS)


def test_the_passphrase_of_production_keys_is_long(target: Path) -> None:
    short, least = (Secret(("密码" * 6)[:length].encode()) for length in (11, 12))
    words = "production vault has fewer than 12 characters"
    with pytest.raises(VaultError, match=words) as caught:
        SoftwareVault.create(target, short, environment="production")
    assert caught.value.hint is not None
    assert not target.exists()
    vault = SoftwareVault.create(target, least, environment="production")
    raw = target.read_bytes()
    with pytest.raises(VaultError, match=words):
        vault.change_passphrase(least, short)
    assert target.read_bytes() == raw
    vault.change_passphrase(least, PASSPHRASE)
    SoftwareVault.open(target, PASSPHRASE).close()


def test_the_passphrase_of_test_keys_is_any(target: Path) -> None:
    vault = SoftwareVault.create(target, Secret(b"x"), environment="test")
    vault.change_passphrase(Secret(b"x"), Secret(b"y"))
    SoftwareVault.open(target, Secret(b"y")).close()
