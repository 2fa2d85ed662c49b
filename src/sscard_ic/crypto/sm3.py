"""SM3 (GB/T 32905): 32 bytes of any message (ref 02 §8.7)."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes

LENGTH = 32


def digest(data: bytes) -> bytes:
    """The SM3 digest of ``data``: 32 bytes."""
    engine = hashes.Hash(hashes.SM3())
    engine.update(data)
    return engine.finalize()
