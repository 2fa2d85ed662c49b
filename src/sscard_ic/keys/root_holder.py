"""What every service over root keys can do, whatever becomes of the keys of single cards."""

from __future__ import annotations

from abc import ABC, abstractmethod

from sscard_ic.base.clock import Clock
from sscard_ic.base.secret import Secret
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.keys.capabilities import PublishedKey
from sscard_ic.keys.inventory import TRANSPORT, KeyInfo
from sscard_ic.keys.policy import Operation, require_usable, require_use

SERIAL_LENGTH = 6

_BLOCK = 8
"""Bytes of a transport code and of a blank's challenge."""


class RootHolder(ABC):
    """Knows root keys, and opens the maker's blanks by one of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    # What a subclass answers

    @abstractmethod
    def root_info(self, name: str, version: int, algorithm: str = "3des") -> KeyInfo:
        """What may be told about a root key; raises :class:`UnknownKeyError`."""

    @abstractmethod
    def _transport_cryptogram(self, block: bytes) -> bytes:
        """Encryption of 8 bytes under the key that opens the maker's blanks."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the keys are, for errors."""

    # What every one of them can do

    def require_key(self, name: str, version: int, algorithm: Algorithm) -> None:
        """Raise :class:`UnknownKeyError` unless there is such a root key.

        One that is destroyed or outside its days is refused, too.
        """
        info = self.root_info(name, version, algorithm)
        require_usable(info, self._clock.today(), self.place)

    def root_check_value(self, name: str, version: int, algorithm: str = "3des") -> bytes:
        """3 bytes: the check value of a root key."""
        return bytes.fromhex(self.root_info(name, version, algorithm).check_value)

    def transport_code(self, serial: bytes) -> Secret:
        """X = 3DES(Ktran, 0000 ‖ T8..TD) for the 6-byte chip serial (ref 11 §5.1)."""
        if len(serial) != SERIAL_LENGTH:
            raise ValueError(f"a chip serial has {SERIAL_LENGTH} bytes")
        self._require(TRANSPORT, 1, "3des", "open_blank")
        return Secret(self._transport_cryptogram(serial.rjust(_BLOCK, b"\x00")))

    def blank_cryptogram(self, challenge: bytes, published: PublishedKey | None) -> bytes:
        """C = 3DES(K, R) under the published key, or the maker's own (ref 11 §3.7)."""
        if published is not None:
            return SUITES[published.algorithm].direct_cryptogram(published.value, challenge)
        if len(challenge) != _BLOCK:
            raise ValueError(f"a challenge has {_BLOCK} bytes")
        self._require(TRANSPORT, 1, "3des", "open_blank")
        return self._transport_cryptogram(challenge)

    def _require(self, name: str, version: int, algorithm: str, operation: Operation) -> None:
        info = self.root_info(name, version, algorithm)
        require_use(info, operation, self._clock.today(), self.place)
