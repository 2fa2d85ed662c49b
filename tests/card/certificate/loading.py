"""A card gets what a certificate authority grants for it, as the programs do it (ref 02 §8.9)."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.card.certificate.bench import ADMIN, INITIAL_KEY, USER

from sscard_ic.base import FixedClock
from sscard_ic.card import CertificateApplication
from sscard_ic.crypto.enveloped_key import EnvelopedKey
from sscard_ic.hosts.certificate_authority import CertificateRequest
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin, ControlKey

CLOCK = FixedClock(datetime(2026, 11, 21, 8, 0, tzinfo=UTC))
NAME, CARD_NUMBER, NUMBER = "测试持卡人", "A12345678", "650103199001010018"
"""Made for this test."""


def granted(application: CertificateApplication) -> CertificateGrant:
    """A key pair of the card's, and what the test CA grants for it."""
    application.verify_pin("user", USER)
    public = application.generate_key()
    request = CertificateRequest(NAME, CARD_NUMBER, NUMBER, public, "650100", "1")
    return TestAuthority(CLOCK).register(request)


def load(application: CertificateApplication, grant: CertificateGrant) -> None:
    """The order of ref 02 §8.9."""
    application.verify_pin("user", USER)
    application.verify_pin("admin", ADMIN)
    application.import_encryption_key(EnvelopedKey.parse(grant.wrapped_key))
    application.write_certificate("signature", grant.signature_certificate)
    application.write_certificate("encryption", grant.encryption_certificate)
    application.change_pin("admin", ADMIN, CertificatePin(grant.admin_pin))
    new = ControlKey(grant.control_key)
    application.replace_control_key("application", INITIAL_KEY, new)
    application.replace_control_key("environment", INITIAL_KEY, new)
