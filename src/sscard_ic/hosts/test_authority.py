"""A certificate authority on this machine for demo and tests; its keys are published."""

from __future__ import annotations

import secrets

from sscard_ic.base.clock import Clock, SystemClock
from sscard_ic.base.secret import Secret
from sscard_ic.codec.digits import encode_cn
from sscard_ic.crypto.enveloped_key import seal
from sscard_ic.crypto.sm2 import provider
from sscard_ic.hosts.card_certificates import CardCertificates
from sscard_ic.hosts.certificate_authority import CertificateRequest
from sscard_ic.hosts.published_authority import published_certificates, published_operating
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.inventory import Environment
from sscard_ic.profile import CodeTable, load
from sscard_ic.profile.certificate import CONTROL_KEY_LENGTH, CertificateContents

_DIVISIONS = "GB2260"
_NATIONAL = "national/3.00"
_PIN_DIGITS = 8


class TestAuthority:
    """Root and operating CA with published keys: worthless certificates of the right form.

    ``contents`` says how they name their holder; ``divisions`` names provinces and cities, by
    default the national table. Every request gets new keys, the same one asked again, too. Threads
    may share one. Raises :class:`~sscard_ic.base.errors.InputError` for a damaged installation.
    """

    __test__ = False  # pytest: the name is that of a CA, not of a test

    def __init__(
        self,
        clock: Clock | None = None,
        contents: CertificateContents | None = None,
        divisions: CodeTable | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._divisions = divisions
        self._trusted = tuple(certificate.der for certificate in published_certificates())
        self._certificates = CardCertificates(
            published_operating().signer, contents or CertificateContents()
        )

    @property
    def name(self) -> str:
        """What it is."""
        return "test CA (published keys)"

    @property
    def environment(self) -> Environment:
        """Always test."""
        return "test"

    @property
    def trusted(self) -> tuple[bytes, ...]:
        """The published root and operating CA, DER."""
        return self._trusted

    def __repr__(self) -> str:
        return f"<TestAuthority {self.name}>"

    def register(self, request: CertificateRequest) -> CertificateGrant:
        """A new grant; raises :class:`~.certificate_authority.RequestError`."""
        request.require_usable()
        pair = provider().generate()
        place, now = self._place(request.region), self._clock.now()
        make = self._certificates.make
        return CertificateGrant(
            make("signature", request, request.public_key, place, now),
            make("encryption", request, pair.public, place, now),
            seal(request.public_key, pair),
            Secret(secrets.token_bytes(CONTROL_KEY_LENGTH)),
            Secret(encode_cn(_new_pin(), _PIN_DIGITS // 2)),
        )

    def _place(self, region: str) -> tuple[str, ...]:
        """Province, and city within it, as far as the code table names them."""
        divisions = self._divisions or load(_NATIONAL).codes[_DIVISIONS]
        codes = dict.fromkeys((f"{region[:2]}0000", f"{region[:4]}00"))
        names = [divisions.entries[code].zh for code in codes if code in divisions.entries]
        return tuple(names) if f"{region[:2]}0000" in divisions.entries else ()


def _new_pin() -> str:
    return f"{secrets.randbelow(10**_PIN_DIGITS):0{_PIN_DIGITS}d}"
