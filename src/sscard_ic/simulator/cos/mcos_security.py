"""Flags of MCOS: what a proof sets, and what a right asks for (ref 11 §2.3, §3.3).

Two words of 15 flags, one of the environment (MF or DDF), one of the ADF. Flags accumulate; they
fall when their directory is left, those of an ADF also when it is selected again. Sets of flags
are bit masks, bit N for flag N. The main PIN and the master keys are conditions of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sscard_ic.simulator.files import Directory
from sscard_ic.simulator.keys import StoredKey
from sscard_ic.simulator.rules import FREE, NEVER, Rule
from sscard_ic.simulator.security import SecurityState

MASTER_TYPE = MASTER_ID = 0x00
_PIN, _PIN_SUFFICES = 0x01, 0x02
_MK_OF_ENVIRONMENT, _MK_OF_APPLICATION = 0x80, 0x40


class FlagState(SecurityState):
    """Keys and PINs proved, seen as flags of environment and ADF."""

    __slots__ = ()

    def enter(self, directory: Directory | None) -> None:
        """What was proved to the environment stays while it is the same; the rest falls."""
        self.directory = directory
        kept = environment_of(directory)
        self.keys = {key for key in self.keys if key.directory is kept}
        self.pins = {pin for pin in self.pins if pin.directory is kept}

    def failed_pin(self, pin: StoredKey) -> None:
        """A failed verification changes nothing."""

    def flags(self, directory: Directory | None) -> int:
        """The flags that are set in the word of ``directory``."""
        held = 0
        for key in self.keys | self.pins:
            if key.directory is directory:
                held |= key.grant
        return held

    def is_master(self, directory: Directory | None) -> bool:
        """Whether the master key of ``directory`` is proved."""
        return any(
            key.directory is directory and key.record.type == MASTER_TYPE and key.id == MASTER_ID
            for key in self.keys
        )


def environment_of(directory: Directory | None) -> Directory | None:
    """The MF or DDF whose keys are global in ``directory``."""
    if directory is not None and directory.spec.kind == "ADF":
        return directory.parent
    return directory


@dataclass(frozen=True, slots=True)
class FlagRule(Rule):
    """Flags of environment and ADF (None: free), PIN and master keys."""

    environment: int | None = None
    application: int | None = None
    pin: Literal["none", "and", "or"] = "none"
    environment_master: bool = False
    application_master: bool = False

    def met(self, state: SecurityState) -> bool:
        """Whether both words have one of their flags, and the rest holds."""
        if not isinstance(state, FlagState):
            return False
        here = state.directory
        above = environment_of(here)
        holds = _has(state, above, self.environment) and _has(state, here, self.application)
        if self.pin == "and":
            holds = holds and state.pin_verified
        elif self.pin == "or":
            holds = holds or state.pin_verified
        masters = not self.environment_master or state.is_master(above)
        return holds and masters and (not self.application_master or state.is_master(here))


def _has(state: FlagState, directory: Directory | None, wanted: int | None) -> bool:
    return wanted is None or bool(wanted & state.flags(directory))


def flags(byte: int) -> int:
    """The set X to Y of a byte XY; empty when X is 0 or above Y."""
    first, last = byte >> 4, byte & 0x0F
    return sum(1 << flag for flag in range(first, last + 1)) if first else 0


_RANGES = tuple(None if byte < 0x10 else flags(byte) for byte in range(256))
"""Of a right byte: 0Y is free, X above Y never holds."""


def rule(control: int, right: bytes, *, in_application: bool) -> Rule:
    """The rule of a control byte and a right of two bytes.

    In MF and DDF the byte of the ADF means nothing.
    """
    environment = _RANGES[right[0]]
    application = _RANGES[right[1]] if in_application else None
    pin: Literal["none", "and", "or"] = "none"
    if control & _PIN:
        pin = "or" if control & _PIN_SUFFICES else "and"
    found = FlagRule(
        environment,
        application,
        pin,
        environment_master=bool(control & _MK_OF_ENVIRONMENT),
        application_master=in_application and bool(control & _MK_OF_APPLICATION),
    )
    if found == FlagRule():
        return FREE
    if pin != "or" and 0 in (environment, application):
        return NEVER
    return found
