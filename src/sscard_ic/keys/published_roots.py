"""The test vault: published roots for every key that a card may carry, for 3DES and for SM4.

Among them those of the bank whose application is on the card, by the names of a profile that says
nothing about them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from sscard_ic.base.clock import Clock, SystemClock
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.crypto import des, sm4
from sscard_ic.crypto.published import published_test_key
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys.hierarchy import RootKey
from sscard_ic.keys.inventory import TRANSPORT, RootAlgorithm
from sscard_ic.keys.vault import SoftwareVault
from sscard_ic.keys.vault_contents import STORAGE_KEY_LENGTH
from sscard_ic.profile.financial import BankKeys
from sscard_ic.profile.structure import Key

_OF_BANK: tuple[Algorithm, ...] = ("3des", "sm4")
_OF_KMC: tuple[Algorithm, ...] = ("3des",)


def create_test_vault(
    path: Path, passphrase: Secret, keys: Mapping[str, Key], *, clock: Clock | None = None
) -> SoftwareVault:
    """A vault with the published test roots of every key in ``keys``, of the blanks and a bank.

    Each key has a root for cards of 3DES and one for cards of SM4, but the medical keys, which
    are 3DES on every card (ref 12 §6).
    """
    clock = clock or SystemClock()
    roots = published_roots(keys, clock.now())
    return SoftwareVault.create(path, passphrase, environment="test", keys=roots, clock=clock)


def published_keys(keys: Mapping[str, Key], *, clock: Clock | None = None) -> SoftwareVault:
    """The published test roots of ``keys``, of the blanks and of a bank, in memory alone.

    What this service seals, no other one opens: its storage key is random.
    """
    clock = clock or SystemClock()
    roots = published_roots(keys, clock.now())
    storage_key = Secret(secrets.token_bytes(STORAGE_KEY_LENGTH))
    return SoftwareVault(Path("published test keys"), "test", roots, storage_key, clock)


def published_roots(keys: Mapping[str, Key], created: datetime) -> Iterator[RootKey]:
    """The published test roots of ``keys``, of the blanks and of a bank."""
    for name, key in keys.items():
        for version in range(1, key.groups + 1):
            value = Secret(published_test_key(name, version, key.length))
            algorithm: RootAlgorithm = "des" if key.length == des.BLOCK else "3des"
            yield RootKey(name, version, key.level, key.use, created, value, algorithm)
            if key.algorithm == "card":
                value = Secret(published_test_key(name, version, sm4.KEY_LENGTH, "sm4"))
                yield RootKey(name, version, key.level, key.use, created, value, "sm4")
    value = Secret(published_test_key(TRANSPORT, 1))
    yield RootKey(TRANSPORT, 1, "maker", "transport", created, value)
    yield from _bank_roots(BankKeys(), created)


def _bank_roots(keys: BankKeys, created: datetime) -> Iterator[RootKey]:
    for name, use in keys.uses.items():
        for algorithm in _OF_KMC if use == "card_manager" else _OF_BANK:
            value = Secret(published_test_key(name, keys.version, algorithm=algorithm))
            yield RootKey(name, keys.version, "bank", use, created, value, algorithm)


def merge_keys(profiles: Iterable[Mapping[str, Key]]) -> dict[str, Key]:
    """The keys of several profiles by name, each with the greatest number of versions.

    Raises :class:`InputError` when two profiles disagree about length, use, owner or algorithm:
    one root cannot serve both.
    """
    merged: dict[str, Key] = {}
    for keys in profiles:
        for name, key in keys.items():
            known = merged.get(name, key)
            if _root_of(known) != _root_of(key):
                raise InputError(
                    Text(
                        f"密钥 {name} 在各配置中的长度、用途、级别或算法不一致",
                        f"profiles disagree about length, use, level or algorithm of the key "
                        f"{name}",
                    )
                )
            merged[name] = known if known.groups >= key.groups else key
    return merged


def _root_of(key: Key) -> tuple[object, ...]:
    """What the roots of a key depend on besides its name and version."""
    return key.length, key.use, key.level, key.algorithm
