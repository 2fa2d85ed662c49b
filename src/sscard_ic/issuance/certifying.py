"""Certificates into a card: key pair, question to the authority, loading (ref 02 §8.9, 05 §4.4)."""

from __future__ import annotations

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
from sscard_ic.issuance.certificate_locks import CardLock, admin_pin_of, replace_control_keys
from sscard_ic.issuance.certificate_proof import CertificateReport, check_certificates
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin
from sscard_ic.profile.certificate import CertificateApplication as Model
from sscard_ic.profile.certificate import Condition, PinName

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
    "request_grant",
    "require_own",
    "trusted_by",
]

_NEEDED: dict[Condition, frozenset[PinName]] = {
    "free": frozenset(),
    "user_pin": frozenset({"user"}),
    "admin_pin": frozenset({"admin"}),
    "user_and_admin_pin": frozenset({"user", "admin"}),
}


class OtherKey(CardError):
    """The key of the card is not the one that its certificate was granted for."""


def request_grant(
    application: CertificateApplication,
    authority: CertificateAuthority,
    holder: CertificateHolder,
    model: Model,
    *,
    reference: str,
    at: datetime,
    user_pin: CertificatePin | None = None,
) -> CertificateGrant:
    """Let the card generate its key pair, and ask ``authority`` for the certificates.

    ``user_pin``: that of a new card, when left out. The answer is checked before anybody uses it:
    raises what :func:`check_grant` and ``authority`` raise, and :class:`CardError`. May be
    repeated: the card then has another key pair, and the authority is asked anew for it.
    """
    needed = _NEEDED[model.rules.generate_key]
    if "user" in needed:
        application.verify_pin("user", user_pin or _initial_user_pin(model))
    if "admin" in needed:
        application.verify_pin("admin", CardLock.initial(model).admin_pin)
    public_key = application.generate_key()
    request = CertificateRequest(
        name=holder.name,
        card_number=holder.card_number,
        social_security_number=holder.social_security_number,
        public_key=public_key,
        region=holder.region,
        reference=reference,
    )
    grant = authority.register(request)
    try:
        check_grant(grant, public_key, holder, model, trusted_by(authority), at)
    except SscardError as error:
        error.where = f"{authority.name}: {error.where}" if error.where else authority.name
        raise
    return grant


def require_own(application: CertificateApplication, pair: CertificatePair) -> None:
    """Raise :class:`OtherKey` unless the signature certificate is for the key of this card."""
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
    earlier: Sequence[CardLock] = (),
) -> None:
    """Key pair, certificates, administrator PIN and control keys of ``grant`` into the card.

    In the order of ref 02 §8.9; all of it may be repeated. ``again``: an earlier attempt may have
    been broken off, so that the card may have the new administrator PIN and control keys already.
    ``earlier`` is what it may be locked with otherwise, likeliest first, and ``user_pin`` its user
    PIN; those of a new card, when left out. Raises :class:`OtherKey` before anything is written
    when the grant is not for this card, and :class:`CardError`.
    """
    pair = CertificatePair.of(grant)
    require_own(application, pair)
    new = CardLock.of(grant)
    candidates = [*([new] if again else []), *(earlier or [CardLock.initial(model)])]
    rules = model.rules
    needed = _NEEDED[rules.use_private] | _NEEDED[rules.import_key]
    needed |= _NEEDED[rules.update_certificate]
    if "user" in needed:
        application.verify_pin("user", user_pin or _initial_user_pin(model))
    if "admin" in needed or model.settings.admin_login or len(candidates) > 1:
        admin_pin = admin_pin_of(application, candidates)
    else:
        admin_pin = candidates[0].admin_pin
    application.import_encryption_key(EnvelopedKey.parse(grant.wrapped_key))
    application.write_certificate("signature", pair.signature.der)
    application.write_certificate("encryption", pair.encryption.der)
    if admin_pin != new.admin_pin:
        application.change_pin("admin", admin_pin, new.admin_pin)
    replace_control_keys(application, candidates, new.control_key)


def _initial_user_pin(model: Model) -> CertificatePin:
    return CertificatePin.of(model.initial_pin("user"))
