"""From root keys down to the keys of one card: ministry → province → city → card.

Where a chain begins depends on who owns the root (ref 02 §2.2, 01 §10.2-10.3):

====== ============= ================================
level  owner         factors applied to the root
====== ============= ================================
N1, N2 ministry      province, city, card
P1     province      city, card
maker  card maker    card
====== ============= ================================

3DES and SM4 keys of one name are roots of their own, found by name, version and algorithm. An
8-byte root stays single length at every step: DES-encrypt(factor) (ref 01 §10.3; the PSAM holds
the STK family as 8-byte DES keys, algorithm byte 01). The transport key of the maker's blanks is
used as it is (ref 11 §5.1).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sscard_ic.base.secret import Secret
from sscard_ic.crypto.factors import city_factor, province_factor
from sscard_ic.crypto.suites import SUITES, Algorithm, Engine, Suite
from sscard_ic.keys.capabilities import (
    CardKey,
    Environment,
    KeyInfo,
    Level,
    Owner,
    RootAlgorithm,
    Use,
)
from sscard_ic.keys.errors import UnknownKeyError
from sscard_ic.keys.psam_loading import PsamRoot

TRANSPORT = "TRANSPORT"
"""Name of the key that opens the maker's blanks (Ktran), version 1."""

_OWNERS: dict[Level, Owner] = {
    "N1": "ministry",
    "N2": "ministry",
    "P1": "province",
    "maker": "maker",
}
_REGIONAL: dict[Level, tuple[Callable[[str], bytes], ...]] = {
    "N1": (province_factor, city_factor),
    "N2": (province_factor, city_factor),
    "P1": (city_factor,),
    "maker": (),
}
_LENGTHS: dict[RootAlgorithm, int] = {"des": 8, "3des": 16, "sm4": 16}
_LAST_CARD_KEYS = 16
"""Engines kept per thread: a card's control keys protect all loading of their directory."""


@dataclass(frozen=True, slots=True)
class RootKey:
    """A root key with its bits; lives only inside an opened key service."""

    name: str
    version: int
    level: Level
    use: Use
    created: datetime
    value: Secret
    algorithm: RootAlgorithm = "3des"

    def __post_init__(self) -> None:
        if len(self.value) != _LENGTHS[self.algorithm]:
            raise ValueError("length and algorithm of a key disagree")

    @property
    def family(self) -> Algorithm:
        """What cards ask for: single DES belongs to 3DES."""
        return "sm4" if self.algorithm == "sm4" else "3des"

    @property
    def suite(self) -> Suite:
        """The rules that its keys are used by."""
        return SUITES[self.family]

    def info(self, environment: Environment) -> KeyInfo:
        """What may be told about it."""
        return KeyInfo(
            name=self.name,
            version=self.version,
            owner=_OWNERS[self.level],
            level=self.level,
            length=len(self.value),
            algorithm=self.algorithm,
            use=self.use,
            check_value=self.suite.check_value(self.value.reveal()).hex().upper(),
            environment=environment,
        )


class _Engines(threading.local):
    """Ciphers that one thread has set up; making one costs far more than using it."""

    def __init__(self, card_key: Callable[[CardKey], bytes]) -> None:
        self.branches: dict[tuple[str, int, Algorithm, str], tuple[Suite, int, Engine]] = {}
        """Rules, key length and engine of the last level above the card, by city."""
        self.card = lru_cache(_LAST_CARD_KEYS)(
            lambda key: SUITES[key.algorithm].engine(card_key(key))
        )


class Hierarchy:
    """Root keys and the derivation of card keys; safe to use from several threads."""

    def __init__(self, roots: Iterable[RootKey], where: str = "") -> None:
        self._roots = {(root.name, root.version, root.family): root for root in roots}
        self._where = where
        self._engines = _Engines(self.card_key)

    def __len__(self) -> int:
        return len(self._roots)

    def roots(self) -> list[RootKey]:
        """Every root key, ordered by name, version and algorithm."""
        return [self._roots[place] for place in sorted(self._roots)]

    def root(self, name: str, version: int, algorithm: Algorithm = "3des") -> RootKey:
        """One root key; raises :class:`UnknownKeyError`."""
        root = self._roots.get((name, version, algorithm))
        if root is None:
            raise UnknownKeyError(name, version, self._where, algorithm=algorithm)
        return root

    def card_key(self, key: CardKey) -> bytes:
        """The bits of one key of one card: as many bytes as its root has."""
        place = key.name, key.version, key.algorithm, key.division_code
        branch = self._engines.branches.get(place)
        if branch is None:
            root = self.root(key.name, key.version, key.algorithm)
            if root.use == "transport":
                return root.value.reveal()
            branch = self._engines.branches[place] = _branch(root, key.division_code)
        suite, length, engine = branch
        return engine.encrypt(suite.diversification_block(key.factor, length))

    def psam_root(self, key: PsamRoot) -> bytes:
        """The bits of a root as a PSAM holds it: derived down by region, the card's step is left.

        Raises ``ValueError`` when there are not so many steps between the root and a card.
        """
        root = self.root(key.name, key.version, key.algorithm)
        regional = _REGIONAL[root.level]
        above = len(regional) + 1 - key.steps
        if not 0 <= above <= len(regional):
            raise ValueError(f"{key.name} is not {key.steps} steps above a card")
        value = root.value.reveal()
        for factor in regional[:above]:
            value = root.suite.diversify(value, factor(key.division_code))
        return value

    def encryptor(self, key: CardKey) -> Engine:
        """ECB encryption with one card key, for this thread; the last few are kept."""
        return self._engines.card(key)


def _branch(root: RootKey, division_code: str) -> tuple[Suite, int, Engine]:
    value = root.value.reveal()
    for factor in _REGIONAL[root.level]:
        value = root.suite.diversify(value, factor(division_code))
    return root.suite, len(value), root.suite.engine(value)
