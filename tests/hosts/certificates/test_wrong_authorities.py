"""The authorities that other tests use to answer wrongly do answer wrongly, each in its way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest
from tests.support.certificate_requests import CARD_NUMBER, NAME, request_for
from tests.support.wrong_authorities import Fault, WrongAuthority

from sscard_ic.base.clock import FixedClock
from sscard_ic.crypto import sm3
from sscard_ic.crypto.certificates import Certificate, CertificateError, chain
from sscard_ic.crypto.enveloped_key import EnvelopedKey, EnvelopedKeyError
from sscard_ic.crypto.sm2 import KeyPair, provider
from sscard_ic.keys.certificate_grant import CertificateGrant

NOW = datetime(2026, 5, 17, tzinfo=UTC)
CARD: KeyPair = provider().generate()
REQUEST = request_for(CARD)
CARD_OID, DIGEST_OID = "1.2.156.2316.1.1", "1.2.156.2316.1.2"
EXPECTED: dict[Fault, set[str]] = {
    "another_key": {"key", "wrapped key"},
    "another_person": {"name", "card number", "digest"},
    "another_name": {"name"},
    "another_card": {"card number"},
    "expired": {"chain: expired"},
    "not_yet_valid": {"chain: not_yet_valid"},
    "truncated": {"unreadable"},
    "swapped": {"key", "card number", "digest", "pair"},
    "another_pair": {"pair"},
    "foreign_chain": {"chain: unknown_issuer"},
}


def _faults(grant: CertificateGrant, trusted: tuple[bytes, ...]) -> set[str]:
    """What is wrong with a grant, found in the plainest way."""
    try:
        found = Certificate.parse(grant.signature_certificate)
    except CertificateError as error:
        return {error.reason}
    encryption = Certificate.parse(grant.encryption_certificate)
    wrapped = EnvelopedKey.parse(grant.wrapped_key)
    digest = sm3.digest(REQUEST.social_security_number.encode())
    checks = {
        "key": found.public == CARD.public,
        "name": found.common_name == NAME,
        "card number": found.extension(CARD_OID) == CARD_NUMBER.encode(),
        "digest": found.extension(DIGEST_OID) == digest,
        "pair": encryption.public == wrapped.public,
        "wrapped key": _opens(wrapped),
    }
    faults = {name for name, right in checks.items() if not right}
    try:
        chain(found, [Certificate.parse(der) for der in trusted], NOW)
    except CertificateError as error:
        # A signature by a foreign key of the same name is found by either check of the chain.
        reason = "unknown_issuer" if error.reason == "signature" else error.reason
        faults.add(f"chain: {reason}")
    return faults


def _opens(wrapped: EnvelopedKey) -> bool:
    try:
        return wrapped.open(CARD.private).public == wrapped.public
    except EnvelopedKeyError:
        return False


@pytest.mark.parametrize("fault", get_args(Fault))
def test_every_fault(fault: Fault) -> None:
    authority = WrongAuthority(fault, FixedClock(NOW))
    assert _faults(authority.register(REQUEST), authority.trusted) == EXPECTED[fault]
    authority.faulty = False
    assert _faults(authority.register(REQUEST), authority.trusted) == set()
    assert authority.asked == 2
