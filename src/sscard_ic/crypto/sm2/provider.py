"""Which library answers for SM2 on this machine."""

from __future__ import annotations

from functools import lru_cache

from sscard_ic.crypto.sm2.model import Sm2


@lru_cache(maxsize=1)
def provider() -> Sm2:
    """The SM2 of this machine."""
    from sscard_ic.crypto.sm2.by_gmalg import ByGmalg

    return ByGmalg()
