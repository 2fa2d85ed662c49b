"""SM2 keys of tests in the files of the `openssl` command (RFC 5958)."""

from __future__ import annotations

import base64

from sscard_ic.base.secret import Secret
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto.sm2 import KeyPair, forms

_ALGORITHM = bytes.fromhex("301306072A8648CE3D020106082A811CCF5501822D")
_VALUE_AT = 36
"""Where OpenSSL writes the 32 bytes of the private key."""


def private_to_der(pair: KeyPair) -> bytes:
    """PrivateKeyInfo, with the public key in it, as OpenSSL writes it: 138 bytes."""
    public = encode_ber(0xA1, encode_ber(0x03, b"\x00\x04", pair.public))
    one, zero = encode_ber(0x02, b"\x01"), encode_ber(0x02, b"\x00")
    key = encode_ber(0x30, one, encode_ber(0x04, pair.private.reveal()), public)
    return encode_ber(0x30, zero, _ALGORITHM, encode_ber(0x04, key))


def private_to_pem(pair: KeyPair) -> bytes:
    """PRIVATE KEY in PEM, not enciphered."""
    text = base64.b64encode(private_to_der(pair))
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join((b"-----BEGIN PRIVATE KEY-----", *lines, b"-----END PRIVATE KEY-----", b""))


def private_from_pem(text: bytes) -> Secret:
    """The private key of a file of OpenSSL's."""
    return Secret(_der(text)[_VALUE_AT : _VALUE_AT + 32])


def public_from_pem(text: str) -> bytes:
    """X‖Y of a PUBLIC KEY."""
    return forms.public_from_spki(_der(text.encode("ascii")))


def _der(text: bytes) -> bytes:
    return base64.b64decode(b"".join(text.split(b"-----")[2].split()), validate=True)
