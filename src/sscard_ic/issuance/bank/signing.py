"""Certificates and static signatures of one card, each computed once (ref 04 §6.9, §6.11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from sscard_ic.base.errors import InputError, Text
from sscard_ic.crypto.pboc.offline_data import PublicKeyCertificate, static_data
from sscard_ic.crypto.rsa import RsaPrivate
from sscard_ic.crypto.sm2 import KeyPair
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.issuance.bank.certifying import CardCertifier, CardPublic
from sscard_ic.issuance.bank.holder import BankHolder
from sscard_ic.issuance.bank.layout import LaidWay

Record = Callable[[int, int, Algorithm], bytes]
"""A whole record of the card, by SFI and number."""


class KeySource(Protocol):
    """Gives each card key pairs that no other card has."""

    def take_rsa(self, bits: int, exponent: int) -> RsaPrivate:
        """An RSA key that is given once; raises :class:`SscardError` when there is none left."""
        ...

    def take_sm2(self) -> KeyPair:
        """An SM2 pair that is given once; raises :class:`SscardError` when there is none left."""
        ...


class CardSigner:
    """Signs the data of one card with the issuers of its algorithms."""

    def __init__(
        self,
        holder: BankHolder,
        code: bytes,
        publics: Mapping[Algorithm, CardPublic],
        issuers: Mapping[Algorithm, CardCertifier],
        record: Record,
    ) -> None:
        self._holder = holder
        self._code = code
        self._publics = publics
        self._issuers = issuers
        self._record = record
        self._statics: dict[int, bytes] = {}
        self._signatures: dict[int, bytes] = {}
        self._certificates: dict[int, PublicKeyCertificate] = {}

    def issuer(self, algorithm: Algorithm) -> CardCertifier:
        """The issuer of an algorithm."""
        return self._issuers[algorithm]

    def static_signature(self, way: LaidWay) -> bytes:
        """Tag 93."""
        if way.signature not in self._signatures:
            issuer = self.issuer(way.algorithm)
            self._signatures[way.signature] = issuer.sign_static(self._code, self._static(way))
        return self._signatures[way.signature]

    def certificate(self, way: LaidWay) -> PublicKeyCertificate:
        """Tags 9F46, 9F48, 9F47; raises :class:`InputError` for a key too long for its issuer."""
        if way.signature not in self._certificates:
            self._certificates[way.signature] = self._certify(way)
        return self._certificates[way.signature]

    def _certify(self, way: LaidWay) -> PublicKeyCertificate:
        holder = self._holder
        serial = holder.certificate_serial.to_bytes(3, "big")
        public, static = self._publics[way.algorithm], self._static(way)
        try:
            return self.issuer(way.algorithm).certify(
                public, holder.pan, holder.expiry, serial, static
            )
        except ValueError as error:
            raise InputError(
                Text(
                    f"发卡行密钥无法为卡密钥签发证书：{error}",
                    f"the issuer's key cannot certify that of the card: {error}",
                ),
                hint=Text(
                    "rsa_bits 不能超过发卡行密钥长度",
                    "rsa_bits may not be more than the key of the issuer has",
                ),
            ) from None

    def _static(self, way: LaidWay) -> bytes:
        if way.signature not in self._statics:
            parts = [(sfi, self._record(sfi, number, way.algorithm)) for sfi, number in way.signed]
            self._statics[way.signature] = static_data(parts, way.aip)
        return self._statics[way.signature]
