"""What has been proved to the card since the last reset (ref 11 §2.3).

The base is the state of the design: the PIN counts in the whole application, keys in the directory
where they were proved. A dialect that forgets otherwise has a class of its own.
"""

from __future__ import annotations

from sscard_ic.simulator.files import Directory
from sscard_ic.simulator.keys import StoredKey


class SecurityState:
    """Keys and PINs proved since the reset, as seen from the current directory."""

    __slots__ = ("directory", "keys", "pins")

    def __init__(self) -> None:
        self.directory: Directory | None = None
        self.keys: set[StoredKey] = set()
        self.pins: set[StoredKey] = set()

    @property
    def pin_verified(self) -> bool:
        """Whether the PIN has been verified."""
        return bool(self.pins)

    def enter(self, directory: Directory | None) -> None:
        """``directory`` is selected: key states fall when it is another one, the PIN's stays."""
        if directory is not self.directory:
            self.directory = directory
            self.keys.clear()

    def clear(self) -> None:
        """A reset, or another application: forget every key and the PIN."""
        self.keys.clear()
        self.pins.clear()

    def prove_key(self, key: StoredKey) -> None:
        """``key`` has been authenticated."""
        self.keys.add(key)

    def prove_pin(self, pin: StoredKey) -> None:
        """``pin`` has been verified."""
        self.pins.add(pin)

    def drop_pin(self) -> None:
        """The PIN is no longer verified."""
        self.pins.clear()

    def forget(self, gone: set[StoredKey]) -> None:
        """Keys and PINs have been deleted: what they proved falls with them."""
        self.keys -= gone
        self.pins -= gone

    def failed_key(self, key: StoredKey) -> None:
        """A proof of ``key`` has failed: what was proved before stays."""

    def failed_pin(self, pin: StoredKey) -> None:
        """A verification of ``pin`` has failed: it is no longer verified."""
        self.pins.discard(pin)

    def holds(self, name: bytes, reference: int) -> bool:
        """Whether a key is proved: ``name`` of its directory, P2 that addresses it there."""
        return any(key.reference == reference and key.directory.name == name for key in self.keys)
