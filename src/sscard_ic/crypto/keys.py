"""Diversification, process keys, authentication cryptograms and check values, 3DES."""

from __future__ import annotations

from sscard_ic.crypto import des

FACTOR_LENGTH = 8
CHALLENGE_LENGTH = 8


def province_factor(division_code: str) -> bytes:
    """``PP0000sh`` for the province of a 6-digit division code (ref 02 §2.2)."""
    return f"{division_code[:2]}0000sh".encode("ascii")


def city_factor(division_code: str) -> bytes:
    """``CCCCCCsx`` for a 6-digit division code (ref 02 §2.2)."""
    return f"{division_code}sx".encode("ascii")


def diversify(key: bytes, factor: bytes) -> bytes:
    """One level: 16 bytes E(D) ‖ E(¬D) of a 16-byte key; 8 bytes E(D) of an 8-byte key.

    Source: ref 02 §3.1, 01 §10.3 (single length).
    """
    return des.encrypt(key, diversification_block(factor, len(key)))


def diversification_block(factor: bytes, key_length: int) -> bytes:
    """What a key of 8 or 16 bytes encrypts at one level: D, or D ‖ ¬D, of the 8-byte factor."""
    if len(factor) != FACTOR_LENGTH:
        raise ValueError(f"a factor has {FACTOR_LENGTH} bytes")
    return factor if key_length == des.BLOCK else factor + factor.translate(_INVERSE)


def process_key(key: bytes, challenge: bytes) -> bytes:
    """8-byte process key of an 8-byte challenge (ref 02 §3.2)."""
    if len(challenge) != CHALLENGE_LENGTH:
        raise ValueError(f"a challenge has {CHALLENGE_LENGTH} bytes")
    return des.encrypt(key, challenge)


def authentication_cryptogram(key: bytes, challenge: bytes, text: bytes) -> bytes:
    """8-byte cryptogram over the 8-byte ``text`` under the process key of ``challenge``.

    External authentication: ``challenge`` is the card's, ``text`` the terminal's (ref 02 §3.3).
    Internal authentication: the two halves of the command's data (ref 02 §3.5).
    """
    if len(text) != CHALLENGE_LENGTH:
        raise ValueError(f"the text has {CHALLENGE_LENGTH} bytes")
    return des.encrypt(process_key(key, challenge), text)


def check_value(key: bytes) -> bytes:
    """First three bytes of the encryption of eight zero bytes."""
    return des.encrypt(key, bytes(8))[:3]


_INVERSE = bytes(0xFF - byte for byte in range(256))
