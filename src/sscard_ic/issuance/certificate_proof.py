"""Shows that a card bears its certificates and can use their keys (LD/T 6001.3 CHECK_CERT)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sscard_ic.base.errors import CardError, Text
from sscard_ic.card import CertificateApplication
from sscard_ic.crypto.certificates import Certificate
from sscard_ic.crypto.sm2 import DEFAULT_USER_ID, message_digest, provider
from sscard_ic.issuance.certificate_checks import (
    CertificateHolder,
    CertificatePair,
    check_pair,
)
from sscard_ic.issuance.certificate_locks import CardLock, prove_locks
from sscard_ic.issuance.certificate_login import log_in
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin
from sscard_ic.profile.certificate import CertificateApplication as Model
from sscard_ic.profile.certificate_words import CERTIFICATE_WORDS

_MESSAGE_LENGTH = 16
"""Bytes that the card decrypts: the length of a session key (ref 02 §8.2)."""


@dataclass(frozen=True, slots=True)
class CertificateReport:
    """The certificates of a card that fit it and its holder."""

    signature: Certificate
    encryption: Certificate


def check_certificates(
    application: CertificateApplication,
    model: Model,
    holder: CertificateHolder,
    trusted: Sequence[Certificate],
    at: datetime,
    grant: CertificateGrant,
    *,
    user_pin: CertificatePin | None = None,
    specimen: bool = False,
) -> CertificateReport:
    """Certificates, keys, administrator PIN and control keys of a card, all as ``grant`` says.

    The certificates are read back and checked for chain, validity and ``holder``; a signature and
    a decryption by the card prove the private keys. ``user_pin``: that of a new card, when left
    out. ``specimen``: administrator PIN and control keys are the published ones. Raises
    :class:`CardError` for what the card holds or does otherwise, :class:`WrongGrant` and
    :class:`CertificateError` for a grant that was no good, or is not any more.
    """
    pair = CertificatePair.of(grant)
    rules, lock = model.rules, CardLock.of(grant)
    needed = [rules.read_certificate, rules.read_public, rules.use_private]
    log_in(application, needed, user_pin=user_pin, locks=[lock])
    for purpose, words in CERTIFICATE_WORDS.items():
        certificate = pair.of_purpose(purpose)
        if application.certificate(purpose) != certificate.der:
            raise _Differs(words, Text("不是已签发的证书", "is not the one that was granted"))
        if application.public_key(purpose) != certificate.public:
            raise _Differs(words, Text("与卡内公钥不符", "is not for the key of the card"))
    check_pair(pair, holder, model, trusted, at)
    _prove_signature(application, pair.signature)
    _prove_decryption(application, pair.encryption)
    prove_locks(application, model, lock, specimen=specimen)
    return CertificateReport(pair.signature, pair.encryption)


class _Differs(CardError):
    def __init__(self, words: Text, how: Text) -> None:
        super().__init__(
            Text(f"卡上的{words.zh}{how.zh}", f"the {words.en} on the card {how.en}"),
        )


def _prove_signature(application: CertificateApplication, certificate: Certificate) -> None:
    message = secrets.token_bytes(_MESSAGE_LENGTH)
    signature = application.sign(message, DEFAULT_USER_ID)
    digest = message_digest(certificate.public, message, DEFAULT_USER_ID)
    if not provider().verify(certificate.public, digest, signature):
        raise CardError(
            Text(
                "卡的签名用签名证书验证不通过",
                "a signature by the card does not verify with its signature certificate",
            )
        )


def _prove_decryption(application: CertificateApplication, certificate: Certificate) -> None:
    message = secrets.token_bytes(_MESSAGE_LENGTH)
    cipher = provider().encrypt(certificate.public, message)
    if application.decrypt(cipher).reveal() != message:
        raise CardError(
            Text(
                "卡不能解密用加密证书加密的数据",
                "the card does not decrypt what was enciphered for its encryption certificate",
            )
        )
