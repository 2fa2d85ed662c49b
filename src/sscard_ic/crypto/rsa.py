"""Raw RSA: numbers below a modulus, signed and recovered without any padding of PKCS (ref 14 §7).

The private operation is done by the machine's OpenSSL 3, in constant time, and by Python where
there is none; the public one, with exponents of 3 or 65537, by Python.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NoReturn

from sscard_ic.base.secret import Secret, Secretive

EXPONENTS = (3, 65537)
"""Public exponents that certificates of payment cards may have (ref 14 §7.1)."""

_ILL_MATCHED = "the parts of the private key do not belong together"

Operation = Callable[[bytes], bytes]
"""One private key at work: a block below the modulus to another, both as long as the modulus."""


@dataclass(frozen=True, slots=True)
class RsaPublic:
    """A public key."""

    modulus: int
    exponent: int

    def __post_init__(self) -> None:
        if self.modulus < 3 or not self.modulus % 2 or not 2 < self.exponent < self.modulus:
            raise ValueError("this is no public key of RSA")

    @classmethod
    def of_bytes(cls, modulus: bytes, exponent: bytes) -> RsaPublic:
        """The key of modulus and exponent as certificates hold them; raises ``ValueError``."""
        return cls(int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big"))

    @property
    def length(self) -> int:
        """Bytes of the modulus."""
        return _bytes(self.modulus)

    @property
    def modulus_bytes(self) -> bytes:
        """The modulus, :attr:`length` bytes."""
        return self.modulus.to_bytes(self.length, "big")

    @property
    def exponent_bytes(self) -> bytes:
        """The exponent in the fewest bytes: 1 or 3."""
        return self.exponent.to_bytes(_bytes(self.exponent), "big")

    def apply(self, block: bytes) -> bytes:
        """``block`` to the power of the exponent; raises ``ValueError`` for one out of range."""
        value = pow(_in_range(block, self), self.exponent, self.modulus)
        return value.to_bytes(self.length, "big")


@dataclass(frozen=True)
class RsaPrivate:
    """A private key as its primes and what the Chinese remainder theorem wants.

    Prints none of its numbers and is not pickled. Raises ``ValueError`` when they do not belong
    together.
    """

    p: int = field(repr=False)
    q: int = field(repr=False)
    exponent_p: int = field(repr=False)
    """d mod (p-1)."""
    exponent_q: int = field(repr=False)
    """d mod (q-1)."""
    coefficient: int = field(repr=False)
    """1/q mod p."""
    exponent: int
    """The public exponent."""

    def __post_init__(self) -> None:
        pairs = ((self.p, self.exponent_p), (self.q, self.exponent_q))
        if (
            any(prime < 3 or not prime % 2 for prime, _ in pairs)
            or any(self.exponent * part % (prime - 1) != 1 for prime, part in pairs)
            or self.coefficient * self.q % self.p != 1
        ):
            raise ValueError(_ILL_MATCHED)

    @classmethod
    def generate(cls, bits: int, exponent: int = 3) -> RsaPrivate:
        """A new key with a modulus of ``bits`` (1024 at least) and an exponent of 3 or 65537."""
        from cryptography.hazmat.primitives.asymmetric import rsa

        made = rsa.generate_private_key(exponent, bits).private_numbers()
        return cls(made.p, made.q, made.dmp1, made.dmq1, made.iqmp, exponent)

    @classmethod
    def of_crt(cls, p: int, q: int, exponent: int) -> RsaPrivate:
        """The key of two primes; raises ``ValueError`` when the exponent does not fit them."""
        part_p, part_q = (_inverse(exponent, prime - 1) for prime in (p, q))
        return cls(p, q, part_p, part_q, _inverse(q, p), exponent)

    @classmethod
    def of_components(
        cls, p: bytes, q: bytes, exponent_p: bytes, exponent_q: bytes, coefficient: bytes
    ) -> RsaPrivate:
        """The key of the five parts that a card is given (DGI 8205 to 8201).

        The public exponent follows from them. Raises ``ValueError`` when they do not belong
        together, as when two of them are exchanged.
        """
        parts = (p, q, exponent_p, exponent_q, coefficient)
        first, second, left, right, inverse = (int.from_bytes(part, "big") for part in parts)
        return cls(first, second, left, right, inverse, _inverse(left, first - 1))

    @cached_property
    def public(self) -> RsaPublic:
        """The public key."""
        return RsaPublic(self.p * self.q, self.exponent)

    @property
    def length(self) -> int:
        """Bytes of the modulus."""
        return self.public.length

    def apply(self, block: bytes) -> bytes:
        """``block`` to the power of the private exponent.

        Raises ``ValueError`` for a block that has another length than the modulus, or is not
        below it.
        """
        _in_range(block, self.public)
        return self._operation(block)

    def components(self) -> tuple[Secret, Secret, Secret, Secret, Secret]:
        """p, q, d mod (p-1), d mod (q-1), 1/q mod p, each as long as the longer prime."""
        size = max(_bytes(self.p), _bytes(self.q))
        parts = (self.p, self.q, self.exponent_p, self.exponent_q, self.coefficient)
        first, second, third, fourth, fifth = (Secret(part.to_bytes(size, "big")) for part in parts)
        return first, second, third, fourth, fifth

    @property
    def private_exponent(self) -> int:
        """d, the least one."""
        return pow(self.exponent, -1, math.lcm(self.p - 1, self.q - 1))

    @cached_property
    def _operation(self) -> Operation:
        # Kept with its owner, and gone with it: what OpenSSL makes of a key, and of its first
        # use, costs as much as a signature.
        from sscard_ic.crypto.rsa_provider import provider

        return provider().operation(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")


def private_to_der(key: RsaPrivate) -> Secret:
    """RSAPrivateKey of PKCS#1 in DER."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    public = rsa.RSAPublicNumbers(key.exponent, key.public.modulus)
    numbers = rsa.RSAPrivateNumbers(
        key.p,
        key.q,
        key.private_exponent,
        key.exponent_p,
        key.exponent_q,
        key.coefficient,
        public,
    )
    made = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    return Secret(
        made.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )


def private_from_der(der: Secretive) -> RsaPrivate:
    """The key in ``der`` (PKCS#1, or PKCS#8); raises ``ValueError`` for anything else."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    value = der.reveal() if isinstance(der, Secret) else der
    try:
        key = load_der_private_key(value, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("this is no private key of RSA in DER") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("this is no private key of RSA in DER")
    made = key.private_numbers()
    return RsaPrivate(made.p, made.q, made.dmp1, made.dmq1, made.iqmp, made.public_numbers.e)


def _inverse(value: int, modulus: int) -> int:
    try:
        return pow(value, -1, modulus)
    except ValueError:
        raise ValueError(_ILL_MATCHED) from None


def _bytes(value: int) -> int:
    return (value.bit_length() + 7) // 8


def _in_range(block: bytes, key: RsaPublic) -> int:
    if len(block) != key.length:
        raise ValueError(f"a block of {len(block)} bytes for a key of {key.length}")
    value = int.from_bytes(block, "big")
    if value >= key.modulus:
        raise ValueError("the block is not below the modulus")
    return value
