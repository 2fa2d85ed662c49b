"""The keys that every key service is given: the root of the reference's vectors, and others.

The names are those of the vectors in ``tests/vectors/key_services.toml``. Where the reference gives
the key of a card instead of a root, the key is *given*: see :data:`GIVEN`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sscard_ic.base import FixedClock, Secret
from sscard_ic.crypto.published import published_test_key
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys import CardKey
from sscard_ic.keys.hierarchy import RootKey
from sscard_ic.keys.inventory import TRANSPORT, Level, RootAlgorithm, Use
from sscard_ic.profile import Key

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
CLOCK = FixedClock(datetime(2026, 11, 21, 8, 0, tzinfo=UTC))
ALGORITHMS: tuple[Algorithm, ...] = ("3des", "sm4")
ROOT = bytes(range(16))
"""MK of ref 02 §3.1; the 8-byte keys have its first half."""
FACTOR = bytes.fromhex("866033110000048A")

_FOLDER = Path(__file__).parents[2] / "vectors"


def vectors(name: str) -> dict[str, Any]:
    """One file of vectors."""
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Held:
    """A key as a profile would declare it, and what its root is."""

    name: str
    level: Level
    use: Use
    city: str
    """The city of the vectors that begin with it."""
    place: str = ""
    """Usage and identifier in a PSAM; none where no PSAM holds it."""
    length: int = 16
    medical: bool = False
    """3DES on every card (ref 12 §6)."""
    values: Mapping[Algorithm, bytes] | None = None
    """Its bits where they are not those of the vectors."""

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        """The families it is there for."""
        return ("3des",) if self.medical or self.use == "transport" else ALGORITHMS

    def value(self, algorithm: Algorithm) -> bytes:
        """The bits of its root."""
        if self.values is not None:
            return self.values[algorithm]
        return ROOT[: self.length] if algorithm == "3des" else ROOT

    def declared(self) -> Key:
        """As in the profile of a card; a PSAM takes its steps from the usage byte."""
        return Key.model_validate(
            {
                "directory": "SSSE",
                "id": 4,
                "use": self.use,
                "level": "P1" if self.level == "C1" else self.level,
                "length": self.length,
                "algorithm": "3des" if self.medical else "card",
                "indexed": self.use in ("purchase", "load"),
                "psam_usage": self.place[:2] or None,
                "psam_id": self.place[2:] or None,
                "hsm_address": f"{0x0100 + [held.name for held in HELD].index(self.name):04X}",
            }
        )


def _published(name: str, length: int = 16) -> Mapping[Algorithm, bytes]:
    return {
        "3des": published_test_key(name, 1, length),
        "sm4": published_test_key(name, 1, algorithm="sm4"),
    }


def _after(steps: int) -> Mapping[Algorithm, bytes]:
    """The root of vector A after so many steps (ref 02 §3.1, §3.4)."""
    chains = {name: vectors(f"crypto_{name}")["chain"][0] for name in ALGORITHMS}
    return {name: bytes.fromhex(chain["keys"][steps]) for name, chain in chains.items()}


HELD = (
    # Vector A from the root, from the key of the province, from that of the city; vector B.
    Held("NATION", "N1", "external", "320800", "680B"),
    Held("PROVINCE", "P1", "external", "320800", "4814", values=_after(1)),
    Held("CITY", "C1", "external", "320800", "2819", values=_after(2)),
    Held("UKSSSE", "P1", "external", "371700", "4812"),
    Held("IRK", "N1", "internal", "320800", "6708"),
    Held("STK", "N2", "mac", "371700", "6809", length=8),
    Held("MKSSSE", "maker", "master", "371700"),
    # The medical account (ref 12 §8): the DPK begins with the root, the others are given there.
    Held("DPK", "N2", "purchase", "990100", "6201", medical=True),
    Held("DLK", "P1", "load", "990100", medical=True),
    Held("DTK", "P1", "tac", "990100", medical=True),
    Held(TRANSPORT, "maker", "transport", "371700"),
    # Roots of their own, by which one key would be found out that answers for another.
    Held("PUK", "P1", "external", "650100", "4810", values=_published("PUK")),
    Held("RKSSSE", "N1", "external", "650100", "680A", values=_published("RKSSSE")),
    Held("STKDF06", "P1", "mac", "650100", "4858", length=8, values=_published("STKDF06", 8)),
    Held("MKDF01", "maker", "master", "650100", values=_published("MKDF01")),
)
BY_NAME: Mapping[str, Held] = {held.name: held for held in HELD}


def declared() -> dict[str, Key]:
    """Those that a card can have, as its profile would declare them."""
    return {held.name: held.declared() for held in HELD if held.use != "transport"}


def roots() -> list[RootKey]:
    """All of them with their bits."""
    found = []
    for held in HELD:
        for algorithm in held.algorithms:
            value = held.value(algorithm)
            kind: RootAlgorithm = "des" if len(value) == 8 else algorithm
            found.append(RootKey(held.name, 1, held.level, held.use, CREATED, Secret(value), kind))
    return found


def key_of(name: str, algorithm: Algorithm = "3des", factor: bytes = FACTOR) -> CardKey:
    """A key of the card of the vectors."""
    return CardKey(name, 1, BY_NAME[name].city, factor, algorithm)


# Vectors that begin with the key of a card

DERIVED: Mapping[tuple[Algorithm, str], CardKey] = {
    (algorithm, chain["keys"][-1]): key_of(name, algorithm)
    for algorithm in ALGORITHMS
    for name, chain in zip(
        ("NATION", "UKSSSE"), vectors(f"crypto_{algorithm}")["chain"], strict=False
    )
}
"""Card keys of the reference whose roots are in :data:`HELD`: vectors A and B."""


GIVEN_CITY = "511900"
"""That of the worked initialisation (ref 11 §8); nothing is derived from it."""


def _given() -> dict[tuple[Algorithm, str], str]:
    """Names of the card keys that the reference gives without a root, by algorithm and bits."""
    rows: list[tuple[Algorithm, str]] = []
    for algorithm in ALGORITHMS:
        file = vectors(f"crypto_{algorithm}")
        rows += [(algorithm, row["key"]) for row in file["authentication"]]
    messages = vectors("secure_messaging")
    rows += [(row["algorithm"], row["key"]) for row in messages["command"] + messages["cipher"]]
    for row in vectors("key_loading")["load"]:
        family = row.get("algorithm", "3des")
        rows += [(family, row["bits"]), (family, row.get("under", row["bits"]))]
    for row in vectors("mcos")["load"]:
        rows += [("3des", row["value"]), ("3des", row["under"])]
    rows += [("3des", row["apdu"][26:]) for row in vectors("mcos")["plain_keys"]]
    rows += [("3des", vectors("medical")["keys"][name]) for name in ("dpk", "dlk", "dtk")]
    names: dict[tuple[Algorithm, str], str] = {}
    for place in rows:
        if place not in DERIVED:
            names.setdefault(place, f"GIVEN{len(names)}")
    return names


GIVEN: Mapping[tuple[Algorithm, str], str] = _given()
"""Each has a name of its own, so that a service finds it whatever the algorithm."""


def given_use(name: str) -> Use:
    """What a key service that asks for a purpose must think of a given key."""
    medical = vectors("medical")["keys"]
    uses: dict[str, Use] = {
        GIVEN["3des", medical["dlk"]]: "load",
        GIVEN["3des", medical["dtk"]]: "tac",
    }
    return uses.get(name, "master")


def given_key(algorithm: Algorithm, bits: str) -> CardKey:
    """The key with these bits, of a service that was given :data:`GIVEN`."""
    return CardKey(GIVEN[algorithm, bits], 1, GIVEN_CITY, FACTOR, algorithm)
