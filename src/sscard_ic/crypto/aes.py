"""AES in ECB, for keys that protect other keys on their way."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

BLOCK = 16


def encrypt(key: bytes, data: bytes) -> bytes:
    """ECB encryption of whole blocks with a key of 16, 24 or 32 bytes."""
    engine = Cipher(AES(key), ECB()).encryptor()
    return engine.update(data) + engine.finalize()
