"""Flags of HDOS: sixteen of the environment, sixteen of the application (ref 11 §2.3, §4)."""

from __future__ import annotations

from dataclasses import dataclass

from sscard_ic.simulator.files import Directory
from sscard_ic.simulator.keys import StoredKey
from sscard_ic.simulator.rules import FREE, NEVER, Rule
from sscard_ic.simulator.security import SecurityState

_GLOBAL = 0x80
"""Bit of a follow-up state: the flag holds in the children, too."""


class FlagState(SecurityState):
    """The word of the current environment (MF or DDF) and that of the current application."""

    __slots__ = ("_application", "_environment", "_inherited", "_word")

    def __init__(self) -> None:
        super().__init__()
        self._environment: Directory | None = None
        self._word = 0
        self._inherited = 0
        """Global flags of the environment."""
        self._application = 0

    def enter(self, directory: Directory | None) -> None:
        """An application begins with the environment's global flags; another environment, none."""
        environment = _environment_of(directory)
        if environment is not self._environment:
            self.clear()
            self._environment = environment
        self.directory = directory
        self._application = self._inherited
        self.keys = {key for key in self.keys if key.directory is environment}

    def clear(self) -> None:
        """All flags fall."""
        super().clear()
        self._word = self._inherited = self._application = 0

    def prove_key(self, key: StoredKey) -> None:
        """Its flag is set, in the word of its directory."""
        super().prove_key(key)
        self._set(key)

    def prove_pin(self, pin: StoredKey) -> None:
        """As :meth:`prove_key`."""
        super().prove_pin(pin)
        self._set(pin)

    def failed_pin(self, pin: StoredKey) -> None:
        """A failure changes no flag (ref 11 §2.3)."""

    def drop_pin(self) -> None:
        """As :meth:`failed_pin`: HDOS forgets no PIN but by leaving its environment."""

    def _set(self, key: StoredKey) -> None:
        flag = 1 << (key.grant & 0x0F)
        if key.directory is not self._environment:
            self._application |= flag
            return
        self._word |= flag
        if key.grant & _GLOBAL:
            self._inherited |= flag
            self._application |= flag

    @property
    def flags(self) -> int:
        """The word that rights of the current directory are asked of."""
        return self._word if self.directory is self._environment else self._application


def _environment_of(directory: Directory | None) -> Directory | None:
    if directory is not None and directory.spec.kind == "ADF":
        return directory.parent
    return directory


@dataclass(frozen=True, slots=True)
class FlagRule(Rule):
    """At least one of the flags ``mask`` (bit N: flag N)."""

    mask: int

    def met(self, state: SecurityState) -> bool:
        """Whether one of them is set."""
        return isinstance(state, FlagState) and bool(state.flags & self.mask)


def rule(byte: int) -> Rule:
    """The rule of a right XY: 0Y free, one of the flags X to Y, never when X > Y (ref 11 §2)."""
    first, last = byte >> 4, byte & 0x0F
    if first == 0:
        return FREE
    if first > last:
        return NEVER
    return FlagRule(sum(1 << flag for flag in range(first, last + 1)))
