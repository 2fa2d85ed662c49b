"""A key service whose card keys are given: vectors often begin with the key of a card."""

from __future__ import annotations

from collections.abc import Mapping

from sscard_ic.base import SystemClock
from sscard_ic.crypto import des
from sscard_ic.keys import CardKey, KeyInfo, UnknownKeyError
from sscard_ic.keys.host_service import HostService
from sscard_ic.keys.inventory import TRANSPORT
from sscard_ic.keys.policy import Operation


class FixedKeys(HostService):
    """Card keys by name, the same for every card, version, algorithm and purpose."""

    place = "fixed keys"

    def __init__(self, values: Mapping[str, bytes]) -> None:
        super().__init__(SystemClock())
        self._values = values

    def root_info(self, name: str, version: int, algorithm: str = "3des") -> KeyInfo:
        """What it could be; raises :class:`UnknownKeyError` for another name."""
        if name not in self._values:
            raise UnknownKeyError(name, version, self.place, algorithm=algorithm)
        return KeyInfo(name, version, "maker", "transport" if name == TRANSPORT else "master")

    def _derive(self, key: CardKey) -> bytes:
        return self._values[key.name]

    def _card_key(self, key: CardKey, operation: Operation) -> bytes:
        self.root_info(key.name, key.version)
        return self._derive(key)

    def _transport_cryptogram(self, block: bytes) -> bytes:
        return des.encrypt(self._values[TRANSPORT], block)
