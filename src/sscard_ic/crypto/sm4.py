"""SM4 in ECB and CBC, block-aligned data, no padding of its own (ref 02 §8.7)."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

BLOCK = 16
KEY_LENGTH = 16


class Encryptor:
    """ECB encryption with one 16-byte key, set up once; belongs to one thread."""

    __slots__ = ("_engine",)

    def __init__(self, key: bytes) -> None:
        self._engine = Cipher(SM4(key), ECB()).encryptor()

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
    """ECB encryption with a 16-byte key."""
    engine = Cipher(SM4(key), ECB()).encryptor()
    return engine.update(data) + engine.finalize()


def decrypt(key: bytes, data: bytes) -> bytes:
    """ECB decryption with a 16-byte key."""
    engine = Cipher(SM4(key), ECB()).decryptor()
    return engine.update(data) + engine.finalize()


def encrypt_cbc(key: bytes, data: bytes, iv: bytes) -> bytes:
    """CBC encryption with a 16-byte key and a 16-byte start value."""
    engine = Cipher(SM4(key), CBC(iv)).encryptor()
    return engine.update(data) + engine.finalize()
