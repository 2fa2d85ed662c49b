"""The card's private key at work: DDA, CDA, fDDA (ref 14 §7.4-7.6)."""

from __future__ import annotations

from sscard_ic.base import Secret
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto.pboc import offline, offline_sm2
from sscard_ic.crypto.pboc.offline_data import combined_dynamic
from sscard_ic.crypto.rsa import RsaPrivate
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc.state import DebitState
from sscard_ic.simulator.pboc.stored import RsaPart

_CONDITIONS = 0x6985
_PARTS: tuple[RsaPart, ...] = ("p", "q", "exponent_p", "exponent_q", "coefficient")


def has_key(state: DebitState) -> bool:
    """Whether the card has the private key of the transaction's algorithm."""
    store = state.store
    if state.algorithm == "sm4":
        return store.sm2_private is not None
    return all(store.rsa_part(part) is not None for part in _PARTS)


def dynamic_signature(state: DebitState, dynamic: bytes, terminal: bytes) -> bytes:
    """9F4B by SM2 in a transaction of SM algorithms, else by RSA.

    ``dynamic`` are the card's data, ``terminal`` what the terminal told. Refuses 6985 when the
    card has no such key, or one that cannot be right.
    """
    if not has_key(state):
        raise Refusal(_CONDITIONS)
    try:
        if state.algorithm == "sm4":
            private = Secret(state.store.sm2_private or b"")
            return offline_sm2.dynamic_signature(private, dynamic, terminal)
        return offline.dynamic_signature(_rsa(state), dynamic, terminal)
    except ValueError as error:
        raise Refusal(_CONDITIONS) from error


def combined_answer(state: DebitState, cid: int, cryptogram: bytes, issuer_data: bytes) -> bytes:
    """Template 77 of a GENERATE AC with CDA: the cryptogram is within the signature.

    The hash covers the values that GPO and GENERATE AC brought, and the answer without 9F4B.
    """
    counter = state.atc.to_bytes(2, "big")
    head = encode_ber(0x9F27, bytes((cid,))) + encode_ber(0x9F36, counter)
    tail = encode_ber(0x9F10, issuer_data)
    hashed = state.processing_data + state.generate_data + head + tail
    algorithm = offline_sm2 if state.algorithm == "sm4" else offline
    dynamic = combined_dynamic(counter, cid, cryptogram, algorithm.transaction_hash(hashed))
    signature = dynamic_signature(state, dynamic, state.told(0x9F37, 4))
    return encode_ber(0x77, head, encode_ber(0x9F4B, signature), tail)


def _rsa(state: DebitState) -> RsaPrivate:
    p, q, exponent_p, exponent_q, coefficient = (
        state.store.rsa_part(part) or b"" for part in _PARTS
    )
    return RsaPrivate.of_components(p, q, exponent_p, exponent_q, coefficient)
