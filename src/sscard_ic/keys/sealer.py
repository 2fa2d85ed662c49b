"""Encryption at rest for other packages, under keys derived from the vault's storage key."""

from __future__ import annotations

import hmac
import secrets
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sscard_ic.base.errors import SscardError, Text
from sscard_ic.base.secret import Secret

_NONCE_LENGTH = 12


class StorageSealer:
    """AES-256-GCM: random nonce (12) ‖ cipher text ‖ tag (16); the context is authenticated."""

    def __init__(self, storage_key: Secret) -> None:
        self._cipher: AESGCM | None = AESGCM(_subkey(storage_key, "seal"))

    def close(self) -> None:
        """Let go of the cipher; the library frees its key, nobody can overwrite it before."""
        self._cipher = None

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypted and authenticated form of ``plain``, 28 bytes longer."""
        nonce = secrets.token_bytes(_NONCE_LENGTH)
        return nonce + self._open().encrypt(nonce, plain, context.encode())

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """The plain bytes; raises :class:`SscardError` when altered, moved or of another vault."""
        nonce, body = sealed[:_NONCE_LENGTH], sealed[_NONCE_LENGTH:]
        try:
            return self._open().decrypt(nonce, body, context.encode())
        except (InvalidTag, ValueError):
            raise SscardError(
                Text(
                    "密文被改动、移位，或属于另一个密钥库",
                    "sealed data was altered, moved, or belongs to another vault",
                ),
                hint=Text("使用封存该数据的密钥库", "use the vault that sealed the data"),
            ) from None

    def _open(self) -> AESGCM:
        if self._cipher is None:
            raise _closed()
        return self._cipher


class Digester:
    """Keyed digests: equal texts are found without being stored."""

    def __init__(self, storage_key: Secret) -> None:
        self._key = Secret(_subkey(storage_key, "digest"))

    def close(self) -> None:
        """Overwrite the key."""
        self._key.clear()

    def digest(self, text: str, context: str) -> str:
        """HMAC-SHA256, 64 hex digits, of the NFC form of ``text``; differs by ``context``."""
        data = f"{len(context)}:{context}:{unicodedata.normalize('NFC', text)}"
        if not len(self._key):
            raise _closed()
        return hmac.digest(self._key.reveal(), data.encode(), "sha256").hex()


def _closed() -> SscardError:
    return SscardError(
        Text("密钥服务已关闭", "the key service is closed"),
        hint=Text("请重新打开", "open it again"),
    )


def _subkey(storage_key: Secret, purpose: str) -> bytes:
    return hmac.digest(storage_key.reveal(), f"sscard vault {purpose}".encode(), "sha256")
