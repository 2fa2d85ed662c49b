"""The bank of the reference cards: a vault in memory with the master keys of ref 04 §6.8."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sscard_ic.base import Clock, Secret
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys import SoftwareVault
from sscard_ic.keys.bank_capabilities import BankCard
from sscard_ic.keys.hierarchy import RootKey
from sscard_ic.profile.financial import BankKeys, BankKeyUse

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "financial.toml").read_text("utf-8")
)
CARD: dict[str, Any] = VECTORS["card"]
MASTERS: dict[str, bytes] = {name: bytes.fromhex(value) for name, value in CARD["masters"].items()}
"""``ac``, ``mac``, ``enc``."""
_USES: dict[str, tuple[str, BankKeyUse]] = {
    "ac": (BankKeys().cryptogram, "bank_cryptogram"),
    "mac": (BankKeys().mac, "bank_mac"),
    "enc": (BankKeys().encipherment, "bank_encipherment"),
}
_ALGORITHMS: tuple[Algorithm, ...] = ("3des", "sm4")
_CREATED = datetime(2026, 11, 22, tzinfo=UTC)


def bank_roots() -> list[RootKey]:
    """The master keys, for 3DES and SM4 alike."""
    return [
        RootKey(name, 1, "bank", use, _CREATED, Secret(MASTERS[short]), algorithm)
        for short, (name, use) in _USES.items()
        for algorithm in _ALGORITHMS
    ]


def bank_vault(clock: Clock | None = None) -> SoftwareVault:
    """A vault with nothing else."""
    storage = Secret(bytes(range(32)))
    return SoftwareVault(Path("bank of the tests"), "test", bank_roots(), storage, clock)


def bank_card(algorithm: Algorithm = "3des", **changes: Any) -> BankCard:
    """The card of ref 04 §6.8."""
    return BankCard(CARD["pan"], CARD["sequence"], algorithm, **changes)
