"""Keys as profiles declare them, and the passphrase of the vaults made from them."""

from __future__ import annotations

from datetime import UTC, datetime

from sscard_ic.base import Secret
from sscard_ic.profile.structure import Key

PASSPHRASE = Secret(b"correct horse")
CREATED = datetime(2026, 11, 21, tzinfo=UTC)


def key(
    level: str,
    use: str = "external",
    length: int = 16,
    groups: int = 1,
    algorithm: str = "card",
) -> Key:
    """A key as a profile declares it."""
    return Key.model_validate(
        {
            "directory": "SSSE",
            "id": 4,
            "use": use,
            "level": level,
            "length": length,
            "groups": groups,
            "algorithm": algorithm,
        }
    )


KEYS = {
    "IRK": key("N1", "internal", groups=3),
    "UKSSSE": key("P1", groups=3),
    "STK": key("N2", "mac", length=8),
    "MKSSSE": key("maker", "master"),
    "DTK": key("P1", "tac", algorithm="3des"),
}
