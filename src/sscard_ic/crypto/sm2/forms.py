"""SM2 public keys, signatures and ciphertexts as DER and PEM (GM/T 0009, RFC 5480).

Decoding is strict: whatever would not be written byte for byte the same is refused with
:class:`~sscard_ic.crypto.sm2.model.Sm2Error`. Points are not looked for on the curve here; every
use of a key does that.
"""

from __future__ import annotations

import base64

from sscard_ic.codec.tlv import BerTlv, TlvError, encode_ber, parse_ber
from sscard_ic.crypto.sm2.model import (
    C1_LENGTH,
    CIPHER_OVERHEAD,
    SIGNATURE_LENGTH,
    Sm2Error,
    require_cipher,
    require_public,
)

_HALF = 32
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30
_UNCOMPRESSED = b"\x00\x04"
"""No unused bits, then the mark of a point with both coordinates."""

_CURVE = bytes.fromhex("06082A811CCF5501822D")
"""1.2.156.10197.1.301, the recommended curve."""
_ALGORITHM = encode_ber(_SEQUENCE, bytes.fromhex("06072A8648CE3D0201"), _CURVE)
"""1.2.840.10045.2.1 with that curve (ref 02 §8.9)."""
_SPKI_HEAD = bytes.fromhex("3059") + _ALGORITHM + bytes.fromhex("0342") + _UNCOMPRESSED

_LINE = 64


def signature_to_der(signature: bytes) -> bytes:
    """SEQUENCE of r and s, for r‖s of 64 bytes."""
    if len(signature) != SIGNATURE_LENGTH:
        raise Sm2Error("a signature has 64 bytes")
    return encode_ber(_SEQUENCE, _integer(signature[:_HALF]), _integer(signature[_HALF:]))


def signature_from_der(der: bytes) -> bytes:
    """r‖s of 64 bytes; whether they are in range, only the verification says."""
    r, s = _children(der, "a signature", _INTEGER, _INTEGER)
    signature = _coordinate(r) + _coordinate(s)
    return _same(signature, signature_to_der(signature), der)


def cipher_to_der(cipher: bytes) -> bytes:
    """SM2Cipher, the SEQUENCE of X, Y, HASH and CipherText, for C1‖C3‖C2."""
    require_cipher(cipher)
    return encode_ber(
        _SEQUENCE,
        _integer(cipher[:_HALF]),
        _integer(cipher[_HALF:C1_LENGTH]),
        encode_ber(_OCTETS, cipher[C1_LENGTH:CIPHER_OVERHEAD]),
        encode_ber(_OCTETS, cipher[CIPHER_OVERHEAD:]),
    )


def cipher_from_der(der: bytes) -> bytes:
    """C1‖C3‖C2 of an SM2Cipher."""
    x, y, c3, c2 = _children(der, "a ciphertext", _INTEGER, _INTEGER, _OCTETS, _OCTETS)
    if len(c3.value) != CIPHER_OVERHEAD - C1_LENGTH:
        raise Sm2Error("the HASH of a ciphertext has 32 bytes")
    cipher = _coordinate(x) + _coordinate(y) + c3.value + c2.value
    return _same(cipher, cipher_to_der(cipher), der)


def public_to_spki(public: bytes) -> bytes:
    """SubjectPublicKeyInfo of X‖Y: 91 bytes."""
    require_public(public)
    return _SPKI_HEAD + public


def public_from_spki(der: bytes) -> bytes:
    """X‖Y of a SubjectPublicKeyInfo; the curve by name, the point with both coordinates."""
    public = der[len(_SPKI_HEAD) :]
    if not der.startswith(_SPKI_HEAD):
        raise Sm2Error("this is no public key of SM2 in DER")
    require_public(public)
    return public


def public_to_pem(public: bytes) -> str:
    """PUBLIC KEY in PEM."""
    text = base64.b64encode(public_to_spki(public)).decode("ascii")
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    return "\n".join(("-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""))


def _children(der: bytes, name: str, *tags: int) -> tuple[BerTlv, ...]:
    """The parts of the only SEQUENCE of ``der``, which have these tags."""
    children = _sequence(der, name)
    if tuple(child.tag for child in children) != tags:
        raise Sm2Error(f"this is not {name} of SM2 in DER")
    return children


def _sequence(der: bytes, name: str) -> tuple[BerTlv, ...]:
    try:
        objects = parse_ber(der)
    except TlvError:
        objects = ()  # its words may quote bytes: they stay out of the chain of errors
    if [outer.tag for outer in objects] != [_SEQUENCE]:
        raise Sm2Error(f"this is not {name} of SM2 in DER")
    return objects[0].children


def _same(value: bytes, written: bytes, given: bytes) -> bytes:
    """``value``, unless it was not given as DER writes it."""
    if written != given:
        raise Sm2Error("this is not strict DER")
    return value


def _integer(number: bytes) -> bytes:
    shortest = number.lstrip(b"\x00")
    sign = b"" if shortest and shortest[0] < 0x80 else b"\x00"
    return encode_ber(_INTEGER, sign, shortest)


def _coordinate(integer: BerTlv) -> bytes:
    """A number of at most 32 bytes, on 32 bytes."""
    value = integer.value
    if not value or value[0] >= 0x80:
        raise Sm2Error("a number is missing or negative")
    number = value.lstrip(b"\x00")
    if len(number) > _HALF:
        raise Sm2Error("a number has more than 32 bytes")
    return number.rjust(_HALF, b"\x00")
