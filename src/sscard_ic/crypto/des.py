"""Single and two-key triple DES in ECB and CBC, block-aligned data, no padding of its own."""

from __future__ import annotations

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

BLOCK = 8


def _expand(key: bytes) -> bytes:
    """24 bytes for the engine: K for single DES thrice, K1 K2 for two-key as K1 K2 K1."""
    if len(key) == 8:
        return key * 3
    if len(key) == 16:
        return key + key[:8]
    raise ValueError("a DES key has 8 or 16 bytes")


class Encryptor:
    """ECB encryption with one 8- or 16-byte key, set up once; belongs to one thread."""

    __slots__ = ("_engine",)

    def __init__(self, key: bytes) -> None:
        self._engine = Cipher(TripleDES(_expand(key)), modes.ECB()).encryptor()

    def encrypt(self, data: bytes) -> bytes:
        """Encryption of whole blocks."""
        if len(data) % BLOCK:
            raise ValueError("whole blocks are needed")
        return self._engine.update(data)

    def encrypt_into(self, data: bytes, buffer: memoryview) -> None:
        """Encryption of whole blocks; ``buffer`` is a block less one byte longer than they are."""
        if len(data) % BLOCK:
            raise ValueError("whole blocks are needed")
        self._engine.update_into(data, buffer)


def encrypt(key: bytes, data: bytes) -> bytes:
    """ECB encryption with an 8-byte (DES) or 16-byte (two-key 3DES) key."""
    engine = Cipher(TripleDES(_expand(key)), modes.ECB()).encryptor()
    return engine.update(data) + engine.finalize()


def decrypt(key: bytes, data: bytes) -> bytes:
    """ECB decryption with an 8-byte or 16-byte key."""
    engine = Cipher(TripleDES(_expand(key)), modes.ECB()).decryptor()
    return engine.update(data) + engine.finalize()


def encrypt_cbc(key: bytes, data: bytes, iv: bytes) -> bytes:
    """CBC encryption with an 8-byte or 16-byte key."""
    engine = Cipher(TripleDES(_expand(key)), modes.CBC(iv)).encryptor()
    return engine.update(data) + engine.finalize()
