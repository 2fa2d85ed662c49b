"""Offline authentication with SM2: certificates and signatures in clear (ref 04 §6.11).

Nothing is recovered: what is signed is read, r‖s of 64 bytes follows it. Public keys are X‖Y of 64
bytes, private ones have 32, the signer's identifier is 1234567812345678. The twin for RSA:
:mod:`sscard_ic.crypto.pboc.offline`, with the same functions.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.crypto import sm3
from sscard_ic.crypto.pboc.offline_data import (
    DAC_LENGTH,
    EXPIRY_LENGTH,
    IDENTIFIER_LENGTH,
    PAN_LENGTH,
    SERIAL_LENGTH,
    OfflineError,
    OpenedCertificate,
    PublicKeyCertificate,
    digits_of,
    expiry_field,
    expiry_of,
    identifier_field,
    pan_field,
    require_dac,
    require_serial,
)
from sscard_ic.crypto.sm2 import KeyPair, Sm2Error, message_digest, provider
from sscard_ic.crypto.sm2.model import PUBLIC_LENGTH, SIGNATURE_LENGTH

Signer = KeyPair | Secretive
"""A private key; its public one, which signatures need, is computed where it is not given along."""

_ISSUER, _STATIC, _CARD, _DYNAMIC = 0x12, 0x13, 0x14, 0x15
_ALGORITHMS = bytes((0x04, 0x00, 0x11, PUBLIC_LENGTH))
"""Signature algorithm, encryption algorithm, parameters, length of the key."""
_LONGEST_DYNAMIC = 0xFF


def issuer_certificate(
    ca: Signer, issuer: bytes, identifier: str, expiry: date, serial: bytes
) -> PublicKeyCertificate:
    """The certificate of an issuer (90, 142 bytes): ``identifier`` are 3-8 digits of its PANs.

    Raises ``ValueError`` for what does not fit.
    """
    return _certificate(ca, _ISSUER, identifier_field(identifier), issuer, expiry, serial, b"")


def card_certificate(
    issuer: Signer, card: bytes, pan: str, expiry: date, serial: bytes, static: bytes
) -> PublicKeyCertificate:
    """The certificate of a card (9F46, 148 bytes), bound to its static data.

    Raises ``ValueError`` for what does not fit.
    """
    return _certificate(issuer, _CARD, pan_field(pan), card, expiry, serial, static)


def static_signature(issuer: Signer, dac: bytes, static: bytes) -> bytes:
    """Signed static application data (93, 67 bytes): ``dac`` of 2 bytes, the static data."""
    return _signed(issuer, bytes((_STATIC,)) + require_dac(dac), static)


def dynamic_signature(card: Signer, dynamic: bytes, terminal: bytes) -> bytes:
    """Signed dynamic application data (9F4B, 66 bytes and the dynamic data): DDA, CDA, fDDA."""
    if len(dynamic) > _LONGEST_DYNAMIC:
        raise ValueError("too much dynamic data")
    return _signed(card, bytes((_DYNAMIC, len(dynamic))) + dynamic, terminal)


def open_issuer(
    ca: bytes, certificate: bytes, remainder: bytes = b"", exponent: bytes = b""
) -> OpenedCertificate[bytes]:
    """What the certificate of an issuer says; raises :class:`OfflineError` unless ``ca`` signed it.

    SM2 has no remainder and no exponent: what a card gives out as such is not looked at.
    """
    return _opened(ca, _ISSUER, IDENTIFIER_LENGTH, certificate, b"")


def open_card(
    issuer: bytes, certificate: bytes, remainder: bytes, exponent: bytes, static: bytes
) -> OpenedCertificate[bytes]:
    """What the certificate of a card says; raises :class:`OfflineError` unless ``issuer`` signed
    it over these static data."""
    return _opened(issuer, _CARD, PAN_LENGTH, certificate, static)


def issuer_key(
    ca: bytes,
    certificate: bytes,
    remainder: bytes,
    exponent: bytes,
    pan: str,
    at: date,
    revoked: Collection[bytes] = (),
) -> bytes:
    """The public key of the issuer of the card ``pan`` on the day ``at``; :class:`OfflineError`.

    ``revoked``: serial numbers of certificates of this CA key that are not believed any more.
    """
    opened = open_issuer(ca, certificate, remainder, exponent)
    opened.require_issuer_of(pan)
    opened.require_valid(at)
    opened.require_unrevoked(revoked)
    return opened.key


def card_key(
    issuer: bytes,
    certificate: bytes,
    remainder: bytes,
    exponent: bytes,
    static: bytes,
    pan: str,
    at: date,
) -> bytes:
    """The public key of the card ``pan`` on the day ``at``; raises :class:`OfflineError`."""
    opened = open_card(issuer, certificate, remainder, exponent, static)
    opened.require_card(pan)
    opened.require_valid(at)
    return opened.key


def check_static(issuer: bytes, signature: bytes, static: bytes) -> bytes:
    """The data authentication code (9F45, 2 bytes) of right static data (SDA).

    Raises :class:`OfflineError`.
    """
    return _checked(issuer, signature, _STATIC, 1 + DAC_LENGTH, static)[1:]


def check_dynamic(card: bytes, signature: bytes, terminal: bytes) -> bytes:
    """The dynamic data of the card that a right signature (9F4B) holds.

    Raises :class:`OfflineError`.
    """
    length = signature[1] if len(signature) > 1 else 0
    return _checked(card, signature, _DYNAMIC, 2 + length, terminal)[2:]


def transaction_hash(data: bytes) -> bytes:
    """32 bytes over what the parties told each other (CDA; ref 04 §6.11)."""
    return sm3.digest(data)


def _certificate(
    signer: Signer,
    kind: int,
    subject: bytes,
    key: bytes,
    expiry: date,
    serial: bytes,
    static: bytes,
) -> PublicKeyCertificate:
    provider().check_public(key)
    head = bytes((kind,)) + subject + expiry_field(expiry) + require_serial(serial)
    return PublicKeyCertificate(_signed(signer, head + _ALGORITHMS + key, static))


def _signed(signer: Signer, clear: bytes, tail: bytes) -> bytes:
    """``clear`` and r‖s over it and ``tail``."""
    pair = _pair(signer)
    return clear + provider().sign(pair.private, message_digest(pair.public, clear + tail))


def _pair(signer: Signer) -> KeyPair:
    if isinstance(signer, KeyPair):
        return signer
    private = signer if isinstance(signer, Secret) else Secret(signer)
    return KeyPair(private, provider().public_of(private))


def _opened(
    signer: bytes, kind: int, size: int, certificate: bytes, tail: bytes
) -> OpenedCertificate[bytes]:
    """A certificate whose subject has ``size`` bytes."""
    fields = 1 + size + EXPIRY_LENGTH + SERIAL_LENGTH
    length = fields + len(_ALGORITHMS) + PUBLIC_LENGTH
    clear = _checked(signer, certificate, kind, length, tail)
    algorithms, key = clear[fields:-PUBLIC_LENGTH], clear[-PUBLIC_LENGTH:]
    if algorithms != _ALGORITHMS:
        told = algorithms.hex().upper()
        raise OfflineError(f"不支持的算法标识 {told}", f"algorithm identifiers {told}")
    try:
        provider().check_public(key)
    except Sm2Error:
        raise OfflineError(
            "证书中的公钥无法使用", "the key in the certificate cannot be used"
        ) from None
    at = 1 + size
    expiry = expiry_of(clear[at : at + EXPIRY_LENGTH])
    serial = clear[at + EXPIRY_LENGTH : fields]
    return OpenedCertificate(digits_of(clear[1:at]), expiry, serial, key)


def _checked(signer: bytes, signed: bytes, kind: int, length: int, tail: bytes) -> bytes:
    """The ``length`` bytes before r‖s, which is right over them and ``tail``."""
    if len(signed) != length + SIGNATURE_LENGTH:
        raise OfflineError(
            f"长度为 {len(signed)} 字节，应为 {length + SIGNATURE_LENGTH} 字节",
            f"{len(signed)} bytes instead of {length + SIGNATURE_LENGTH}",
        )
    clear, signature = signed[:length], signed[length:]
    if clear[0] != kind:
        raise OfflineError("数据格式不符", "the data have another format")
    try:
        right = provider().verify(signer, message_digest(signer, clear + tail), signature)
    except Sm2Error:
        raise OfflineError("签名者公钥无法使用", "the key of the signer cannot be used") from None
    if not right:
        raise OfflineError("签名不符", "the signature is wrong")
    return clear
