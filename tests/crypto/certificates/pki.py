"""A root, an operating authority and cards for tests, and the openssl command beside them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from tests.support.sm2_pem import private_to_pem

from sscard_ic.crypto.certificates import (
    Certificate,
    DistinguishedName,
    Extension,
    Signer,
    build_certificate,
)
from sscard_ic.crypto.sm2 import DEFAULT_USER_ID, KeyPair, provider

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2036, 1, 1, tzinfo=UTC)
AT = datetime(2030, 6, 15, 12, tzinfo=UTC)

CARD_NUMBER = "1.2.156.2316.1.1"
HOLDER_DIGEST = "1.2.156.2316.1.2"

HOLDER = DistinguishedName.of(
    ("C", "CN"), ("ST", "新疆维吾尔自治区"), ("L", "乌鲁木齐市"), ("CN", "阿卜杜拉·样本")
)

DISTID = f"distid:{DEFAULT_USER_ID.decode()}"


@dataclass(frozen=True)
class Party:
    """A name and a key pair."""

    name: DistinguishedName
    pair: KeyPair

    @classmethod
    def new(cls, common_name: str) -> Party:
        name = DistinguishedName.of(("C", "CN"), ("O", "测试机构"), ("CN", common_name))
        return cls(name, provider().generate())

    def sign(self, digest: bytes) -> bytes:
        return provider().sign(self.pair.private, digest)

    @property
    def signer(self) -> Signer:
        return Signer(self.name, self.pair.public, self.sign)

    def issue(self, subject: Party, **changes: Any) -> Certificate:
        """A certificate of a card for ``subject``, ``changes`` apart."""
        values: dict[str, Any] = {
            "not_before": START,
            "not_after": END,
            "key_usage": ("digital_signature", "non_repudiation"),
            "others": (
                Extension(CARD_NUMBER, b"A00000017"),
                Extension(HOLDER_DIGEST, bytes(range(32))),
            ),
        }
        signer = changes.pop("signer", self.signer)
        built = build_certificate(subject.name, subject.pair.public, signer, **values | changes)
        return Certificate.parse(built)

    def authorize(self, subject: Party, **changes: Any) -> Certificate:
        """A certificate of an authority for ``subject``, ``changes`` apart."""
        usage = ("key_cert_sign", "crl_sign")
        values: dict[str, Any] = {"key_usage": usage, "authority": True, "others": ()}
        return self.issue(subject, **values | changes)


@dataclass(frozen=True)
class Pki:
    """Two tiers, as the authorities of cards have them."""

    root: Party
    operating: Party
    card: Party

    @cached_property
    def root_certificate(self) -> Certificate:
        return self.root.authorize(self.root)

    @cached_property
    def operating_certificate(self) -> Certificate:
        return self.root.authorize(self.operating, path_length=0)

    @cached_property
    def card_certificate(self) -> Certificate:
        return self.operating.issue(self.card)

    @property
    def trusted(self) -> tuple[Certificate, Certificate]:
        return self.root_certificate, self.operating_certificate


@lru_cache(maxsize=1)
def pki() -> Pki:
    """One for all tests."""
    card = replace(Party.new("样本"), name=HOLDER)
    return Pki(Party.new("测试根"), Party.new("测试运营 CA"), card)


def altered(certificate: Certificate, old: bytes, new: bytes) -> bytes:
    """Its DER with one part replaced by another of the same length; the signature stays."""
    assert len(old) == len(new)
    assert certificate.der.count(old) >= 1
    return certificate.der.replace(old, new)


def resigned(issuer: Party, certificate: Certificate, change: Callable[[bytes], bytes]) -> bytes:
    """A certificate over changed contents (TBSCertificate), signed by ``issuer``."""
    from sscard_ic.crypto.certificates.signing import signed_object

    content = change(certificate.signed)
    return signed_object(content, issuer.pair.public, issuer.sign, DEFAULT_USER_ID)


def openssl(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """The openssl command, run in ``folder``; no word of ``command`` has a blank in it."""
    return subprocess.run(
        ("openssl", *command.split()),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def opened(folder: Path, command: str) -> str:
    """What the openssl command prints; it has to succeed."""
    done = openssl(folder, command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_key(path: Path, party: Party) -> None:
    """A private key of a test, for the openssl command."""
    path.write_bytes(private_to_pem(party.pair))
