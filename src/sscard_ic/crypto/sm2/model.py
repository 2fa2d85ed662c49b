"""What every SM2 provider offers (GB/T 32918, recommended curve; ref 02 §8.7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from sscard_ic.base.secret import Secret

PRIVATE_LENGTH = 32
PUBLIC_LENGTH = 64
"""X‖Y, without the leading 04."""
DIGEST_LENGTH = 32
SIGNATURE_LENGTH = 64
"""r‖s."""
C1_LENGTH = 64
C3_LENGTH = 32
CIPHER_OVERHEAD = C1_LENGTH + C3_LENGTH
"""Bytes by which a ciphertext C1‖C3‖C2 is longer than its message."""

DEFAULT_USER_ID = b"1234567812345678"
"""Of a signer that has no identifier of its own (GM/T 0009)."""


class Sm2Error(ValueError):
    """A key, point or ciphertext that SM2 refuses; says why and quotes nothing."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key of 32 bytes and its public key X‖Y of 64 bytes."""

    private: Secret = field(repr=False)
    public: bytes


class Sm2(Protocol):
    """SM2 by one library; safe for use from several threads."""

    @property
    def name(self) -> str:
        """``openssl`` or ``gmalg``."""
        ...

    @property
    def library(self) -> str:
        """The library and its version, for people."""
        ...

    def generate(self) -> KeyPair:
        """A new key pair."""
        ...

    def public_of(self, private: Secret) -> bytes:
        """The public key of a private one; raises :class:`Sm2Error` when it is out of range."""
        ...

    def check_public(self, public: bytes) -> None:
        """Raise :class:`Sm2Error` unless ``public`` is a point of the curve, X‖Y."""
        ...

    def sign(self, private: Secret, digest: bytes) -> bytes:
        """r‖s over a digest e of 32 bytes (see :func:`~sscard_ic.crypto.sm2.message_digest`)."""
        ...

    def verify(self, public: bytes, digest: bytes, signature: bytes) -> bool:
        """Whether r‖s is the signature over e; False for r or s out of range, too.

        Raises :class:`Sm2Error` for a point off the curve.
        """
        ...

    def encrypt(self, public: bytes, message: bytes) -> bytes:
        """C1‖C3‖C2 of a message of at least one byte, C1 without the leading 04."""
        ...

    def decrypt(self, private: Secret, cipher: bytes) -> Secret:
        """The message of C1‖C3‖C2; raises :class:`Sm2Error` for a wrong C3 or a point off the
        curve."""
        ...


def require_digest(digest: bytes) -> None:
    """Raise :class:`Sm2Error` unless it has 32 bytes."""
    if len(digest) != DIGEST_LENGTH:
        raise Sm2Error("SM2 signs digests of 32 bytes")


def require_message(message: bytes) -> None:
    """Raise :class:`Sm2Error` when there is nothing to encrypt."""
    if not message:
        raise Sm2Error("SM2 encrypts at least one byte")


def require_cipher(cipher: bytes) -> None:
    """Raise :class:`Sm2Error` when it is too short for C1‖C3‖C2."""
    if len(cipher) <= CIPHER_OVERHEAD:
        raise Sm2Error("the ciphertext is too short")
