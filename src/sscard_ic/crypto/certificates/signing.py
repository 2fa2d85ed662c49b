"""SM2-with-SM3 as certificates and requests carry it (GM/T 0009, GM/T 0015)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sscard_ic.crypto.certificates import der
from sscard_ic.crypto.certificates.names import DistinguishedName
from sscard_ic.crypto.sm2 import DEFAULT_USER_ID, message_digest, provider
from sscard_ic.crypto.sm2.forms import signature_to_der

SM2_WITH_SM3 = "1.2.156.10197.1.501"
ALGORITHM = der.sequence(der.oid(SM2_WITH_SM3))
"""Without parameters (ref 02 §8.9)."""

Sign = Callable[[bytes], bytes]
"""Answers r‖s of a digest e of 32 bytes: a private key, a card, an HSM."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs a certificate: its name and public key X‖Y, and what signs for it."""

    name: DistinguishedName = field(repr=False)
    public: bytes
    sign: Sign = field(repr=False)
    key_id: bytes | None = None
    """Subject key identifier of its own certificate; None: made of the key by the usual rule."""
    user_id: bytes = DEFAULT_USER_ID


def signed_object(content: bytes, public: bytes, sign: Sign, user_id: bytes) -> bytes:
    """SEQUENCE of content, algorithm and signature; ``public`` is the signer's."""
    signature = sign(message_digest(public, content, user_id))
    return der.sequence(content, ALGORITHM, der.bit_string(signature_to_der(signature)))


def verifies(public: bytes, content: bytes, signature: bytes, user_id: bytes) -> bool:
    """Whether r‖s is the signature of the holder of ``public`` over ``content``."""
    return provider().verify(public, message_digest(public, content, user_id), signature)
