"""Vaults unlike those that ``create_test_vault`` makes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sscard_ic.base import Secret
from sscard_ic.crypto.published import published_test_key
from sscard_ic.keys import SoftwareVault
from sscard_ic.keys.hierarchy import RootKey


def of_3des_alone(vault: SoftwareVault) -> SoftwareVault:
    """The published 3DES roots of ``vault``, as in one made before there was SM4."""
    listed = vault.keys()
    roots = [
        RootKey(
            info.name,
            info.version,
            info.level,
            info.use,
            datetime(2025, 1, 1, tzinfo=UTC),
            Secret(published_test_key(info.name, info.version, info.length)),
            info.algorithm,
        )
        for info in listed
        if info.algorithm != "sm4"
    ]
    return SoftwareVault(Path("old vault"), "test", roots, Secret(bytes(32)))
