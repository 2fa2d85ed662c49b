"""One X.509 certificate with an SM2 key (GM/T 0015; ref 02 §8.9)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sscard_ic.crypto.certificates.extensions import Extension, Understood
from sscard_ic.crypto.certificates.names import DistinguishedName
from sscard_ic.crypto.certificates.pem import to_pem
from sscard_ic.crypto.certificates.signing import verifies
from sscard_ic.crypto.sm2 import DEFAULT_USER_ID


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that is well formed; whether to believe it, its chain says.

    Two are equal when their bytes are. Names are left out of the repr: they may be a person's.
    """

    der: bytes = field(repr=False)
    serial: int = field(compare=False)
    subject: DistinguishedName = field(repr=False, compare=False)
    issuer: DistinguishedName = field(repr=False, compare=False)
    not_before: datetime = field(compare=False)
    """UTC."""
    not_after: datetime = field(compare=False)
    """UTC; the last second at which it is valid."""
    public: bytes = field(repr=False, compare=False)
    """SM2 public key X‖Y, 64 bytes, a point of the curve."""
    extensions: tuple[Extension, ...] = field(repr=False, compare=False)
    understood: Understood = field(repr=False, compare=False)
    signed: bytes = field(repr=False, compare=False)
    """What the signature is over (TBSCertificate)."""
    signature: bytes = field(repr=False, compare=False)
    """r‖s, 64 bytes."""

    @classmethod
    def parse(cls, data: bytes) -> Certificate:
        """The certificate in ``data``: DER, with 00 filling behind it or not, or PEM.

        Raises :class:`CertificateError`: no certificate, cut, no SM2 key, not signed by SM2 with
        SM3, a key off the curve, dates upside down.
        """
        from sscard_ic.crypto.certificates.parsing import parse_certificate

        return parse_certificate(data)

    @classmethod
    def parse_all(cls, data: bytes) -> tuple[Certificate, ...]:
        """All certificates of a PEM file (at least one), or the one of DER.

        Raises :class:`CertificateError` when one of them is not good.
        """
        from sscard_ic.crypto.certificates.parsing import parse_certificates

        return parse_certificates(data)

    @property
    def common_name(self) -> str | None:
        """CN of the subject."""
        return self.subject.get("CN")

    @property
    def key_usage(self) -> frozenset[str]:
        """Names out of :data:`~sscard_ic.crypto.certificates.USAGES`; empty: not restricted."""
        return self.understood.key_usage

    @property
    def is_authority(self) -> bool:
        """Whether it may issue others."""
        return self.understood.is_authority

    @property
    def is_self_issued(self) -> bool:
        """Whether subject and issuer are one name."""
        return self.subject.matches(self.issuer)

    @property
    def number(self) -> str:
        """The serial number in hex, as people quote it."""
        digits = f"{self.serial:X}"
        return digits.zfill(len(digits) + len(digits) % 2)

    def extension(self, oid: str) -> bytes | None:
        """The bytes within the OCTET STRING of an extension, or None when it is not there."""
        return next((item.value for item in self.extensions if item.oid == oid), None)

    def is_signed_by(self, public: bytes, user_id: bytes = DEFAULT_USER_ID) -> bool:
        """Whether the holder of the public key X‖Y signed it, calling itself ``user_id``."""
        return verifies(public, self.signed, self.signature, user_id)

    def pem(self) -> str:
        """In PEM."""
        return to_pem("CERTIFICATE", self.der)
