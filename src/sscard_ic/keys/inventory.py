"""What may be known about a root key: everything but its bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

Environment = Literal["test", "production"]
Level = Literal["N1", "N2", "P1", "C1", "maker", "bank", "site"]
"""Where a chain begins; the first four as in a profile and a PSAM.

N1, N2: ministry (first or second level in the PSAM), P1: province, C1: city, ``maker``: card
maker, ``bank``: the bank whose application is on the card, ``site``: keys that protect others on
their way and never reach a card.
"""
Owner = Literal["ministry", "province", "city", "maker", "bank", "site"]
RootAlgorithm = Literal["des", "3des", "sm4", "sm1", "ssf33", "aes"]
"""Single DES (8 bytes), two-key 3DES, SM4, SM1, SSF33 (16 bytes each), AES (32 bytes).

SM1 and SSF33 are not published: only hardware holds and uses such keys (ref 02 §2.4).
"""
Use = Literal[
    "external",
    "internal",
    "mac",
    "master",
    "purchase",
    "load",
    "tac",
    "transport",
    "wrap",
    "bank_cryptogram",
    "bank_mac",
    "bank_encipherment",
    "card_manager",
    "bank_transport",
]
"""What a key is for: as in a profile, ``transport`` for blanks, ``wrap`` for other keys.

``bank_…`` and ``card_manager`` belong to the bank's application: cryptograms, MACs of scripts,
enciphered PINs (ref 04 §6.1), the card manager's KMC (ref 04 §7.2), and what protects secret data
on their way from the bank.
"""
Factor = Literal["province", "city", "card", "account", "chip"]
"""What one step of diversification depends on (ref 02 §2.2).

``account``: PAN and its sequence number (ref 14 §6); ``chip``: key data of the card manager
(ref 15 §5.3).
"""
Origin = Literal["published", "generated", "components", "block"]
"""How a key came in: printed for everybody, made inside, by custodians' parts, as a key block."""
KeyState = Literal["active", "destroyed"]

TRANSPORT = "TRANSPORT"
"""Name of the key that opens the maker's blanks (Ktran), version 1."""

OWNERS: Mapping[Level, Owner] = {
    "N1": "ministry",
    "N2": "ministry",
    "P1": "province",
    "C1": "city",
    "maker": "maker",
    "bank": "bank",
    "site": "site",
}
FACTORS: Mapping[Level, tuple[Factor, ...]] = {
    "N1": ("province", "city", "card"),
    "N2": ("province", "city", "card"),
    "P1": ("city", "card"),
    "C1": ("card",),
    "maker": ("card",),
    "bank": ("card",),
    "site": (),
}
LENGTHS: Mapping[RootAlgorithm, int] = {
    "des": 8,
    "3des": 16,
    "sm4": 16,
    "sm1": 16,
    "ssf33": 16,
    "aes": 32,
}
USE_FACTORS: Mapping[Use, tuple[Factor, ...]] = {
    "transport": (),
    "wrap": (),
    "bank_cryptogram": ("account",),
    "bank_mac": ("account",),
    "bank_encipherment": ("account",),
    "card_manager": ("chip",),
    "bank_transport": (),
}
"""Steps of keys whose use, not their owner, says what those of cards depend on."""
BANK_USES: frozenset[Use] = frozenset(
    {"bank_cryptogram", "bank_mac", "bank_encipherment", "card_manager", "bank_transport"}
)
HARDWARE_ONLY: frozenset[RootAlgorithm] = frozenset({"sm1", "ssf33"})


@dataclass(frozen=True, slots=True)
class KeySpec:
    """What a root key is to be, before it has bits."""

    name: str
    version: int
    """Group of keys on a card, 1 to 255."""
    level: Level
    use: Use
    algorithm: RootAlgorithm = "3des"
    valid_from: date | None = None
    """First day of use; None: at once."""
    valid_until: date | None = None
    """Last day of use; None: without end."""

    @property
    def owner(self) -> Owner:
        """Who is responsible for it."""
        return OWNERS[self.level]

    @property
    def length(self) -> int:
        """Bytes: 8, 16 or 32."""
        return LENGTHS[self.algorithm]

    @property
    def factors(self) -> tuple[Factor, ...]:
        """What the steps from it to the key of a card depend on, in their order."""
        return USE_FACTORS.get(self.use, FACTORS[self.level])

    @property
    def family(self) -> str:
        """By which it is found besides name and version: single DES belongs to 3DES."""
        return "3des" if self.algorithm == "des" else self.algorithm

    def valid_on(self, day: date) -> bool:
        """Whether it may be used on ``day``."""
        begun = self.valid_from is None or self.valid_from <= day
        return begun and (self.valid_until is None or day <= self.valid_until)


@dataclass(frozen=True, slots=True)
class KeyInfo(KeySpec):
    """What may be told about a root key that is, or was, there."""

    check_value: str = ""
    """Six hex digits: the first bytes of the encryption of a block of zeros."""
    environment: Environment = "test"
    created: datetime | None = None
    origin: Origin = "published"
    state: KeyState = "active"
    destroyed: datetime | None = None
