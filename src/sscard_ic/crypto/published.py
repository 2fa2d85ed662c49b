"""Published test keys: the same on every machine, worthless for real cards."""

from __future__ import annotations

import hashlib


def published_test_key(name: str, version: int, length: int = 16) -> bytes:
    """The published test root key ``name`` in ``version``: 8 or 16 bytes.

    Anyone can compute it, so it protects nothing; profiles of production refuse it.
    """
    label = f"sscard-ic published test key|{name}|{version}"
    return hashlib.sha256(label.encode("ascii")).digest()[:length]
