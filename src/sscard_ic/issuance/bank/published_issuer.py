"""The published test payment authority and an issuer below it; their private keys are files.

``profiles/authorities/test/payment-*.pem``: anybody has them, so what they sign proves nothing.
They were made once and travel with the program: certificates are the same on every machine.
"""

from __future__ import annotations

import base64
import re
from datetime import date
from functools import lru_cache

from sscard_ic.base.errors import InputError, Text, os_reason
from sscard_ic.base.resources import profiles_dir
from sscard_ic.base.secret import Secret
from sscard_ic.crypto.pboc import offline, offline_sm2
from sscard_ic.crypto.rsa import RsaPrivate, private_from_der
from sscard_ic.crypto.sm2 import KeyPair, provider
from sscard_ic.crypto.sm2.model import PRIVATE_LENGTH
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.issuance.bank.certifying import (
    CardCertifier,
    IssuerCertificate,
    RsaCertifier,
    Sm2Certifier,
)

FOLDER = "authorities/test"
"""Below ``profiles/``."""
RSA_INDEX, SM2_INDEX = 0xE1, 0xE2
"""Of the two keys of the authority, under RID A000000333; no real key has them (ref 04 §6.13)."""
EXPIRY = date(2049, 12, 31)
IDENTIFIER_DIGITS = 6
"""Leftmost digits of a PAN that an issuer certificate names."""

_SERIAL = bytes((0, 0, 1))
_SM2_HEAD = bytes.fromhex(
    "308187020100301306072A8648CE3D020106082A811CCF5501822D046D306B0201010420"
)
"""PKCS#8 of an SM2 key up to the private key, as OpenSSL writes it."""
_PEM = re.compile(r"-----BEGIN [A-Z ]+-----([A-Za-z0-9+/=\s]+)-----END [A-Z ]+-----\s*")


class PublishedIssuer:
    """Issues cards of every PAN with the published test keys: never for real cards."""

    def __init__(self, digits: int = IDENTIFIER_DIGITS) -> None:
        self._digits = digits

    def certifier(self, algorithm: Algorithm, pan: str) -> CardCertifier:
        """The issuer of the cards whose PAN begins like ``pan``; :class:`InputError` on damage."""
        identifier = pan[: self._digits]
        return _rsa_issuer(identifier) if algorithm == "3des" else _sm2_issuer(identifier)


@lru_cache(maxsize=1)
def authority_rsa() -> RsaPrivate:
    """RSA key of the test payment authority, 1536 bits."""
    return _rsa("payment-ca-rsa.pem")


@lru_cache(maxsize=1)
def authority_sm2() -> KeyPair:
    """Its SM2 key."""
    return _sm2("payment-ca-sm2.pem")


@lru_cache(maxsize=64)
def _rsa_issuer(identifier: str) -> RsaCertifier:
    private = _rsa("payment-issuer-rsa.pem")
    held = offline.issuer_certificate(authority_rsa(), private.public, identifier, EXPIRY, _SERIAL)
    return RsaCertifier(private, IssuerCertificate(RSA_INDEX, held, EXPIRY))


@lru_cache(maxsize=64)
def _sm2_issuer(identifier: str) -> Sm2Certifier:
    pair = _sm2("payment-issuer-sm2.pem")
    held = offline_sm2.issuer_certificate(authority_sm2(), pair.public, identifier, EXPIRY, _SERIAL)
    return Sm2Certifier(pair, IssuerCertificate(SM2_INDEX, held, EXPIRY))


def _rsa(name: str) -> RsaPrivate:
    try:
        return private_from_der(_der(name))
    except ValueError:
        raise _damaged(name) from None


def _sm2(name: str) -> KeyPair:
    der = _der(name)
    private = Secret(der[len(_SM2_HEAD) : len(_SM2_HEAD) + PRIVATE_LENGTH])
    if not der.startswith(_SM2_HEAD) or len(private) != PRIVATE_LENGTH:
        raise _damaged(name)
    return KeyPair(private, provider().public_of(private))


def _der(name: str) -> bytes:
    file = profiles_dir() / FOLDER / name
    try:
        found = _PEM.fullmatch(file.read_text(encoding="ascii"))
    except OSError as error:
        reason = os_reason(error)
        raise _damaged(name, reason) from None
    except UnicodeDecodeError:
        raise _damaged(name) from None
    if found is None:
        raise _damaged(name)
    return base64.b64decode(found[1])


def _damaged(name: str, reason: Text | None = None) -> InputError:
    why = reason or Text("内容损坏", "it is damaged")
    return InputError(
        Text(f"测试支付根的密钥无法使用（{why.zh}）", f"no key of the test authority ({why.en})"),
        where=f"profiles/{FOLDER}/{name}",
        hint=Text("重新安装本程序", "install the program again"),
    )
