"""Whether what a certificate authority granted fits the card and its holder (ref 02 §8.9)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Literal

from sscard_ic.base.errors import InputError, Text
from sscard_ic.crypto import sm3
from sscard_ic.crypto.certificates import Certificate, CertificateError, chain
from sscard_ic.crypto.enveloped_key import EnvelopedKey
from sscard_ic.hosts.certificate_authority import CertificateAuthority
from sscard_ic.issuance.certificate_locks import CardLock
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.profile.certificate import CertificateApplication as Model
from sscard_ic.profile.certificate import Purpose
from sscard_ic.profile.certificate_words import CERTIFICATE_WORDS

Fault = Literal[
    "public_key",
    "encryption_key",
    "name",
    "card_number",
    "holder_digest",
    "key_usage",
    "authority",
    "length",
    "published_lock",
]
"""In what a grant differs from its card and holder, for programs."""

_DOTS = str.maketrans(dict.fromkeys("•‧・･", "·"))
"""Middle dots of a name, as keyboards and registers write them."""

_USAGES: Mapping[Purpose, frozenset[str]] = {
    "signature": frozenset({"digital_signature", "non_repudiation"}),
    "encryption": frozenset({"key_encipherment", "data_encipherment", "key_agreement"}),
}
"""One of which a certificate must allow, where it says what its key is for."""

_HINT = Text(
    "未向卡写入任何内容；请向证书机构核实后再次运行",
    "nothing was written to the card; settle it with the certificate authority and run it again",
)


@dataclass(frozen=True, slots=True)
class CertificateHolder:
    """Who the certificates of a card are for."""

    name: str = field(repr=False)
    card_number: str = field(repr=False)
    """9 characters."""
    social_security_number: str = field(repr=False)
    region: str
    """Division code, 6 digits."""

    @classmethod
    def of(cls, fields: Mapping[str, str], region: str) -> CertificateHolder:
        """The holder of a row of ``region``, by the codes of its fields."""
        return cls(fields["AAC003"], fields["AAZ500"], fields["AAC002"], region)


class WrongGrant(InputError):
    """A grant that is not for this card or this holder; names neither."""

    def __init__(self, fault: Fault, what: Text) -> None:
        super().__init__(what, hint=_HINT)
        self.fault: Fault = fault


@dataclass(frozen=True, slots=True)
class CertificatePair:
    """The two certificates of a card."""

    signature: Certificate
    encryption: Certificate

    @classmethod
    def of(cls, grant: CertificateGrant) -> CertificatePair:
        """Those of a grant; raises :class:`CertificateError` for what is no certificate."""
        with _named("signature"):
            signature = Certificate.parse(grant.signature_certificate)
        with _named("encryption"):
            return cls(signature, Certificate.parse(grant.encryption_certificate))

    def of_purpose(self, purpose: Purpose) -> Certificate:
        """One of them."""
        return self.signature if purpose == "signature" else self.encryption


def trusted_by(authority: CertificateAuthority) -> tuple[Certificate, ...]:
    """The certificates that those of ``authority`` are checked against."""
    return _parsed(authority.trusted)


@lru_cache(maxsize=8)
def _parsed(ders: tuple[bytes, ...]) -> tuple[Certificate, ...]:
    return tuple(Certificate.parse(der) for der in ders)


def check_grant(
    grant: CertificateGrant,
    public_key: bytes,
    holder: CertificateHolder,
    model: Model,
    trusted: Sequence[Certificate],
    at: datetime,
) -> CertificatePair:
    """The certificates of a grant for the card with ``public_key`` and for ``holder``.

    Raises :class:`WrongGrant` for another public key, another person, or a part that does not
    fit the application of the card; :class:`CertificateError` for what is no certificate, is not
    valid at ``at``, or has no chain to a trusted one.
    """
    pair = CertificatePair.of(grant)
    if pair.signature.public != public_key:
        raise WrongGrant(
            "public_key",
            Text(
                "签名证书中的公钥不是此卡生成的公钥",
                "the signature certificate is for another public key than the card's",
            ),
        )
    check_pair(pair, holder, model, trusted, at)
    _check_wrapped_key(grant, pair.encryption)
    _check_room(pair, model)
    _check_lock(CardLock.of(grant), model)  # what no card takes is no lock
    return pair


def check_pair(
    pair: CertificatePair,
    holder: CertificateHolder,
    model: Model,
    trusted: Sequence[Certificate],
    at: datetime,
) -> None:
    """Whether both certificates are valid, of a trusted authority, and for ``holder``.

    Raises :class:`WrongGrant` and :class:`CertificateError`.
    """
    for purpose in CERTIFICATE_WORDS:
        certificate = pair.of_purpose(purpose)
        _check_use(certificate, purpose)
        _check_person(certificate, purpose, holder, model)
        with _named(purpose):
            chain(certificate, trusted, at)


def _check_person(
    certificate: Certificate, purpose: Purpose, holder: CertificateHolder, model: Model
) -> None:
    contents = model.contents
    words = CERTIFICATE_WORDS[purpose]
    if _alike(certificate.common_name) != _alike(holder.name):
        raise _another_person("name", words, Text("姓名", "name"))
    number = certificate.extension(contents.card_number(purpose))
    if number != holder.card_number.encode("ascii"):
        raise _another_person("card_number", words, Text("社保卡号", "card number"))
    if contents.holder_digest == "unchecked":
        return
    digest = sm3.digest(holder.social_security_number.encode("ascii"))
    if certificate.extension(contents.digest(purpose)) != digest:
        raise _another_person(
            "holder_digest",
            words,
            Text("社会保障号码摘要", "digest of the social security number"),
        )


def _alike(name: str | None) -> str | None:
    """A name in one of the ways that Unicode has to write it (NFC), with one kind of dot."""
    return None if name is None else unicodedata.normalize("NFC", name).translate(_DOTS)


def _check_use(certificate: Certificate, purpose: Purpose) -> None:
    words = CERTIFICATE_WORDS[purpose]
    if certificate.is_authority:
        raise WrongGrant(
            "authority",
            Text(
                f"{words.zh}是证书机构的证书，不是持卡人的",
                f"the {words.en} is one of a certificate authority, not of a holder",
            ),
        )
    if certificate.key_usage and not certificate.key_usage & _USAGES[purpose]:
        raise WrongGrant(
            "key_usage",
            Text(
                f"{words.zh}的密钥用途不符，两张证书可能颠倒",
                f"the key usage of the {words.en} is another one; the two may be exchanged",
            ),
        )


def _check_wrapped_key(grant: CertificateGrant, encryption: Certificate) -> None:
    if EnvelopedKey.parse(grant.wrapped_key).public != encryption.public:
        raise WrongGrant(
            "encryption_key",
            Text(
                "加密证书中的公钥与加密密钥对不符",
                "the encryption certificate is for another key pair than the wrapped one",
            ),
        )


def _check_room(pair: CertificatePair, model: Model) -> None:
    room = model.settings.certificate_size
    for purpose, words in CERTIFICATE_WORDS.items():
        length = len(pair.of_purpose(purpose).der)
        if length > room:
            raise WrongGrant(
                "length",
                Text(
                    f"{words.zh}有 {length} 字节，卡上文件只有 {room} 字节",
                    f"the {words.en} has {length} bytes, its file on the card {room}",
                ),
            )


def _check_lock(lock: CardLock, model: Model) -> None:
    """Refuse what every new card is locked with: it is published, and locks nobody out."""
    initial = CardLock.initial(model)
    if lock.admin_pin == initial.admin_pin or lock.control_key == initial.control_key:
        raise WrongGrant(
            "published_lock",
            Text(
                "证书机构给出的管理员 PIN 或主控密钥是公开的出厂值",
                "the administrator PIN or control key granted is the published one of a new card",
            ),
        )


def _another_person(fault: Fault, words: Text, field_name: Text) -> WrongGrant:
    return WrongGrant(
        fault,
        Text(
            f"{words.zh}属于另一个人：{field_name.zh}不符",
            f"the {words.en} is for another person: the {field_name.en} differs",
        ),
    )


@contextmanager
def _named(purpose: Purpose) -> Iterator[None]:
    """Say of an error which of the certificates it concerns."""
    try:
        yield
    except CertificateError as error:
        words = CERTIFICATE_WORDS[purpose]
        error.where = error.where or f"{words.zh} the {words.en}"
        raise
