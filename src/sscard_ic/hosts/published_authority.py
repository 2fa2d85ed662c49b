"""The published test CA: a root and an operating CA whose private keys anybody can compute.

Their certificates are files, ``profiles/authorities/test``, because a signature is another one
each time: so they are the same bytes on every machine. ``tools/published_authority.py`` made them.
A certificate of this CA proves nothing about anybody, and production refuses it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from sscard_ic.base.errors import InputError, Text, os_reason
from sscard_ic.base.resources import profiles_dir
from sscard_ic.base.secret import Secret
from sscard_ic.crypto.certificates import (
    Certificate,
    DistinguishedName,
    Signer,
    build_certificate,
)
from sscard_ic.crypto.published import published_test_key
from sscard_ic.crypto.sm2 import KeyPair, provider

FOLDER = "authorities/test"
"""Below ``profiles/``."""
ROOT_FILE, OPERATING_FILE = "root.pem", "operating.pem"

_ORGANISATION = "sscard-ic TEST, published keys, worthless"
_ROOT_NAME = "测试根CA TEST root CA"
_OPERATING_NAME = "测试运营CA TEST CA"
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_LAST = datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)
_ROOT_SERIAL, _OPERATING_SERIAL = (
    0x54455354_00000000_00000000_00000001,
    0x54455354_00000000_00000000_00000002,
)
"""16 bytes, which begin with the letters TEST."""
_USAGE = ("key_cert_sign", "crl_sign")


@dataclass(frozen=True, slots=True)
class PublishedAuthority:
    """One of the two: name and key pair; the private key is no secret."""

    name: DistinguishedName = field(repr=False)
    pair: KeyPair

    @property
    def signer(self) -> Signer:
        """Signs certificates with the published key."""
        private = self.pair.private
        return Signer(self.name, self.pair.public, lambda digest: provider().sign(private, digest))


@lru_cache(maxsize=1)
def published_root() -> PublishedAuthority:
    """The root."""
    return _authority("certificate root CA", _ROOT_NAME)


@lru_cache(maxsize=1)
def published_operating() -> PublishedAuthority:
    """The CA below it, which issues the certificates of cards."""
    return _authority("certificate operating CA", _OPERATING_NAME)


@lru_cache(maxsize=1)
def published_certificates() -> tuple[Certificate, ...]:
    """The certificates of the root and of the operating CA.

    Raises :class:`InputError` when a file of the installation is missing or damaged.
    """
    folder = profiles_dir() / FOLDER
    return tuple(_read(folder / name) for name in (ROOT_FILE, OPERATING_FILE))


def make_certificates() -> dict[str, str]:
    """New certificates of both, PEM by file name: the same but for their signatures."""
    root, operating = published_root(), published_operating()
    return {
        ROOT_FILE: _certified(root, _ROOT_SERIAL),
        OPERATING_FILE: _certified(operating, _OPERATING_SERIAL, path_length=0),
    }


def _certified(subject: PublishedAuthority, serial: int, path_length: int | None = None) -> str:
    """A certificate by the root, PEM."""
    der = build_certificate(
        subject.name,
        subject.pair.public,
        published_root().signer,
        not_before=_FIRST,
        not_after=_LAST,
        key_usage=_USAGE,
        key_usage_critical=True,
        authority=True,
        path_length=path_length,
        serial=serial,
    )
    return Certificate.parse(der).pem()


def _authority(key: str, name: str) -> PublishedAuthority:
    private = Secret(published_test_key(key, 1, 32))
    parts = ("C", "CN"), ("O", _ORGANISATION), ("CN", name)
    return PublishedAuthority(
        DistinguishedName.of(*parts), KeyPair(private, provider().public_of(private))
    )


def _read(file: Path) -> Certificate:
    try:
        data = file.read_bytes()
    except OSError as error:
        reason = os_reason(error)
    else:
        return Certificate.parse(data)
    raise InputError(
        Text(f"无法读取测试CA证书（{reason.zh}）", f"no certificate of the test CA ({reason.en})"),
        where=str(file),
        hint=Text("重新安装本程序", "install the program again"),
    )
