"""Published test keys: the same on every machine, worthless for real cards."""

from __future__ import annotations

import hashlib

from sscard_ic.crypto.suites import Algorithm


def published_test_key(
    name: str, version: int, length: int = 16, algorithm: Algorithm = "3des"
) -> bytes:
    """The published test root key ``name`` in ``version``: 8 or 16 bytes, 32 for SM2.

    That of SM4 is another one than that of 3DES. Anyone can compute them, so they protect
    nothing; profiles of production refuse them.
    """
    label = f"sscard-ic published test key|{name}|{version}"
    if algorithm == "sm4":
        label += "|sm4"
    return hashlib.sha256(label.encode("ascii")).digest()[:length]
