"""Offline authentication with RSA: certificates and signatures with recovery (ref 14 §7, 04 §6.9).

``6A ‖ content ‖ SHA-1 ‖ BC``, put through a private key; N are the bytes of its modulus. The twin
for SM2: :mod:`sscard_ic.crypto.pboc.offline_sm2`, with the same functions. What is signed:
:mod:`sscard_ic.crypto.pboc.offline_data`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import date

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
from sscard_ic.crypto.rsa import EXPONENTS, RsaPrivate, RsaPublic

_HEADER, _TRAILER, _FILLING = b"\x6a", b"\xbc", b"\xbb"
_ISSUER, _STATIC, _CARD, _DYNAMIC = 0x02, 0x03, 0x04, 0x05
_SHA_1 = 0x01
_RSA = 0x01
_HASH = 20
_OVERHEAD = len(_HEADER) + _HASH + len(_TRAILER)
_DYNAMIC_FIXED = _OVERHEAD + 3
_LONGEST_MODULUS = 248


def wrap(private: RsaPrivate, content: bytes, hashed_tail: bytes) -> bytes:
    """A signature of N bytes over ``content`` (N-22 bytes, recovered) and ``hashed_tail``.

    Raises ``ValueError`` for content of another length.
    """
    if len(content) != private.length - _OVERHEAD:
        raise ValueError(f"{private.length - _OVERHEAD} bytes of content are expected")
    return private.apply(_HEADER + content + _sha1(content + hashed_tail) + _TRAILER)


def recover(public: RsaPublic, block: bytes) -> bytes:
    """Content and hash (N-2 bytes) of a signature with recovery.

    Raises :class:`OfflineError` for another length, first or last byte. That the hash is right,
    only the caller can tell, who knows what else it covers.
    """
    if len(block) != public.length:
        raise OfflineError(
            f"长度为 {len(block)} 字节，公钥模长为 {public.length} 字节",
            f"{len(block)} bytes for a key of {public.length}",
        )
    try:
        clear = public.apply(block)
    except ValueError:
        raise _unreadable() from None
    if clear[-1:] != _TRAILER or clear[:1] != _HEADER:
        raise _unreadable()
    return clear[1:-1]


def issuer_certificate(
    ca: RsaPrivate, issuer: RsaPublic, identifier: str, expiry: date, serial: bytes
) -> PublicKeyCertificate:
    """The certificate of an issuer (90, 92, 9F32): ``identifier`` are 3-8 digits of its PANs.

    Raises ``ValueError`` for what does not fit.
    """
    subject = identifier_field(identifier)
    return _certificate(ca, _ISSUER, subject, issuer, expiry, serial, b"")


def card_certificate(
    issuer: RsaPrivate, card: RsaPublic, pan: str, expiry: date, serial: bytes, static: bytes
) -> PublicKeyCertificate:
    """The certificate of a card (9F46, 9F48, 9F47), bound to its static data.

    Raises ``ValueError`` for what does not fit.
    """
    return _certificate(issuer, _CARD, pan_field(pan), card, expiry, serial, static)


def static_signature(issuer: RsaPrivate, dac: bytes, static: bytes) -> bytes:
    """Signed static application data (93, N bytes): ``dac`` of 2 bytes, the static data."""
    content = bytes((_STATIC, _SHA_1)) + require_dac(dac)
    return wrap(issuer, content.ljust(issuer.length - _OVERHEAD, _FILLING), static)


def dynamic_signature(card: RsaPrivate, dynamic: bytes, terminal: bytes) -> bytes:
    """Signed dynamic application data (9F4B, N bytes): DDA, CDA, fDDA.

    ``dynamic`` are the card's data, recovered; ``terminal`` what of the terminal is covered: the
    values of the DDOL, the unpredictable number, or :func:`fast_terminal_data`. Raises
    ``ValueError`` for more dynamic data than :func:`dynamic_room`.
    """
    if len(dynamic) > dynamic_room(card.public):
        raise ValueError("the key is too short for the dynamic data")
    content = bytes((_DYNAMIC, _SHA_1, len(dynamic))) + dynamic
    return wrap(card, content.ljust(card.length - _OVERHEAD, _FILLING), terminal)


def dynamic_room(card: RsaPublic) -> int:
    """Bytes of dynamic data that a signature of a card holds: N-25 (ref 14 §7.2)."""
    return card.length - _DYNAMIC_FIXED


def open_issuer(
    ca: RsaPublic, certificate: bytes, remainder: bytes, exponent: bytes
) -> OpenedCertificate[RsaPublic]:
    """What the certificate of an issuer says; raises :class:`OfflineError` unless ``ca`` signed it.

    Whether it has expired or is another issuer's is not looked at.
    """
    tail = remainder + exponent
    return _opened(ca, _ISSUER, IDENTIFIER_LENGTH, certificate, remainder, exponent, tail)


def open_card(
    issuer: RsaPublic, certificate: bytes, remainder: bytes, exponent: bytes, static: bytes
) -> OpenedCertificate[RsaPublic]:
    """What the certificate of a card says; raises :class:`OfflineError` unless ``issuer`` signed
    it over these static data."""
    tail = remainder + exponent + static
    return _opened(issuer, _CARD, PAN_LENGTH, certificate, remainder, exponent, tail)


def issuer_key(
    ca: RsaPublic,
    certificate: bytes,
    remainder: bytes,
    exponent: bytes,
    pan: str,
    at: date,
    revoked: Collection[bytes] = (),
) -> RsaPublic:
    """The public key of the issuer of the card ``pan`` on the day ``at`` (ref 14 §7.3).

    ``revoked``: serial numbers of certificates of this CA key that are not believed any more.
    Raises :class:`OfflineError`.
    """
    opened = open_issuer(ca, certificate, remainder, exponent)
    opened.require_issuer_of(pan)
    opened.require_valid(at)
    opened.require_unrevoked(revoked)
    return opened.key


def card_key(
    issuer: RsaPublic,
    certificate: bytes,
    remainder: bytes,
    exponent: bytes,
    static: bytes,
    pan: str,
    at: date,
) -> RsaPublic:
    """The public key of the card ``pan`` on the day ``at`` (ref 14 §7.3).

    Raises :class:`OfflineError`.
    """
    opened = open_card(issuer, certificate, remainder, exponent, static)
    opened.require_card(pan)
    opened.require_valid(at)
    return opened.key


def check_static(issuer: RsaPublic, signature: bytes, static: bytes) -> bytes:
    """The data authentication code (9F45, 2 bytes) of right static data (SDA).

    Raises :class:`OfflineError`.
    """
    content = _checked(issuer, signature, _STATIC, static)
    return content[2 : 2 + DAC_LENGTH]


def check_dynamic(card: RsaPublic, signature: bytes, terminal: bytes) -> bytes:
    """The dynamic data of the card that a right signature (9F4B) holds; see
    :func:`dynamic_signature`. Raises :class:`OfflineError`.
    """
    content = _checked(card, signature, _DYNAMIC, terminal)
    length = content[2]
    if length > dynamic_room(card):
        raise OfflineError("动态数据长度有误", "the length of the dynamic data is wrong")
    return content[3 : 3 + length]


def transaction_hash(data: bytes) -> bytes:
    """20 bytes over what the parties told each other (CDA; ref 14 §7.5)."""
    return _sha1(data)


def _certificate(
    signer: RsaPrivate,
    kind: int,
    subject: bytes,
    key: RsaPublic,
    expiry: date,
    serial: bytes,
    static: bytes,
) -> PublicKeyCertificate:
    if key.exponent not in EXPONENTS:
        raise ValueError("the public exponent is 3 or 65537")
    if not key.length <= signer.length <= _LONGEST_MODULUS:
        raise ValueError("a key is not longer than that of its signer, nor than 248 bytes")
    exponent = key.exponent_bytes
    head = bytes((kind,)) + subject + expiry_field(expiry) + require_serial(serial)
    head += bytes((_SHA_1, _RSA, key.length, len(exponent)))
    room = signer.length - _OVERHEAD - len(head)
    modulus, remainder = key.modulus_bytes[:room], key.modulus_bytes[room:]
    tail = remainder + exponent + static
    signed = wrap(signer, head + modulus.ljust(room, _FILLING), tail)
    return PublicKeyCertificate(signed, remainder, exponent)


def _opened(
    signer: RsaPublic,
    kind: int,
    size: int,
    certificate: bytes,
    remainder: bytes,
    exponent: bytes,
    tail: bytes,
) -> OpenedCertificate[RsaPublic]:
    """A certificate whose subject has ``size`` bytes; its hash covers ``tail``, too."""
    content = _checked(signer, certificate, kind, tail, hash_at=size + 6)
    at = 1 + size
    expiry, at = content[at : at + EXPIRY_LENGTH], at + EXPIRY_LENGTH
    serial, at = content[at : at + SERIAL_LENGTH], at + SERIAL_LENGTH
    _, algorithm, length, exponent_length = content[at : at + 4]
    if algorithm != _RSA:
        raise OfflineError(
            f"不支持的公钥算法 {algorithm:02X}", f"public key algorithm {algorithm:02X}"
        )
    part = content[at + 4 :][:length]
    if len(part) + len(remainder) != length or len(exponent) != exponent_length:
        raise OfflineError(
            "公钥余项或指数与证书所述长度不符",
            "remainder or exponent have not the length that the certificate says",
        )
    subject, valid = digits_of(content[1 : 1 + size]), expiry_of(expiry)
    return OpenedCertificate(subject, valid, serial, _key(part + remainder, exponent))


def _key(modulus: bytes, exponent: bytes) -> RsaPublic:
    wrong = OfflineError("证书中的公钥无法使用", "the key in the certificate cannot be used")
    if int.from_bytes(exponent, "big") not in EXPONENTS:
        raise wrong
    try:
        return RsaPublic.of_bytes(modulus, exponent)
    except ValueError:
        raise wrong from None


def _checked(
    public: RsaPublic, signature: bytes, kind: int, tail: bytes, hash_at: int = 1
) -> bytes:
    """The content of a signature whose hash is right, without the hash.

    ``hash_at``: where the content says by which algorithm it is hashed.
    """
    clear = recover(public, signature)
    content, told = clear[:-_HASH], clear[-_HASH:]
    if len(content) <= hash_at or content[0] != kind:
        raise OfflineError("恢复出的数据格式不符", "what is recovered has another format")
    if content[hash_at] != _SHA_1:
        raise OfflineError(
            f"不支持的哈希算法 {content[hash_at]:02X}", f"hash algorithm {content[hash_at]:02X}"
        )
    if _sha1(content + tail) != told:
        raise OfflineError("哈希值不符", "the hash is wrong")
    return content


def _unreadable() -> OfflineError:
    return OfflineError("签名无法用此公钥恢复", "the signature is not one of this key")


def _sha1(data: bytes) -> bytes:
    # The payment scheme knows no other hash for RSA (ref 14 §7.1).
    return hashlib.sha1(data, usedforsecurity=False).digest()
