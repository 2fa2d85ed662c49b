"""From root keys down to the keys of one card: ministry → province → city → card.

Where a chain begins depends on who owns the root (ref 02 §2.2, 01 §10.2-10.3):

====== ============= ================================
level  owner         factors applied to the root
====== ============= ================================
N1, N2 ministry      province, city, card
P1     province      city, card
C1     city          card
maker  card maker    card
bank   bank          card
====== ============= ================================

3DES and SM4 keys of one name are roots of their own, found by name, version and algorithm. An
8-byte root stays single length at every step: DES-encrypt(factor) (ref 01 §10.3; the PSAM holds
the STK family as 8-byte DES keys, algorithm byte 01). The transport key of the maker's blanks
(ref 11 §5.1) and keys that wrap others give none to cards.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from sscard_ic.base.secret import Secret
from sscard_ic.crypto import aes, bulk
from sscard_ic.crypto.factors import city_factor, province_factor
from sscard_ic.crypto.suites import SUITES, Algorithm, Engine, Suite
from sscard_ic.keys.capabilities import CardKey
from sscard_ic.keys.errors import UnknownKeyError
from sscard_ic.keys.inventory import (
    LENGTHS,
    Environment,
    KeyInfo,
    KeySpec,
    Level,
    Origin,
    RootAlgorithm,
    Use,
)
from sscard_ic.keys.psam_loading import PsamRoot

REGIONAL_FACTORS: Mapping[str, Callable[[str], bytes]] = {
    "province": province_factor,
    "city": city_factor,
}


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
    valid_from: date | None = None
    valid_until: date | None = None
    origin: Origin = "published"

    def __post_init__(self) -> None:
        if len(self.value) != LENGTHS[self.algorithm]:
            raise ValueError("length and algorithm of a key disagree")

    @classmethod
    def of(cls, spec: KeySpec, value: Secret, created: datetime, origin: Origin) -> RootKey:
        """The key that ``spec`` describes, with its bits."""
        return cls(
            spec.name,
            spec.version,
            spec.level,
            spec.use,
            created,
            value,
            spec.algorithm,
            spec.valid_from,
            spec.valid_until,
            origin,
        )

    @property
    def spec(self) -> KeySpec:
        """What it is, without its bits."""
        return KeySpec(
            self.name,
            self.version,
            self.level,
            self.use,
            self.algorithm,
            self.valid_from,
            self.valid_until,
        )

    @property
    def family(self) -> str:
        """By which it is found: single DES belongs to 3DES."""
        return self.spec.family

    @property
    def suite(self) -> Suite:
        """The rules that its keys are used by; ``KeyError`` for one that no card has."""
        return SUITES[cast(Algorithm, self.family)]

    def info(self, environment: Environment) -> KeyInfo:
        """What may be told about it."""
        return KeyInfo(
            self.name,
            self.version,
            self.level,
            self.use,
            self.algorithm,
            self.valid_from,
            self.valid_until,
            check_value=check_value(self.algorithm, self.value).hex().upper(),
            environment=environment,
            created=self.created,
            origin=self.origin,
        )


def check_value(algorithm: RootAlgorithm, value: Secret) -> bytes:
    """3 bytes: the first of the encryption of a block of zeros under ``value``."""
    if algorithm == "aes":
        return aes.encrypt(value.reveal(), bytes(aes.BLOCK))[:3]
    return SUITES["sm4" if algorithm == "sm4" else "3des"].check_value(value.reveal())


class _Branches(threading.local):
    """Ciphers that one thread has set up; making one costs far more than using it."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, int, Algorithm, str], tuple[Suite, int, Engine]] = {}
        """Rules, key length and engine of the last level above the card, by city."""


class Hierarchy:
    """Root keys and the derivation of card keys; safe to use from several threads."""

    def __init__(self, roots: Iterable[RootKey], where: str = "") -> None:
        self._roots = {(root.name, root.version, root.family): root for root in roots}
        self._where = where
        self._branches = _Branches()

    def __len__(self) -> int:
        return len(self._roots)

    def roots(self) -> list[RootKey]:
        """Every root key, ordered by name, version and algorithm."""
        return [self._roots[place] for place in sorted(self._roots)]

    def root(self, name: str, version: int, algorithm: str = "3des") -> RootKey:
        """One root key; raises :class:`UnknownKeyError`."""
        root = self._roots.get((name, version, algorithm))
        if root is None:
            raise UnknownKeyError(name, version, self._where, algorithm=algorithm)
        return root

    def derive_many(
        self, name: str, version: int, algorithm: Algorithm, division_code: str, factors: bytes
    ) -> bytearray:
        """The keys of many cards of one city, one behind the other; 8-byte ``factors``."""
        root = self.root(name, version, algorithm)
        return bulk.derive_many(root.suite, _regional(root, division_code), factors)

    def card_key(self, key: CardKey) -> bytes:
        """The bits of one key of one card: as many bytes as its root has."""
        place = key.name, key.version, key.algorithm, key.division_code
        branch = self._branches.known.get(place)
        if branch is None:
            root = self.root(key.name, key.version, key.algorithm)
            branch = self._branches.known[place] = _branch(root, key.division_code)
        suite, length, engine = branch
        return engine.encrypt(suite.diversification_block(key.factor, length))

    def psam_root(self, key: PsamRoot) -> bytes:
        """The bits of a root as a PSAM holds it: derived down by region, the card's step is left.

        Raises ``ValueError`` when there are not so many steps between the root and a card.
        """
        root = self.root(key.name, key.version, key.algorithm)
        regional = root.spec.factors[:-1]
        above = len(regional) + 1 - key.steps
        if not 0 <= above <= len(regional):
            raise ValueError(f"{key.name} is not {key.steps} steps above a card")
        value = root.value.reveal()
        for factor in regional[:above]:
            value = root.suite.diversify(value, REGIONAL_FACTORS[factor](key.division_code))
        return value


def _branch(root: RootKey, division_code: str) -> tuple[Suite, int, Engine]:
    value = _regional(root, division_code)
    return root.suite, len(value), root.suite.engine(value)


def _regional(root: RootKey, division_code: str) -> bytes:
    """The last key above those of the cards of a city."""
    value = root.value.reveal()
    for factor in root.spec.factors[:-1]:
        value = root.suite.diversify(value, REGIONAL_FACTORS[factor](division_code))
    return value
