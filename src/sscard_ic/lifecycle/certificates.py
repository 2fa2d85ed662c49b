"""Certificates into an issued card, first ones or others: asked for, kept, loaded (ref 05 §4.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sscard_ic.base.errors import CardError, SscardError, Text
from sscard_ic.card import CertificateApplication, Refused
from sscard_ic.crypto.certificates import Certificate, CertificateError
from sscard_ic.hosts.certificate_authority import CertificateRequest
from sscard_ic.issuance.certificate_locks import (
    CardLock,
    KnownLock,
    KnownLocks,
    LockSearch,
    LockUnknown,
)
from sscard_ic.issuance.certifying import (
    CertificateHolder,
    CertificateReport,
    check_certificates,
    check_grant,
    load_grant,
    log_in,
    request_reference,
)
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin
from sscard_ic.lifecycle.kept_grants import GrantPlace, KeptGrant
from sscard_ic.profile.certificate import CertificateApplication as Model
from sscard_ic.profile.certificate import Condition, Purpose
from sscard_ic.profile.certificate_words import NEEDED_PINS

PIN_NOTE = "administrator PIN"
"""Of the lines of a card's journal about its change."""
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
    certificates: tuple[Certificate, ...] = ()
    """Those that are for the keys of the card."""

    def valid_until(self, at: datetime) -> datetime | None:
        """The earlier end of both certificates; None unless both are there and in date."""
        in_date = [each for each in self.certificates if each.not_before <= at <= each.not_after]
        if len(in_date) < len(_PURPOSES):
            return None
        return min(each.not_after for each in in_date)


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
    locks: Sequence[CardLock] | LockSearch = (),
) -> AskedCard:
    """Verify the user PIN, and see which key and certificates the card has.

    A card without key pair generates one with ``generate``, else :class:`CardError` is raised.
    ``locks`` has the administrator PIN where the card asks for it as well; that of a new card is
    presented to a new card alone. Raises :class:`LockUnknown` for another one.
    """
    rules = application.model.rules
    application.verify_pin("user", user_pin)
    _log_in(application, [rules.read_public, rules.read_certificate], locks)
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
        _log_in(application, [rules.generate_key], locks)
        public = application.generate_key()
    bears = any(_bears(application, purpose) for purpose in _PURPOSES)
    fitting = [_fitting(application, purpose) for purpose in _PURPOSES] if bears else []
    return AskedCard(serial, public, bears, tuple(each for each in fitting if each is not None))


def _log_in(
    application: CertificateApplication,
    conditions: Sequence[Condition],
    locks: Sequence[CardLock] | LockSearch,
) -> None:
    if not any("admin" in NEEDED_PINS[condition] for condition in conditions):
        return
    if not locks and not _is_new(application):
        raise LockUnknown("admin_pin", None)
    log_in(application, ["admin_pin"], locks=locks)


def _is_new(application: CertificateApplication) -> bool:
    """Whether the card says, without administrator PIN, that nobody has loaded certificates."""
    rules = application.model.rules
    if "admin" not in NEEDED_PINS[rules.read_public]:
        return application.public_key("encryption") is None
    if "admin" not in NEEDED_PINS[rules.read_certificate]:
        return not any(_bears(application, purpose) for purpose in _PURPOSES)
    return False


def _bears(application: CertificateApplication, purpose: Purpose) -> bool:
    try:
        return application.certificate(purpose) is not None
    except CardError:
        return True  # half a certificate: somebody has begun to write


def _fitting(application: CertificateApplication, purpose: Purpose) -> Certificate | None:
    """The certificate that the card bears for its present key, if any."""
    try:
        der = application.certificate(purpose)
        certificate = None if der is None else Certificate.parse(der)
    except (CardError, CertificateError):
        return None  # half a certificate, or none at all: nothing that others would replace
    if certificate is None or certificate.public != application.public_key(purpose):
        return None
    return certificate


def request_for(asked: AskedCard, holder: CertificateHolder) -> CertificateRequest:
    """The request for a card; its reference is the same for the same card and key.

    Raises :class:`~sscard_ic.hosts.certificate_authority.RequestError` for a holder that no
    authority can use.
    """
    request = CertificateRequest(
        name=holder.name,
        card_number=holder.card_number,
        social_security_number=holder.social_security_number,
        public_key=asked.public,
        region=holder.region,
        reference=request_reference(asked.serial.hex(), asked.public),
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
    locks: KnownLocks,
) -> KeptGrant:
    """Ask for certificates, check the answer, and keep it before the card is given any of it.

    ``locks``: what is known of the card's locks now.
    """
    grant = ask(request_for(asked, terms.holder))
    check_grant(grant, asked.public, terms.holder, terms.model, terms.trusted, terms.at)
    kept = KeptGrant(grant, locks)
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
    search = LockSearch(terms.model, kept.locks, lambda locks: place.keep(kept.knowing(locks)))
    load_grant(
        application,
        terms.model,
        kept.grant,
        user_pin=user_pin,
        again=again,
        search=search,
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

    Raises :class:`SscardError` while a grant is not loaded whole, unless it cannot be since the PIN
    is unknown; and, before a try is spent, when what is kept shows that ``old`` is wrong.
    """
    kept = place.find() if place is not None else None
    if place is None or kept is None:
        application.change_pin("admin", old, new)
        return
    model, known = application.model, kept.locks.admin_pin
    if not kept.loaded and not known.is_lost:
        raise SscardError(
            Text("上次写入证书尚未完成", "certificates are loaded in part only"),
            where=place.place,
            hint=Text("请先完成：sscard cert load", "finish that first: sscard cert load"),
        )
    search = LockSearch(model, kept.locks, lambda locks: place.keep(kept.knowing(locks)))
    if known.candidates and old.value not in known.candidates:
        search.admin_pin(application)
        raise _other_pin(place)
    # What a person types to change a PIN may cost the last try: the card told how many are left.
    said = KnownLock(known.values, known.refused, None, old.value)
    search.locks = kept.locks.changed("admin_pin", said)
    search.admin_pin(application)  # what the card may have had before is forgotten
    grant = replace(kept.grant, admin_pin=new.value) if kept.loaded else kept.grant
    place.begin(PIN_NOTE)
    try:
        search.change_admin_pin(application, new)
    except Refused:
        place.failed(PIN_NOTE)
        raise
    place.keep(KeptGrant(grant, search.locks, kept.loaded))
    place.end(PIN_NOTE)


def _other_pin(place: GrantPlace) -> SscardError:
    return SscardError(
        Text(
            "所给的原管理员 PIN 不对：卡的管理员 PIN 是此处保存的那个；没有消耗次数",
            "the present administrator PIN given is wrong: the card has the one that is kept; no "
            "try was spent",
        ),
        where=place.place,
    )
