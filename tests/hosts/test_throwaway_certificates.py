"""Certificates for trying things out: complete or not at all, never written over."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from sscard_ic.base import InputError
from sscard_ic.hosts.throwaway import DAYS, throwaway_files

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def _certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_what_is_made(tmp_path: Path) -> None:
    files = throwaway_files(tmp_path / "new" / "certs", NOW)
    names = sorted(path.name for path in files.folder.iterdir())
    assert names == ["ca.pem", "client.key", "client.pem", "server.key", "server.pem"]
    for path in files.all:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    authority = _certificate(files.ca)
    assert "TEST" in authority.subject.rfc4514_string()
    for path, use in (
        (files.server.certificate, ExtendedKeyUsageOID.SERVER_AUTH),
        (files.client_certificate, ExtendedKeyUsageOID.CLIENT_AUTH),
    ):
        found = _certificate(path)
        found.verify_directly_issued_by(authority)
        assert "TEST" in found.subject.rfc4514_string()
        assert list(found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [use]
        assert found.not_valid_after_utc == NOW + timedelta(days=DAYS)
    server = _certificate(files.server.certificate)
    hosts = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert hosts.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(ip) for ip in hosts.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_the_key_of_the_authority_is_nowhere(tmp_path: Path) -> None:
    files = throwaway_files(tmp_path, NOW)
    keys = [path for path in tmp_path.iterdir() if b"PRIVATE KEY" in path.read_bytes()]
    assert sorted(keys) == sorted([files.client_key, files.server.private_key])


def test_they_are_used_again(tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in throwaway_files(tmp_path, NOW).all}
    after = {path: path.read_bytes() for path in throwaway_files(tmp_path, NOW).all}
    assert before == after


@pytest.mark.parametrize("lost", ["ca.pem", "client.key"])
def test_some_of_them(tmp_path: Path, lost: str) -> None:
    throwaway_files(tmp_path, NOW)
    (tmp_path / lost).unlink()
    left = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match="not complete, or out of date") as caught:
        throwaway_files(tmp_path, NOW)
    assert caught.value.where == str(tmp_path)
    assert sorted(tmp_path.iterdir()) == left


def test_old_ones(tmp_path: Path) -> None:
    throwaway_files(tmp_path, NOW)
    with pytest.raises(InputError, match="out of date"):
        throwaway_files(tmp_path, NOW + timedelta(days=DAYS))


def test_files_that_are_no_certificates(tmp_path: Path) -> None:
    throwaway_files(tmp_path, NOW)
    (tmp_path / "server.pem").write_bytes(b"mine")
    with pytest.raises(InputError):
        throwaway_files(tmp_path, NOW)
    assert (tmp_path / "server.pem").read_bytes() == b"mine"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be written"):
        throwaway_files(tmp_path / "file" / "certs", NOW)
