"""Certificate authorities that answer wrongly, each in one way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

from sscard_ic.base.clock import Clock, FixedClock, SystemClock
from sscard_ic.crypto.sm2 import provider
from sscard_ic.hosts.card_certificates import CardCertificates
from sscard_ic.hosts.certificate_authority import CertificateRequest
from sscard_ic.hosts.published_authority import PublishedAuthority, published_operating
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.profile.certificate import CertificateContents, Purpose

Fault = Literal[
    "another_key",
    "another_person",
    "another_name",
    "another_card",
    "expired",
    "not_yet_valid",
    "truncated",
    "swapped",
    "another_pair",
    "foreign_chain",
]
"""Key of another card; another holder altogether, another name, another card number; dates; a
certificate that is cut; the two certificates in each other's place; an encryption certificate for
another pair than the wrapped one; an operating CA of the same name with another key."""

OTHER_NAME, OTHER_CARD_NUMBER, OTHER_NUMBER = "李四", "X00000019", "111111198101011110"


class WrongAuthority(TestAuthority):
    """The test CA, but for one fault; ``faulty`` False: it answers as it should."""

    def __init__(
        self, fault: Fault, clock: Clock | None = None, contents: CertificateContents | None = None
    ) -> None:
        super().__init__(clock, contents)
        self.fault: Fault = fault
        self.faulty = True
        self.asked = 0
        """Requests so far."""
        self._now = (clock or SystemClock()).now()
        self._contents = contents or CertificateContents()

    def register(self, request: CertificateRequest) -> CertificateGrant:
        self.asked += 1
        if not self.faulty:
            return super().register(request)
        other = self._other(request)
        if other is not None:
            return super().register(other)
        years = {"expired": -11, "not_yet_valid": 1}.get(self.fault)
        if years is not None:
            moment = self._now + timedelta(days=366 * years)
            return TestAuthority(FixedClock(moment), self._contents).register(request)
        return self._spoilt(request, super().register(request))

    def _other(self, request: CertificateRequest) -> CertificateRequest | None:
        """Another request, which is granted instead of the one that was asked."""
        match self.fault:
            case "another_key":
                return replace(request, public_key=provider().generate().public)
            case "another_person":
                return replace(
                    request,
                    name=OTHER_NAME,
                    card_number=OTHER_CARD_NUMBER,
                    social_security_number=OTHER_NUMBER,
                )
            case "another_name":
                return replace(request, name=OTHER_NAME)
            case "another_card":
                return replace(request, card_number=OTHER_CARD_NUMBER)
        return None

    def _spoilt(self, request: CertificateRequest, grant: CertificateGrant) -> CertificateGrant:
        signature, encryption = grant.signature_certificate, grant.encryption_certificate
        match self.fault:
            case "truncated":
                return replace(grant, signature_certificate=signature[:-10])
            case "swapped":
                return replace(
                    grant, signature_certificate=encryption, encryption_certificate=signature
                )
            case "another_pair":
                other = super().register(request)
                return replace(grant, encryption_certificate=other.encryption_certificate)
        return replace(grant, signature_certificate=self._foreign("signature", request))

    def _foreign(self, purpose: Purpose, request: CertificateRequest) -> bytes:
        signer = PublishedAuthority(published_operating().name, provider().generate()).signer
        certificates = CardCertificates(signer, self._contents)
        return certificates.make(purpose, request, request.public_key, (), self._now)
