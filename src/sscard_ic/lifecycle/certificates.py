"""Certificates into an issued card, first ones or others: asked for, kept, loaded (ref 05 §4.4)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sscard_ic.base.errors import CardError, SscardError, Text
from sscard_ic.card import CertificateApplication
from sscard_ic.crypto.certificates import Certificate
from sscard_ic.hosts.certificate_authority import CertificateRequest
from sscard_ic.issuance.certificate_locks import CardLock
from sscard_ic.issuance.certifying import (
    CertificateHolder,
    CertificateReport,
    check_certificates,
    check_grant,
    load_grant,
)
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin
from sscard_ic.lifecycle.kept_grants import GrantPlace, KeptGrant
from sscard_ic.profile.certificate import CertificateApplication as Model
from sscard_ic.profile.certificate import Purpose

_DIGITS = 16
"""Of the digest of a public key in a reference."""
_PURPOSES: tuple[Purpose, ...] = ("signature", "encryption")


@dataclass(frozen=True, slots=True)
class AskedCard:
    """What a card said before anybody was asked for certificates."""

    serial: bytes
    """Six bytes of its ATR."""
    public: bytes
    """Signature public key X‖Y."""
    bears_certificates: bool
    """Whether there is anything in a file for certificates."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Who certificates are for, and what they are checked against."""

    model: Model
    holder: CertificateHolder
    trusted: Sequence[Certificate]
    at: datetime


Ask = Callable[[CertificateRequest], CertificateGrant]
"""Gets a grant, from an authority or from what it has answered."""


def ask_card(
    application: CertificateApplication,
    serial: bytes,
    user_pin: CertificatePin,
    *,
    generate: bool,
) -> AskedCard:
    """Verify the user PIN, and see which key and certificates the card has.

    A card without key pair generates one with ``generate``, else :class:`CardError` is raised.
    """
    application.verify_pin("user", user_pin)
    public = application.public_key("signature")
    if public is None:
        if not generate:
            raise CardError(
                Text(
                    "卡上还没有签名密钥对，应答不可能属于此卡",
                    "the card has no signature key pair yet: no answer can be for it",
                ),
                hint=Text(
                    "先运行 sscard cert keygen，再提交新的申请",
                    "run sscard cert keygen first, and send another request",
                ),
            )
        public = application.generate_key()
    bears = any(_bears(application, purpose) for purpose in _PURPOSES)
    return AskedCard(serial, public, bears)


def _bears(application: CertificateApplication, purpose: Purpose) -> bool:
    try:
        return application.certificate(purpose) is not None
    except CardError:
        return True  # half a certificate: somebody has begun to write


def request_for(asked: AskedCard, holder: CertificateHolder) -> CertificateRequest:
    """The request for a card; its reference is the same for the same card and key.

    Raises :class:`~sscard_ic.hosts.certificate_authority.RequestError` for a holder that no
    authority can use.
    """
    reference = asked.serial.hex() + hashlib.sha256(asked.public).hexdigest()[:_DIGITS]
    request = CertificateRequest(
        name=holder.name,
        card_number=holder.card_number,
        social_security_number=holder.social_security_number,
        public_key=asked.public,
        region=holder.region,
        reference=reference.upper(),
    )
    request.require_usable()
    return request


def unfinished(kept: KeptGrant | None, asked: AskedCard, terms: Terms) -> KeptGrant | None:
    """The grant whose loading was broken off, where it may still be loaded."""
    if kept is None or kept.loaded:
        return None
    try:
        check_grant(kept.grant, asked.public, terms.holder, terms.model, terms.trusted, terms.at)
    except SscardError:
        return None  # for a key that was replaced since, or not valid any more
    return kept


def obtain(
    ask: Ask,
    place: GrantPlace,
    asked: AskedCard,
    terms: Terms,
    locks: Sequence[CardLock],
) -> KeptGrant:
    """Ask for certificates, check the answer, and keep it before the card is given any of it.

    ``locks``: what the card may be locked with now, likeliest first.
    """
    grant = ask(request_for(asked, terms.holder))
    check_grant(grant, asked.public, terms.holder, terms.model, terms.trusted, terms.at)
    kept = KeptGrant(grant).with_earlier(locks)
    place.keep(kept)
    return kept


def load(
    application: CertificateApplication,
    place: GrantPlace,
    kept: KeptGrant,
    terms: Terms,
    user_pin: CertificatePin,
    *,
    again: bool,
) -> CertificateReport:
    """Load what is kept, prove that the card bears it, and note that it is loaded.

    ``again``: an earlier attempt may have been broken off. Whatever goes wrong, the grant stays
    kept, and loading may be repeated.
    """
    place.begin()
    load_grant(
        application,
        terms.model,
        kept.grant,
        user_pin=user_pin,
        again=again,
        earlier=kept.earlier,
    )
    report = check_certificates(
        application,
        terms.model,
        terms.holder,
        terms.trusted,
        terms.at,
        kept.grant,
        user_pin=user_pin,
    )
    place.keep(kept.done())
    place.end()
    return report


def change_admin_pin(
    application: CertificateApplication,
    place: GrantPlace | None,
    old: CertificatePin,
    new: CertificatePin,
) -> None:
    """Change the administrator PIN; what is kept for the card knows the new one before.

    Raises :class:`SscardError` while a grant is not loaded whole.
    """
    kept = place.find() if place is not None else None
    if place is None or kept is None:
        application.change_pin("admin", old, new)
        return
    if not kept.loaded:
        raise SscardError(
            Text("上次写入证书尚未完成", "certificates are loaded in part only"),
            where=place.place,
            hint=Text("请先完成：sscard cert load", "finish that first: sscard cert load"),
        )
    changed = replace(kept.grant, admin_pin=new.value)
    before = KeptGrant(changed, loaded=True, earlier=kept.locks)
    place.keep(before)
    try:
        application.change_pin("admin", old, new)
    except CardError:
        place.keep(kept)  # refused: the card has the old one
        raise
    place.keep(before.done())
