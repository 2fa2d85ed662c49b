"""What may be asked of a key, and who answers; nobody above this package sees key bits."""

from __future__ import annotations

from pathlib import Path

from sscard_ic.base.secret import Secret
from sscard_ic.keys.capabilities import (
    AnswerChecker,
    Authenticator,
    BlankOpener,
    BulkDeriver,
    CardExpecter,
    CardKey,
    Inventory,
    KeyHolder,
    KeyLoader,
    Macer,
    MessageProtector,
    Mode,
    Protection,
    PublishedKey,
    answer_checker,
    authenticator,
    inventory,
    key_loader,
    macer,
    message_protector,
    require_key,
    require_keys,
)
from sscard_ic.keys.errors import (
    DestroyedKeyError,
    EnvironmentMismatchError,
    ExpiredKeyError,
    MissingCapabilityError,
    NoPsamKeyError,
    NotPsamError,
    PsamAlgorithmError,
    PsamError,
    UnknownKeyError,
    VaultError,
    WrongPurposeError,
)
from sscard_ic.keys.inventory import Environment, KeyInfo, KeySpec
from sscard_ic.keys.psam_loading import PsamLoader, PsamRoot
from sscard_ic.keys.published_roots import create_test_vault, merge_keys, published_keys
from sscard_ic.keys.service import KeyService, require_environment
from sscard_ic.keys.vault import SoftwareVault

__all__ = [
    "AnswerChecker",
    "Authenticator",
    "BlankOpener",
    "BulkDeriver",
    "CardExpecter",
    "CardKey",
    "DestroyedKeyError",
    "Environment",
    "EnvironmentMismatchError",
    "ExpiredKeyError",
    "Inventory",
    "KeyHolder",
    "KeyInfo",
    "KeyLoader",
    "KeyService",
    "KeySpec",
    "Macer",
    "MessageProtector",
    "MissingCapabilityError",
    "Mode",
    "NoPsamKeyError",
    "NotPsamError",
    "Protection",
    "PsamAlgorithmError",
    "PsamError",
    "PsamLoader",
    "PsamRoot",
    "PublishedKey",
    "SoftwareVault",
    "UnknownKeyError",
    "VaultError",
    "WrongPurposeError",
    "answer_checker",
    "authenticator",
    "create_test_vault",
    "inventory",
    "key_loader",
    "macer",
    "merge_keys",
    "message_protector",
    "open_service",
    "published_keys",
    "require_environment",
    "require_key",
    "require_keys",
]


def open_service(path: Path, passphrase: Secret) -> SoftwareVault:
    """The key service at ``path``: today always a software vault."""
    return SoftwareVault.open(path, passphrase)
