"""The keys of a card's issuer at work: certificates and static signatures (ref 04 §6.9, §6.11)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from sscard_ic.crypto.pboc import offline, offline_sm2
from sscard_ic.crypto.pboc.offline_data import PublicKeyCertificate
from sscard_ic.crypto.rsa import RsaPrivate, RsaPublic
from sscard_ic.crypto.sm2 import KeyPair
from sscard_ic.crypto.suites import Algorithm

CardPublic = RsaPublic | bytes
"""Public key of a card: RSA, or X‖Y of SM2, 64 bytes."""


@dataclass(frozen=True, slots=True)
class IssuerCertificate:
    """What a card tells about its issuer: tags 8F, 90, 92, 9F32."""

    authority_index: int
    """Index of the payment authority's key, 8F."""
    held: PublicKeyCertificate
    expiry: date
    """Last day of validity; no card is valid longer."""


class CardCertifier(Protocol):
    """An issuer of cards with one algorithm, 3DES with RSA or SM4 with SM2."""

    @property
    def certificate(self) -> IssuerCertificate:
        """The issuer's own certificate."""
        ...

    def certify(
        self, card: CardPublic, pan: str, expiry: date, serial: bytes, static: bytes
    ) -> PublicKeyCertificate:
        """The certificate of a card, 9F46; raises ``ValueError`` for a key that does not fit."""
        ...

    def sign_static(self, code: bytes, static: bytes) -> bytes:
        """The static signature, 93, with a data authentication code of 2 bytes."""
        ...


class Certifiers(Protocol):
    """Finds the issuer of a card."""

    def certifier(self, algorithm: Algorithm, pan: str) -> CardCertifier:
        """The issuer of the card with this PAN; raises :class:`SscardError` without one."""
        ...


@dataclass(frozen=True, slots=True)
class RsaCertifier:
    """An issuer whose RSA key is at hand."""

    private: RsaPrivate
    certificate: IssuerCertificate

    def certify(
        self, card: CardPublic, pan: str, expiry: date, serial: bytes, static: bytes
    ) -> PublicKeyCertificate:
        """See :class:`CardCertifier`."""
        if not isinstance(card, RsaPublic):
            raise ValueError("an RSA key is expected")
        return offline.card_certificate(self.private, card, pan, expiry, serial, static)

    def sign_static(self, code: bytes, static: bytes) -> bytes:
        """See :class:`CardCertifier`; as long as the modulus."""
        return offline.static_signature(self.private, code, static)


@dataclass(frozen=True, slots=True)
class Sm2Certifier:
    """An issuer whose SM2 key is at hand."""

    pair: KeyPair = field(repr=False)
    certificate: IssuerCertificate

    def certify(
        self, card: CardPublic, pan: str, expiry: date, serial: bytes, static: bytes
    ) -> PublicKeyCertificate:
        """See :class:`CardCertifier`."""
        if isinstance(card, RsaPublic):
            raise ValueError("an SM2 key is expected")
        return offline_sm2.card_certificate(self.pair, card, pan, expiry, serial, static)

    def sign_static(self, code: bytes, static: bytes) -> bytes:
        """See :class:`CardCertifier`; 67 bytes."""
        return offline_sm2.static_signature(self.pair, code, static)
