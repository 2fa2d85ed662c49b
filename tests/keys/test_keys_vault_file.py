"""Vault files that are missing, foreign, cut, altered or opened with another passphrase."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from tests.keys.key_samples import KEYS, PASSPHRASE

from sscard_ic.base import Secret
from sscard_ic.crypto.published import published_test_key
from sscard_ic.keys import (
    CardKey,
    SoftwareVault,
    UnknownKeyError,
    VaultError,
    create_test_vault,
)
from sscard_ic.keys.vault_file import seal

_FLIPS = 24


def _refused(path: Path, raw: bytes, passphrase: Secret = PASSPHRASE) -> VaultError:
    path.write_bytes(raw)
    with pytest.raises(VaultError) as caught:
        SoftwareVault.open(path, passphrase)
    error = caught.value
    assert error.where == str(path)
    assert error.__cause__ is None
    for text in (error.render("zh"), error.render("en"), repr(error)):
        assert published_test_key("IRK", 1).hex() not in text.lower()
        assert "correct horse" not in text
    return error


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "vault.json"


def test_wrong_passphrase(vault_file: Path, target: Path) -> None:
    for wrong in (b"", b"correct horse ", b"Correct horse"):
        error = _refused(target, vault_file.read_bytes(), Secret(wrong))
        assert "passphrase is wrong" in error.what.en
        assert error.hint is not None


def test_missing_file(target: Path) -> None:
    with pytest.raises(VaultError, match="there is no vault") as caught:
        SoftwareVault.open(target, PASSPHRASE)
    assert caught.value.hint is not None
    assert "sscard keys init --test" in caught.value.hint.en


def test_a_folder_is_not_a_vault(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="cannot be read"):
        SoftwareVault.open(tmp_path, PASSPHRASE)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 100,
        b"{}",
        b"[]",
        b"null",
        b"hello",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
    ids=["empty", "zeros", "object", "list", "null", "text", "bytes", "deep list", "deep object"],
)
def test_not_a_vault(target: Path, raw: bytes) -> None:
    assert "not a vault" in _refused(target, raw).what.en


def test_too_large(target: Path) -> None:
    assert "too large" in _refused(target, bytes(16 * 1024 * 1024 + 1)).what.en


def test_every_truncation(vault_file: Path, target: Path) -> None:
    raw = vault_file.read_bytes()
    assert raw.endswith(b"}\n")
    ends = [*range(300), *range(300, len(raw) - 2, 37), len(raw) - 2]
    for end in ends:
        assert "not a whole one" in _refused(target, raw[:end]).what.en, end
    assert "altered" in _refused(target, raw[:-1]).what.en


def test_bit_flips_anywhere(vault_file: Path, target: Path) -> None:
    raw = vault_file.read_bytes()
    words = set()
    for n in range(_FLIPS):
        flipped = bytearray(raw)
        flipped[n * (len(raw) - 1) // (_FLIPS - 1)] ^= 1 << n % 8
        words.add(_refused(target, bytes(flipped)).what.en)
    assert words <= {
        "the vault was altered or is damaged",
        "not a vault, or not a whole one",
        "the passphrase is wrong (or the head was altered)",
    }


def _field(raw: bytes, *names: str) -> Any:
    value = json.loads(raw)
    for name in names:
        value = value[name]
    return value


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("kdf", "salt"), "passphrase is wrong"),
        (("check",), "passphrase is wrong"),
        (("nonce",), "altered"),
        (("body",), "altered"),
    ],
)
def test_one_wrong_hex_digit(
    vault_file: Path, target: Path, names: tuple[str, ...], expected: str
) -> None:
    raw = vault_file.read_bytes()
    text: str = _field(raw, *names)
    wrong = text[:-1] + ("0" if text[-1] != "0" else "1")
    assert expected in _refused(target, raw.replace(text.encode(), wrong.encode())).what.en


def test_another_spelling_of_the_same_values(vault_file: Path, target: Path) -> None:
    raw = vault_file.read_bytes()
    body: str = _field(raw, "body")
    for other in (
        raw.replace(body.encode(), body.upper().encode()),
        raw.replace(b"\n", b"\r\n"),
        json.dumps(json.loads(raw)).encode(),
    ):
        assert "altered" in _refused(target, other).what.en


@pytest.mark.parametrize("field", ["n", "r", "p"])
def test_a_file_cannot_ask_for_other_work(vault_file: Path, target: Path, field: str) -> None:
    envelope = json.loads(vault_file.read_bytes())
    envelope["kdf"][field] *= 1024
    assert "not a vault" in _refused(target, json.dumps(envelope, indent=1).encode()).what.en


def test_parts_of_two_vaults_do_not_fit(vault_file: Path, target: Path) -> None:
    create_test_vault(target, PASSPHRASE, KEYS)
    mine, other = vault_file.read_bytes(), target.read_bytes()
    for name, expected in [("body", "altered"), ("nonce", "altered"), ("check", "passphrase")]:
        swapped = mine.replace(_field(mine, name).encode(), _field(other, name).encode())
        assert expected in _refused(target, swapped).what.en


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


_GOOD_KEY = {
    "name": "IRK",
    "version": 1,
    "level": "N1",
    "use": "internal",
    "algorithm": "3des",
    "created": "2026-11-21T00:00:00Z",
    "value": "0F" * 16,
}


@pytest.mark.parametrize(
    "changes",
    [
        {"environment": "live"},
        {"storage_key": "00" * 31},
        {"keys": [_GOOD_KEY, _GOOD_KEY]},
        {"keys": [{**_GOOD_KEY, "algorithm": "des"}]},
        {"keys": [{**_GOOD_KEY, "value": "0F" * 24}]},
        {"keys": [{**_GOOD_KEY, "algorithm": "sm4", "value": "0F" * 8}]},
        {"keys": [_GOOD_KEY, {**_GOOD_KEY, "algorithm": "des", "value": "0F" * 8}]},
        {"keys": [{**_GOOD_KEY, "value": "0F0"}]},
        {"keys": [{**_GOOD_KEY, "level": "N3"}]},
        {"more": 1},
    ],
)
def test_content_that_breaks_the_rules(target: Path, changes: dict[str, Any]) -> None:
    good = {"environment": "test", "storage_key": "00" * 32, "keys": [_GOOD_KEY]}
    target.write_bytes(seal(json.dumps(good).encode(), PASSPHRASE))
    assert len(SoftwareVault.open(target, PASSPHRASE).keys()) == 1
    error = _refused(target, seal(json.dumps({**good, **changes}).encode(), PASSPHRASE))
    assert "breaks its own rules" in error.what.en
    assert "0F0F" not in error.render("en")


def test_a_vault_of_the_days_before_sm4_opens(target: Path) -> None:
    """It held one root a name and version, of DES or 3DES by its length."""
    single = {**_GOOD_KEY, "name": "STK", "use": "mac", "algorithm": "des", "value": "0F" * 8}
    body = {"environment": "test", "storage_key": "00" * 32, "keys": [_GOOD_KEY, single]}
    target.write_bytes(seal(json.dumps(body).encode(), PASSPHRASE))
    vault = SoftwareVault.open(target, PASSPHRASE)
    listed = vault.keys()
    assert [(info.name, info.algorithm) for info in listed] == [("IRK", "3des"), ("STK", "des")]
    factor = bytes(8)
    assert len(vault.cryptogram(CardKey("IRK", 1, "210200", factor), factor, factor)) == 8
    with pytest.raises(UnknownKeyError, match="no SM4 key IRK version 1"):
        vault.cryptogram(CardKey("IRK", 1, "650100", factor, "sm4"), factor, factor)


def test_roots_of_both_algorithms_in_one_file(target: Path) -> None:
    sm4 = {**_GOOD_KEY, "algorithm": "sm4", "value": "F0" * 16}
    body = {"environment": "test", "storage_key": "00" * 32, "keys": [sm4, _GOOD_KEY]}
    target.write_bytes(seal(json.dumps(body).encode(), PASSPHRASE))
    vault = SoftwareVault.open(target, PASSPHRASE)
    listed = vault.keys()
    assert [info.algorithm for info in listed] == ["3des", "sm4"]
    assert vault.root_check_value("IRK", 1) != vault.root_check_value("IRK", 1, "sm4")
