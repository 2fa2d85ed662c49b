"""The certificate authority as a terminal sees it (ref 05 §4.2-4.4, 03 §4.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from sscard_ic.keys.certificate_grant import CertificateGrant


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """Who holds the card, and the public key that it generated."""

    name: str = field(repr=False)
    card_number: str = field(repr=False)
    """9 characters."""
    social_security_number: str = field(repr=False)
    public_key: bytes
    """Signature public key X‖Y, 64 bytes."""
    region: str
    """Division code, 6 digits."""
    reference: str
    """Names the request; the same one asked again gets an equivalent answer."""
    algorithm: str = "SM2"


class CertificateAuthority(Protocol):
    """Who answers for certificates; safe for use from several threads."""

    @property
    def name(self) -> str:
        """For people: where it is asked."""
        ...

    @property
    def environment(self) -> str:
        """``test`` or ``production``."""
        ...

    @property
    def trusted(self) -> tuple[bytes, ...]:
        """Certificates (DER) that its own are checked against: roots and what is below them."""
        ...

    def register(self, request: CertificateRequest) -> CertificateGrant:
        """Two certificates, wrapped key, control key and administrator PIN for the card.

        Raises :class:`~sscard_ic.base.errors.SscardError` when it refuses, is not reached, or its
        answer is not complete. Whether the answer fits the request is for the asker to check.
        """
        ...
