"""The security registers of TimeCOS and FMCOS: 4 bits of the MF, 4 of the current directory.

A success replaces a register by the follow-up state, a failure and a selection set it to 0
(ref 02 §9.1.5, 11 §2.3, §7).
"""

from __future__ import annotations

from dataclasses import dataclass

from sscard_ic.simulator.files import Directory
from sscard_ic.simulator.keys import StoredKey
from sscard_ic.simulator.rules import FREE, NEVER, Rule
from sscard_ic.simulator.security import SecurityState

_STATE = 0x0F


class RegisterState(SecurityState):
    """Both registers, and the states of verified PINs.

    A PIN counts besides the register in its directory and in those below: the scheme verifies it
    once, in the SSSE (ref 01 §10.4).
    """

    __slots__ = ("_building", "_kept", "_mf", "_register")

    def __init__(self) -> None:
        super().__init__()
        self._mf = 0
        self._register = 0
        self._kept = 0
        """Bit N: a PIN that counts here has given state N."""
        self._building: Directory | None = None
        """The directory selected since the reset, which ends its building when it is left."""

    def enter(self, directory: Directory | None) -> None:
        """Its register is 0, that of the MF stays; a directory that is left is built no more."""
        left = self._building
        if (
            left is not None
            and left is not directory
            and not left.ended
            and _root(left) is _root(directory)
        ):
            left.end()
        self._building = self.directory = directory
        self._register = 0
        self.keys = {key for key in self.keys if key.directory.parent is None}
        self._keep()

    def clear(self) -> None:
        """All registers are 0."""
        super().clear()
        self._mf = self._register = self._kept = 0
        self._building = None

    def prove_key(self, key: StoredKey) -> None:
        """Its follow-up state takes the place of the register's."""
        super().prove_key(key)
        self._set(key)

    def prove_pin(self, pin: StoredKey) -> None:
        """As :meth:`prove_key`; its state is kept besides."""
        super().prove_pin(pin)
        self._set(pin)
        self._keep()

    def failed_key(self, key: StoredKey) -> None:
        """The register is 0; so is that of the MF after a failure there."""
        self._fail()

    def failed_pin(self, pin: StoredKey) -> None:
        """As :meth:`failed_key`; the PIN is no longer verified."""
        super().failed_pin(pin)
        self._keep()
        self._fail()

    def drop_pin(self) -> None:
        """The PIN is no longer verified."""
        super().drop_pin()
        if self._kept & 1 << self._register:
            self._register = 0
        self._kept = 0

    def forget(self, gone: set[StoredKey]) -> None:
        """The register of the MF is 0 when a key that may have set it is deleted.

        The other one is 0 already: nothing is deleted in a directory that stays current.
        """
        proved = gone & (self.keys | self.pins)
        super().forget(gone)
        if any(key.directory.parent is None for key in proved):
            self._mf = 0
        self._keep()

    def _set(self, key: StoredKey) -> None:
        here, state = self.directory, key.grant & _STATE
        if here is not None and here.parent is None:
            self._mf = state
        elif here is not None and (
            here is key.directory or here.find_key(key.record.type, key.id) is not None
        ):
            # A key of another directory counts where a record here refers to it (ref 11 §7).
            self._register = state

    def _keep(self) -> None:
        self._kept = 0
        above = self.directory
        while self.pins and above is not None:
            for pin in self.pins:
                if pin.directory is above:
                    self._kept |= 1 << (pin.grant & _STATE)
            above = above.parent

    def _fail(self) -> None:
        self._register = 0
        if self.directory is not None and self.directory.parent is None:
            self._mf = 0
        self.keys = {key for key in self.keys if key.directory is not self.directory}

    @property
    def mf(self) -> int:
        """The register of the MF."""
        return self._mf

    @property
    def states(self) -> int:
        """Bit N: the current directory is in state N."""
        here = self.directory
        value = self._mf if here is not None and here.parent is None else self._register
        return 1 << value | self._kept


def _root(directory: Directory | None) -> Directory | None:
    while directory is not None and directory.parent is not None:
        directory = directory.parent
    return directory


@dataclass(frozen=True, slots=True)
class RegisterRule(Rule):
    """A register of the current directory in one of the states ``mask`` (bit N: state N)."""

    mask: int

    def met(self, state: SecurityState) -> bool:
        """Whether it is."""
        return isinstance(state, RegisterState) and bool(state.states & self.mask)


@dataclass(frozen=True, slots=True)
class MasterFileRule(Rule):
    """The register of the MF at ``least``, asked also in other directories."""

    least: int

    def met(self, state: SecurityState) -> bool:
        """Whether it is."""
        return isinstance(state, RegisterState) and state.mf >= self.least


def rule(byte: int) -> Rule:
    """The rule of a right XY: F0 free, Y to X, never when X < Y; 0Y asks the MF (ref 02 §9.1.5)."""
    upper, lower = byte >> 4, byte & 0x0F
    if byte in (0xF0, 0x00):
        return FREE
    if upper == 0:
        return MasterFileRule(lower)
    if upper < lower:
        return NEVER
    return RegisterRule(sum(1 << state for state in range(lower, upper + 1)))
