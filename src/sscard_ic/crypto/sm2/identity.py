"""The digest that an SM2 signature is made over: SM3(Z‖M) (GB/T 32918.2)."""

from __future__ import annotations

from sscard_ic.crypto import sm3
from sscard_ic.crypto.sm2.model import DEFAULT_USER_ID, PUBLIC_LENGTH, Sm2Error

P = bytes.fromhex("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF")
A = bytes.fromhex("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC")
B = bytes.fromhex("28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93")
N = bytes.fromhex("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123")
G = bytes.fromhex(
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
)
"""The recommended curve y² = x³ + ax + b over p, with the point G of order n (ref 02 §8.7)."""

_LONGEST_USER_ID = 8191
"""Bytes: their bits are counted in two bytes."""


def z_value(public: bytes, user_id: bytes = DEFAULT_USER_ID) -> bytes:
    """Z of a signer: 32 bytes over identifier, curve and public key X‖Y."""
    if len(public) != PUBLIC_LENGTH:
        raise Sm2Error("a public key has 64 bytes")
    if len(user_id) > _LONGEST_USER_ID:
        raise Sm2Error("the identifier of the signer is too long")
    bits = (8 * len(user_id)).to_bytes(2, "big")
    return sm3.digest(bits + user_id + A + B + G + public)


def message_digest(public: bytes, message: bytes, user_id: bytes = DEFAULT_USER_ID) -> bytes:
    """What a signature over ``message`` is made over: SM3(Z‖M), 32 bytes."""
    return sm3.digest(z_value(public, user_id) + message)
