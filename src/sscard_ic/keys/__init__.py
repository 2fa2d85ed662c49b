"""What may be asked of a key, and who answers; nobody above this package sees key bits."""

from __future__ import annotations

from pathlib import Path

from sscard_ic.base.secret import Secret
from sscard_ic.keys.capabilities import (
    Authenticator,
    BlankOpener,
    CardKey,
    Environment,
    Inventory,
    KeyInfo,
    KeyLoader,
    Macer,
    Mode,
    Protection,
    authenticator,
    inventory,
    key_loader,
    macer,
)
from sscard_ic.keys.errors import (
    EnvironmentMismatchError,
    MissingCapabilityError,
    UnknownKeyError,
    VaultError,
)
from sscard_ic.keys.published_roots import create_test_vault, merge_keys, published_keys
from sscard_ic.keys.vault import SoftwareVault

__all__ = [
    "Authenticator",
    "BlankOpener",
    "CardKey",
    "Environment",
    "EnvironmentMismatchError",
    "Inventory",
    "KeyInfo",
    "KeyLoader",
    "Macer",
    "MissingCapabilityError",
    "Mode",
    "Protection",
    "SoftwareVault",
    "UnknownKeyError",
    "VaultError",
    "authenticator",
    "create_test_vault",
    "inventory",
    "key_loader",
    "macer",
    "merge_keys",
    "open_service",
    "published_keys",
]


def open_service(path: Path, passphrase: Secret) -> SoftwareVault:
    """The key service at ``path``: today always a software vault."""
    return SoftwareVault.open(path, passphrase)
