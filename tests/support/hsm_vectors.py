"""The vectors of HSM messages, and a key service with the keys they were computed by."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sscard_ic.base.clock import SystemClock
from sscard_ic.base.secret import Secret
from sscard_ic.crypto.factors import city_factor, province_factor
from sscard_ic.crypto.suites import SUITES
from sscard_ic.keys import CardKey, Environment, KeyInfo, UnknownKeyError
from sscard_ic.keys.host_service import HostService
from sscard_ic.keys.inventory import Use
from sscard_ic.keys.sealer import StorageSealer
from sscard_ic.profile import CardProfile, load

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "hsm_messages.toml").read_text("utf-8")
)
REGION = "huaian"
"""The profile of the region whose code stands in them."""


class VectorKeys(HostService):
    """Card keys as the vectors say, of the profile's names and purposes."""

    def __init__(self, profile: CardProfile, environment: Environment = "test") -> None:
        super().__init__(SystemClock())
        self._profile = profile
        self.environment = environment
        self.asked: list[CardKey] = []
        """Every card key that was derived."""

    @property
    def place(self) -> str:
        return "vectors"

    def root_info(self, name: str, version: int, algorithm: str = "3des") -> KeyInfo:
        entry = self._profile.keys.get(name)
        if entry is None or version > entry.groups:
            raise UnknownKeyError(name, version, algorithm=algorithm)
        use: Use = entry.use
        return KeyInfo(name, version, entry.level, use)

    def _derive(self, key: CardKey) -> bytes:
        self.asked.append(key)
        if found := VECTORS["card_keys"].get(key.name):
            return bytes.fromhex(found)
        value, suite = bytes.fromhex(VECTORS["roots"]["value"]), SUITES[key.algorithm]
        code = key.division_code
        for factor in (province_factor(code), city_factor(code), key.factor):
            value = suite.diversify(value, factor)
        return value

    def _transport_cryptogram(self, block: bytes) -> bytes:
        raise NotImplementedError

    def keys(self) -> Sequence[KeyInfo]:
        return []

    def sealer(self) -> StorageSealer:
        return StorageSealer(Secret(bytes(32)))

    def digest(self, text: str, context: str) -> str:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is held."""


def vector_keys() -> VectorKeys:
    """Of the region of the vectors."""
    return VectorKeys(load(REGION))
