"""The digest that an SM2 signature is made over: SM3(Z‖M) (GB/T 32918.2)."""

from __future__ import annotations

from sscard_ic.crypto import sm3
from sscard_ic.crypto.sm2.curve import A, B, G
from sscard_ic.crypto.sm2.model import DEFAULT_USER_ID, Sm2Error, require_public

_LONGEST_USER_ID = 8191
"""Bytes: their bits are counted in two bytes."""


def z_value(public: bytes, user_id: bytes = DEFAULT_USER_ID) -> bytes:
    """Z of a signer: 32 bytes over identifier, curve and public key X‖Y."""
    require_public(public)
    if len(user_id) > _LONGEST_USER_ID:
        raise Sm2Error("the identifier of the signer is too long")
    bits = (8 * len(user_id)).to_bytes(2, "big")
    return sm3.digest(bits + user_id + A + B + G + public)


def message_digest(public: bytes, message: bytes, user_id: bytes = DEFAULT_USER_ID) -> bytes:
    """What a signature over ``message`` is made over: SM3(Z‖M), 32 bytes."""
    return sm3.digest(z_value(public, user_id) + message)
