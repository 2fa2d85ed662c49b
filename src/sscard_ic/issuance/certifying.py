"""Certificates into a card: key pair, question to the authority, loading (ref 02 §8.9, 05 §4.4)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sscard_ic.base.errors import CardError, SscardError, Text
from sscard_ic.card import CertificateApplication
from sscard_ic.crypto.enveloped_key import EnvelopedKey
from sscard_ic.hosts.certificate_authority import CertificateAuthority, CertificateRequest
from sscard_ic.issuance.certificate_checks import (
    CertificateHolder,
    CertificatePair,
    WrongGrant,
    check_grant,
    trusted_by,
)
from sscard_ic.issuance.certificate_locks import CardLock, KnownLocks, LockSearch
from sscard_ic.issuance.certificate_login import log_in
from sscard_ic.issuance.certificate_proof import CertificateReport, check_certificates
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin
from sscard_ic.profile.certificate import CertificateApplication as Model
from sscard_ic.profile.certificate import Condition

__all__ = [
    "CardLock",
    "CertificateHolder",
    "CertificatePair",
    "CertificateReport",
    "OtherKey",
    "WrongGrant",
    "check_certificates",
    "check_grant",
    "load_grant",
    "log_in",
    "request_grant",
    "request_reference",
    "require_own",
    "trusted_by",
]

_DIGITS = 16
"""Of the digest of a public key in a reference."""


class OtherKey(CardError):
    """The key of the card is not the one that its certificate was granted for."""


def request_reference(card: str, public_key: bytes) -> str:
    """Names the request for a card's key: what names the card, then 16 digits of the key's digest.

    The same for the same key, and another one for another key: an authority may answer a request
    that it knows by what it answered before.
    """
    return (card + hashlib.sha256(public_key).hexdigest()[:_DIGITS]).upper()


def request_grant(
    application: CertificateApplication,
    authority: CertificateAuthority,
    holder: CertificateHolder,
    model: Model,
    *,
    card: str,
    at: datetime,
    again: bool = False,
    user_pin: CertificatePin | None = None,
) -> CertificateGrant:
    """Let the card generate its key pair, and ask ``authority`` for the certificates.

    ``card`` names it in the reference. ``again``: an earlier attempt may have been broken off; a
    key pair that the card has then is the one to ask for, so that an authority whose answer was
    lost is asked the same. ``user_pin``: that of a new card, when left out. The answer is checked
    before anybody uses it: raises what :func:`check_grant` and ``authority`` raise, and
    :class:`CardError`.
    """
    public_key = _key_of(application, model, user_pin, again=again)
    request = CertificateRequest(
        name=holder.name,
        card_number=holder.card_number,
        social_security_number=holder.social_security_number,
        public_key=public_key,
        region=holder.region,
        reference=request_reference(card, public_key),
    )
    grant = authority.register(request)
    try:
        check_grant(grant, public_key, holder, model, trusted_by(authority), at)
    except SscardError as error:
        error.where = f"{authority.name}: {error.where}" if error.where else authority.name
        raise
    return grant


def _key_of(
    application: CertificateApplication,
    model: Model,
    user_pin: CertificatePin | None,
    *,
    again: bool,
) -> bytes:
    """The public key of the card; a new one unless it has one ``again``."""
    rules = model.rules
    if again:
        log_in(application, [rules.read_public], user_pin=user_pin)
        if (present := application.public_key("signature")) is not None:
            return present
    log_in(application, [rules.generate_key, rules.read_public], user_pin=user_pin)
    return application.generate_key()


def require_own(application: CertificateApplication, pair: CertificatePair) -> None:
    """Raise :class:`OtherKey` unless the signature certificate is for the key of this card.

    What reading the key needs has been verified before.
    """
    if application.public_key("signature") != pair.signature.public:
        raise OtherKey(
            Text(
                "卡内的签名公钥与已签发的证书不符",
                "the signature key of the card is not that of the certificate granted for it",
            ),
            hint=Text("换一张空白卡", "insert a blank card"),
        )


def load_grant(
    application: CertificateApplication,
    model: Model,
    grant: CertificateGrant,
    *,
    user_pin: CertificatePin | None = None,
    again: bool = False,
    earlier: Sequence[CardLock] | None = None,
    search: LockSearch | None = None,
) -> None:
    """Key pair, certificates, administrator PIN and control keys of ``grant`` into the card.

    In the order of ref 02 §8.9; all of it may be repeated. ``again``: an earlier attempt may have
    been broken off, so that the card may have the new administrator PIN and control keys already.
    ``earlier`` is what it may be locked with otherwise, likeliest first, and ``user_pin`` its user
    PIN; those of a new card, when left out. ``search`` in the place of ``earlier`` knows what it
    may be locked with, and remembers what the card says. Raises :class:`OtherKey` before anything
    is written when the grant is not for this card, :class:`LockUnknown` and :class:`CardError`.
    """
    pair = CertificatePair.of(grant)
    new = CardLock.of(grant)
    if search is None:
        before = [CardLock.initial(model)] if earlier is None else earlier
        search = LockSearch(model, KnownLocks.of([*([new] if again else []), *before]))
    rules = model.rules
    log_in(application, [rules.read_public], user_pin=user_pin, locks=search)
    require_own(application, pair)
    needed: list[Condition] = [rules.use_private, rules.import_key, rules.update_certificate]
    if model.settings.admin_login or again or search.is_doubtful:
        needed.append("admin_pin")
    log_in(application, needed, user_pin=user_pin, locks=search)
    application.import_encryption_key(EnvelopedKey.parse(grant.wrapped_key))
    application.write_certificate("signature", pair.signature.der)
    application.write_certificate("encryption", pair.encryption.der)
    search.change_admin_pin(application, new.admin_pin)
    search.replace_control_keys(application, new.control_key, again=again)
