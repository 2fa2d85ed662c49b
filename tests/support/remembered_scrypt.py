"""Less work for the passphrase, in tests that open hundreds of vaults."""

from __future__ import annotations

from functools import lru_cache, partial

import pytest
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sscard_ic.keys import vault_format


class _RememberedScrypt:
    def __init__(
        self, *, salt: bytes, length: int, n: int, r: int, p: int, work: int = 32768
    ) -> None:
        assert (length, n, r, p) == (64, 32768, 8, 1)
        self._salt = salt
        self._work = work

    def derive_into(self, passphrase: bytes, buffer: bytearray) -> None:
        """As the real one."""
        buffer[:] = _derived(passphrase, self._salt, self._work)


@lru_cache
def _derived(passphrase: bytes, salt: bytes, work: int) -> bytes:
    return Scrypt(salt=salt, length=64, n=work, r=8, p=1).derive(passphrase)


def remember(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let vaults use the real scrypt, once for each passphrase and salt."""
    monkeypatch.setattr(vault_format, "Scrypt", _RememberedScrypt)


def weaken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let vaults use scrypt with hardly any work."""
    monkeypatch.setattr(vault_format, "Scrypt", partial(_RememberedScrypt, work=2))
