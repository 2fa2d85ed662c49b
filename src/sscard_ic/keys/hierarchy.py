"""From root keys down to the keys of one card: ministry → province → city → card.

Where a chain begins depends on who owns the root (ref 02 §2.2, 01 §10.2-10.3):

====== ============= ================================
level  owner         factors applied to the root
====== ============= ================================
N1, N2 ministry      province, city, card
P1     province      city, card
maker  card maker    card
====== ============= ================================

An 8-byte root stays single length at every step: DES-encrypt(factor) (ref 01 §10.3; the PSAM
holds the STK family as 8-byte DES keys, algorithm byte 01). The transport key of the maker's
blanks is used as it is (ref 11 §5.1).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

from sscard_ic.base.secret import Secret
from sscard_ic.crypto import des
from sscard_ic.crypto import keys as rules
from sscard_ic.keys.capabilities import CardKey, Environment, KeyInfo, Level, Owner, Use
from sscard_ic.keys.errors import UnknownKeyError

TRANSPORT = "TRANSPORT"
"""Name of the key that opens the maker's blanks (Ktran), version 1."""

_OWNERS: dict[Level, Owner] = {
    "N1": "ministry",
    "N2": "ministry",
    "P1": "province",
    "maker": "maker",
}
_REGIONAL: dict[Level, tuple[Callable[[str], bytes], ...]] = {
    "N1": (rules.province_factor, rules.city_factor),
    "N2": (rules.province_factor, rules.city_factor),
    "P1": (rules.city_factor,),
    "maker": (),
}
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

    @property
    def algorithm(self) -> Literal["des", "3des"]:
        """Single or two-key triple DES, by length."""
        return "des" if len(self.value) == des.BLOCK else "3des"

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
            check_value=rules.check_value(self.value.reveal()).hex().upper(),
            environment=environment,
        )


class _Engines(threading.local):
    """Ciphers that one thread has set up; making one costs far more than using it."""

    def __init__(self, card_key: Callable[[CardKey], bytes]) -> None:
        self.branches: dict[tuple[str, int, str], tuple[int, des.Encryptor]] = {}
        self.card = lru_cache(_LAST_CARD_KEYS)(lambda key: des.Encryptor(card_key(key)))


class Hierarchy:
    """Root keys and the derivation of card keys; safe to use from several threads."""

    def __init__(self, roots: Iterable[RootKey], where: str = "") -> None:
        self._roots = {(root.name, root.version): root for root in roots}
        self._where = where
        self._engines = _Engines(self.card_key)

    def __len__(self) -> int:
        return len(self._roots)

    def roots(self) -> list[RootKey]:
        """Every root key, ordered by name and version."""
        return [self._roots[place] for place in sorted(self._roots)]

    def root(self, name: str, version: int) -> RootKey:
        """One root key; raises :class:`UnknownKeyError`."""
        root = self._roots.get((name, version))
        if root is None:
            raise UnknownKeyError(name, version, self._where)
        return root

    def card_key(self, key: CardKey) -> bytes:
        """The bits of one key of one card: as many bytes as its root has."""
        root = self.root(key.name, key.version)
        if root.use == "transport":
            return root.value.reveal()
        length, engine = self._branch(root, key.division_code)
        return engine.encrypt(rules.diversification_block(key.factor, length))

    def encryptor(self, key: CardKey) -> des.Encryptor:
        """ECB encryption with one card key, for this thread; the last few are kept."""
        return self._engines.card(key)

    def _branch(self, root: RootKey, division_code: str) -> tuple[int, des.Encryptor]:
        """Key length and engine of the last level above the card."""
        branches = self._engines.branches
        regional = _REGIONAL[root.level]
        place = (root.name, root.version, division_code if regional else "")
        if place not in branches:
            value = root.value.reveal()
            for factor in regional:
                value = rules.diversify(value, factor(division_code))
            branches[place] = len(value), des.Encryptor(value)
        return branches[place]
