"""The encryption key pair as an authority sends it: ENVELOPEDKEYBLOB of GM/T 0016 (ref 02 §8.4).

388 bytes, numbers little-endian: a random SM4 key, enciphered for the card's signature key, and
the private key of the pair, enciphered with that SM4 key (ECB, no padding).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from construct import Bytes, Int32ul, Struct, Terminated

from sscard_ic.base.errors import SscardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.crypto import sm4
from sscard_ic.crypto.sm2 import KeyPair, Sm2Error, provider

BLOB_LENGTH = 388

_HALF = 32
_NUMBERS = {
    "version": 1,
    "algorithm": 0x401,  # SM4 in ECB
    "private_bits": 256,
    "public_bits": 256,
    "cipher_length": sm4.KEY_LENGTH,
}
"""The only values that fit a card's key pair (ref 02 §8.9)."""

_HIGH = ("private", "x", "y", "c1_x", "c1_y")
"""Fields of 64 bytes that hold a number of 32 in their second half."""


def _number(name: str) -> tuple[Any, Any]:
    return f"{name}_high" / Bytes(_HALF), name / Bytes(_HALF)


_BLOB = Struct(
    "version" / Int32ul,
    "algorithm" / Int32ul,
    "private_bits" / Int32ul,
    *_number("private"),
    "public_bits" / Int32ul,
    *_number("x"),
    *_number("y"),
    *_number("c1_x"),
    *_number("c1_y"),
    "c3" / Bytes(_HALF),
    "cipher_length" / Int32ul,
    "c2" / Bytes(sm4.KEY_LENGTH),
    Terminated,
)


class EnvelopedKeyError(SscardError):
    """A wrapped key pair that cannot be used; quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class EnvelopedKey:
    """A wrapped encryption key pair, its parts as the card is given them."""

    encrypted_private: bytes = field(repr=False)
    """32 bytes, SM4-ECB."""
    public: bytes
    """X‖Y, 64 bytes, a point of the curve."""
    cipher: bytes = field(repr=False)
    """The SM4 key for the card's signature key: C1‖C3‖C2, 112 bytes."""

    @classmethod
    def parse(cls, blob: bytes) -> EnvelopedKey:
        """The parts of 388 bytes; every number, unused half and point is checked.

        Raises :class:`EnvelopedKeyError`.
        """
        if len(blob) != BLOB_LENGTH:
            raise _refused(
                f"应为 {BLOB_LENGTH} 字节，实为 {len(blob)} 字节",
                f"it has {len(blob)} bytes instead of {BLOB_LENGTH}",
            )
        parts = _BLOB.parse(blob)
        for name, wanted in _NUMBERS.items():
            if parts[name] != wanted:
                zh = f"{_WORDS[name].zh}应为 {wanted}，实为 {parts[name]}"
                raise _refused(zh, f"{_WORDS[name].en} is {parts[name]} instead of {wanted}")
        if any(any(parts[f"{name}_high"]) for name in _HIGH):
            raise _refused(
                "64 字节字段的前 32 字节应为 00", "a field of 64 bytes does not begin with 32 of 00"
            )
        key = cls(
            parts.private,
            parts.x + parts.y,
            parts.c1_x + parts.c1_y + parts.c3 + parts.c2,
        )
        _require_point(key.public, "其中的公钥", "its public key")
        _require_point(key.cipher[: 2 * _HALF], "密文中的 C1", "C1 of its ciphertext")
        return key

    def __bytes__(self) -> bytes:
        """The 388 bytes."""
        c1_x, c1_y, c3 = (self.cipher[at : at + _HALF] for at in range(0, 3 * _HALF, _HALF))
        values = {
            "private": self.encrypted_private,
            "x": self.public[:_HALF],
            "y": self.public[_HALF:],
            "c1_x": c1_x,
            "c1_y": c1_y,
        }
        high = {f"{name}_high": bytes(_HALF) for name in _HIGH}
        blob: bytes = _BLOB.build(
            {**_NUMBERS, **values, **high, "c3": c3, "c2": self.cipher[3 * _HALF :]}
        )
        return blob

    def open(self, private: Secret) -> KeyPair:
        """The key pair, with the private key that it was wrapped for.

        Raises :class:`EnvelopedKeyError`: wrapped for another key, damaged, or the private key in
        it is not that of its public key.
        """
        pair = self._opened(private)
        if pair is None:
            raise _refused("不是给这个密钥的，或已损坏", "it is for another key, or damaged")
        if pair.public != self.public:
            raise _refused(
                "其中的私钥与公钥不成对", "its private key is not that of its public key"
            )
        return pair

    def _opened(self, private: Secret) -> KeyPair | None:
        try:
            key = provider().decrypt(private, self.cipher)
            inner = Secret(sm4.decrypt(key.reveal(), self.encrypted_private))
            return KeyPair(inner, provider().public_of(inner))
        except Sm2Error:
            return None


def seal(recipient_public: bytes, pair: KeyPair) -> bytes:
    """``pair`` wrapped for the holder of a public key X‖Y: 388 bytes.

    Raises :class:`~sscard_ic.crypto.sm2.Sm2Error` for a public key off the curve.
    """
    key = secrets.token_bytes(sm4.KEY_LENGTH)
    cipher = provider().encrypt(recipient_public, key)
    return bytes(EnvelopedKey(sm4.encrypt(key, pair.private.reveal()), pair.public, cipher))


_WORDS = {
    "version": Text("版本", "the version"),
    "algorithm": Text("对称算法标识", "the identifier of the symmetric algorithm"),
    "private_bits": Text("私钥位数", "the number of bits of the private key"),
    "public_bits": Text("公钥位数", "the number of bits of the public key"),
    "cipher_length": Text("密文长度", "the length of the ciphertext"),
}


def _require_point(point: bytes, zh: str, en: str) -> None:
    try:
        provider().check_public(point)
    except Sm2Error:
        raise _refused(f"{zh}不在 SM2 曲线上", f"{en} is off the SM2 curve") from None


def _refused(zh: str, en: str) -> EnvelopedKeyError:
    return EnvelopedKeyError(
        Text(f"加密密钥对的信封不可用：{zh}", f"the wrapped encryption key pair is unusable: {en}"),
        hint=Text(
            "需要 GM/T 0016 的 ENVELOPEDKEYBLOB；请向发证机构重新取得",
            "an ENVELOPEDKEYBLOB of GM/T 0016 is needed: fetch it from the authority again",
        ),
    )
