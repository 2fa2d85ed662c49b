"""The protocols through which lower packages protect data at rest without knowing keys."""

from __future__ import annotations

from typing import Protocol


class Sealer(Protocol):
    """Encrypts and decrypts small records; the ``context`` binds a record to its place."""

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypted and authenticated form of ``plain``."""
        ...

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """The plain bytes; raises :class:`SscardError` when altered or moved."""
        ...


class Digester(Protocol):
    """Keyed digests: values can be found again and compared without being stored."""

    def digest(self, text: str, context: str) -> str:
        """Hexadecimal digest of ``text`` under a secret key; differs for each ``context``."""
        ...
