"""The certificate of a card as operating CAs make it (ref 02 §8.9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sscard_ic.crypto import sm3
from sscard_ic.crypto.certificates import (
    DistinguishedName,
    Extension,
    Signer,
    build_certificate,
)
from sscard_ic.hosts.certificate_authority import CertificateRequest
from sscard_ic.profile.certificate import CertificateContents, Purpose

YEARS = 10
_USAGES = {
    "signature": ("digital_signature", "non_repudiation"),
    "encryption": ("key_encipherment", "data_encipherment"),
}
_EARLIER = timedelta(hours=1)
"""Clocks differ: a certificate is valid for whoever is a little slow."""


@dataclass(frozen=True, slots=True)
class CardCertificates:
    """Makes certificates: who signs, and how they name their holder."""

    signer: Signer
    contents: CertificateContents

    def make(
        self,
        purpose: Purpose,
        request: CertificateRequest,
        public: bytes,
        place: tuple[str, ...],
        now: datetime,
    ) -> bytes:
        """The certificate (DER) of ``public`` X‖Y for the holder of the request.

        ``place`` is province and city, as far as they are known. Valid for ten years.
        """
        first = (now - _EARLIER).replace(microsecond=0)
        parts = ("C", "CN"), *zip(("ST", "L"), place, strict=False), ("CN", request.name)
        digest = sm3.digest(request.social_security_number.encode("ascii"))
        card_number = request.card_number.encode("ascii")
        return build_certificate(
            DistinguishedName.of(*parts),
            public,
            self.signer,
            not_before=first,
            not_after=_years_after(first),
            key_usage=_USAGES[purpose],
            others=(
                Extension(self.contents.card_number(purpose), card_number),
                Extension(self.contents.digest(purpose), digest),
            ),
        )


def _years_after(first: datetime) -> datetime:
    try:
        return first.replace(year=first.year + YEARS)
    except ValueError:  # the 29th of February
        return first.replace(year=first.year + YEARS, day=28)
