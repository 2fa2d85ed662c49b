"""From a certificate up to a root that is trusted (RFC 5280 §6, as far as cards need it)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from sscard_ic.crypto.certificates import faults
from sscard_ic.crypto.certificates.certificate import Certificate
from sscard_ic.crypto.certificates.errors import CertificateError
from sscard_ic.crypto.certificates.extensions import UNDERSTOOD
from sscard_ic.crypto.sm2 import DEFAULT_USER_ID

LONGEST = 8
"""Certificates of a chain; those of cards have three."""


def chain(
    leaf: Certificate,
    trusted: Sequence[Certificate],
    at: datetime,
    *,
    user_id: bytes = DEFAULT_USER_ID,
) -> tuple[Certificate, ...]:
    """``leaf``, who issued it, … and a root out of ``trusted``, each valid at ``at`` (aware).

    ``trusted`` holds roots and what is below them together; a chain ends at a self-signed one.
    Raises :class:`CertificateError` with the reason ``expired``, ``not_yet_valid``,
    ``unknown_issuer``, ``signature``, ``authority`` or ``extension``.
    """
    if at.tzinfo is None:
        raise ValueError("a chain is checked at an aware moment: which zone is it?")
    return _Builder(tuple(trusted), at.astimezone(UTC), user_id).extend((leaf,))


class _Builder:
    def __init__(self, trusted: tuple[Certificate, ...], at: datetime, user_id: bytes) -> None:
        self._trusted = trusted
        self._at = at
        self._user_id = user_id

    def extend(self, path: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
        """The whole chain that begins with ``path``, whose members but the last are checked."""
        last = path[-1]
        self._check_member(last)
        if self._is_root(last):
            return path
        if len(path) == LONGEST:
            raise faults.too_long(path[0], LONGEST)
        errors: list[CertificateError] = []
        for issuer in self._issuers(path):
            try:
                _check_authority(issuer, path)
                self._check_signature(last, issuer)
                return self.extend((*path, issuer))
            except CertificateError as error:
                errors.append(error)
        if not errors:
            raise self._no_issuer(last)
        # Of two authorities with one name, the one whose signature it is has more to say.
        raise min(errors, key=lambda error: error.reason == "signature")

    def _is_root(self, certificate: Certificate) -> bool:
        return (
            certificate in self._trusted
            and certificate.is_self_issued
            and self._is_signed(certificate, certificate)
        )

    def _issuers(self, path: tuple[Certificate, ...]) -> list[Certificate]:
        return [
            candidate
            for candidate in self._named(path[-1])
            if candidate not in path and _same_key(path[-1], candidate)
        ]

    def _named(self, certificate: Certificate) -> list[Certificate]:
        return [other for other in self._trusted if other.subject.matches(certificate.issuer)]

    def _check_member(self, certificate: Certificate) -> None:
        if self._at > certificate.not_after:
            raise faults.expired(certificate)
        if self._at < certificate.not_before:
            raise faults.not_yet_valid(certificate)
        for extension in certificate.extensions:
            if extension.critical and extension.oid not in UNDERSTOOD:
                raise faults.unknown_extension(certificate, extension.oid)

    def _is_signed(self, certificate: Certificate, issuer: Certificate) -> bool:
        check = _authority_is_signed if certificate.is_authority else Certificate.is_signed_by
        return check(certificate, issuer.public, self._user_id)

    def _check_signature(self, certificate: Certificate, issuer: Certificate) -> None:
        if not self._is_signed(certificate, issuer):
            raise faults.bad_signature(certificate, issuer)

    def _no_issuer(self, last: Certificate) -> CertificateError:
        if last in self._trusted and last.is_self_issued:
            return faults.bad_signature(last, last)
        others = [named for named in self._named(last) if named != last]
        return faults.unknown_issuer(last, same_name=bool(others))


@lru_cache(maxsize=128)
def _authority_is_signed(certificate: Certificate, public: bytes, user_id: bytes) -> bool:
    """Remembered: the authorities above a thousand cards are the same two."""
    return certificate.is_signed_by(public, user_id)


def _same_key(certificate: Certificate, issuer: Certificate) -> bool:
    wanted = certificate.understood.authority_key_id
    found = issuer.understood.subject_key_id
    return wanted is None or found is None or wanted == found


def _check_authority(issuer: Certificate, path: Sequence[Certificate]) -> None:
    if not issuer.is_authority:
        raise faults.no_authority(issuer)
    if issuer.key_usage and "key_cert_sign" not in issuer.key_usage:
        raise faults.signs_no_certificates(issuer)
    limit = issuer.understood.path_length
    below = sum(not member.is_self_issued for member in path[1:])
    if limit is not None and below > limit:
        raise faults.too_deep(issuer, limit)
