"""SM2 keys, signatures and ciphertexts as DER and PEM (GM/T 0009, RFC 5480, RFC 5958).

Decoding is strict: whatever would not be written byte for byte the same is refused with
:class:`~sscard_ic.crypto.sm2.model.Sm2Error`. Points are not looked for on the curve here; every
use of a key does that.
"""

from __future__ import annotations

import base64
import binascii

from sscard_ic.base.secret import Secret
from sscard_ic.codec.tlv import BerTlv, TlvError, encode_ber, parse_ber
from sscard_ic.crypto.sm2.model import (
    C1_LENGTH,
    CIPHER_OVERHEAD,
    PRIVATE_LENGTH,
    SIGNATURE_LENGTH,
    KeyPair,
    Sm2Error,
    require_cipher,
    require_private,
    require_public,
)

_HALF = 32
_INTEGER, _BITS, _OCTETS, _SEQUENCE = 0x02, 0x03, 0x04, 0x30
_PARAMETERS, _PUBLIC = 0xA0, 0xA1
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
    return _pem("PUBLIC KEY", public_to_spki(public)).decode()


def public_from_pem(text: str) -> bytes:
    """X‖Y of the only block of ``text``, which is a PUBLIC KEY."""
    return public_from_spki(_from_pem("PUBLIC KEY", text))


def private_to_pkcs8(pair: KeyPair) -> Secret:
    """PrivateKeyInfo, with the public key in it, as OpenSSL writes it: 138 bytes."""
    require_private(pair.private)
    require_public(pair.public)
    bits = encode_ber(_BITS, _UNCOMPRESSED, pair.public)
    return Secret(_private_key_info(pair.private.reveal(), b"", encode_ber(_PUBLIC, bits)))


def private_from_pkcs8(der: Secret) -> Secret:
    """The private key of a PrivateKeyInfo: 32 bytes.

    Its public key may be missing and is not looked at; ask
    :meth:`~sscard_ic.crypto.sm2.Sm2.public_of`.
    """
    data = der.reveal()
    inner = _children(data, "a private key", _INTEGER, _SEQUENCE, _OCTETS)[2].value
    key = _sequence(inner, "a private key")
    value = key[1].value if len(key) > 1 else b""
    if len(value) != PRIVATE_LENGTH:
        raise Sm2Error("this is no private key of SM2 in DER")
    forms = (
        _private_key_info(value, parameters, public)
        for parameters in (b"", encode_ber(_PARAMETERS, _CURVE))
        for public in (b"", _public_bits(key[-1]))
    )
    if data not in forms:
        raise Sm2Error("this is no private key of SM2 in DER")
    private = Secret(value)
    require_private(private)
    return private


def private_to_pem(pair: KeyPair) -> Secret:
    """PRIVATE KEY in PEM, not enciphered."""
    return Secret(_pem("PRIVATE KEY", private_to_pkcs8(pair).reveal()))


def private_from_pem(text: Secret) -> Secret:
    """The private key of the only block of ``text``, which is a PRIVATE KEY: 32 bytes."""
    data = text.reveal().decode("ascii", errors="replace")
    return private_from_pkcs8(Secret(_from_pem("PRIVATE KEY", data)))


def _private_key_info(value: bytes, parameters: bytes, public: bytes) -> bytes:
    one, zero = encode_ber(_INTEGER, b"\x01"), encode_ber(_INTEGER, b"\x00")
    key = encode_ber(_SEQUENCE, one, encode_ber(_OCTETS, value), parameters, public)
    return encode_ber(_SEQUENCE, zero, _ALGORITHM, encode_ber(_OCTETS, key))


def _public_bits(last: BerTlv) -> bytes:
    """The public key that ends a private key, written anew; nothing when it is something else."""
    if last.tag != _PUBLIC or [child.tag for child in last.children] != [_BITS]:
        return b""
    bits = last.children[0].value
    if len(bits) != len(_UNCOMPRESSED) + 2 * _HALF or not bits.startswith(_UNCOMPRESSED):
        return b""
    return encode_ber(_PUBLIC, encode_ber(_BITS, bits))


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
        objects = ()  # its words may quote bytes of a key: they stay out of the chain of errors
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


def _pem(label: str, der: bytes) -> bytes:
    text = base64.b64encode(der)
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    mark = label.encode()
    return b"\n".join((b"-----BEGIN %b-----" % mark, *lines, b"-----END %b-----" % mark, b""))


def _from_pem(label: str, text: str) -> bytes:
    lines = text.strip().splitlines()
    if len(lines) < 2 or (lines[0], lines[-1]) != (
        f"-----BEGIN {label}-----",
        f"-----END {label}-----",
    ):
        raise Sm2Error(f"this is no {label} in PEM")
    try:
        return base64.b64decode("".join(line.strip() for line in lines[1:-1]), validate=True)
    except (binascii.Error, ValueError):
        pass  # raised below, so that nothing of the text hangs on the error
    raise Sm2Error(f"this is no {label} in PEM")
