"""What every SM2 provider offers (GB/T 32918, recommended curve; ref 02 §8.7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from sscard_ic.base.secret import Secret
from sscard_ic.crypto.sm2.curve import ORDER, PRIME

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

OFF_CURVE = "this is no point of the SM2 curve"
DAMAGED = "the ciphertext is damaged, or is for another key"
"""Why a point and a ciphertext are refused, whatever library looked at them."""

_HALF = 32

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


def require_private(private: Secret) -> None:
    """Raise :class:`Sm2Error` unless it has 32 bytes and lies in [1, n-2]."""
    if len(private) != PRIVATE_LENGTH:
        raise Sm2Error("a private key has 32 bytes")
    if not 1 <= int.from_bytes(private.reveal(), "big") <= ORDER - 2:
        raise Sm2Error("the private key is out of range")


def require_public(public: bytes) -> None:
    """Raise :class:`Sm2Error` unless it has 64 bytes and both coordinates are below p."""
    if len(public) != PUBLIC_LENGTH:
        raise Sm2Error("a public key has 64 bytes")
    x, y = halves(public)
    if x >= PRIME or y >= PRIME:
        raise Sm2Error(OFF_CURVE)


def require_digest(digest: bytes) -> None:
    """Raise :class:`Sm2Error` unless it has 32 bytes."""
    if len(digest) != DIGEST_LENGTH:
        raise Sm2Error("SM2 signs digests of 32 bytes")


def require_message(message: bytes) -> None:
    """Raise :class:`Sm2Error` when there is nothing to encrypt."""
    if not message:
        raise Sm2Error("SM2 encrypts at least one byte")


def require_cipher(cipher: bytes) -> None:
    """Raise :class:`Sm2Error` when C1‖C3‖C2 is too short or C1 has a coordinate above p."""
    if len(cipher) <= CIPHER_OVERHEAD:
        raise Sm2Error("the ciphertext is too short")
    require_public(cipher[:C1_LENGTH])


def is_signature(signature: bytes) -> bool:
    """Whether r‖s has 64 bytes, r and s lie in [1, n-1], and r + s is no multiple of n."""
    if len(signature) != SIGNATURE_LENGTH:
        return False
    r, s = halves(signature)
    return 0 < r < ORDER and 0 < s < ORDER and r + s != ORDER


def halves(pair: bytes) -> tuple[int, int]:
    """The two numbers of a point X‖Y or a signature r‖s."""
    return int.from_bytes(pair[:_HALF], "big"), int.from_bytes(pair[_HALF:], "big")
