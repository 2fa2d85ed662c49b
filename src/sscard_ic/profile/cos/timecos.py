"""The tables of TimeCOS/PBOC 2.8 of Watchdata (握奇) and of FMCOS 2.0 of Fudan (复旦, FM1208).

Both keep one security register of 4 bits for the MF and one for the current directory
(ref 02 §9.1.5, 11 §7); what tells them apart stands in their tables.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.cos.hdos import keys_beside_pin
from sscard_ic.profile.dialect import Dialect, Settings
from sscard_ic.profile.fields import HexByte, HexWord, Strict
from sscard_ic.profile.structure import Structure

MASTER_STATE = 0x0A
"""Follow-up state of every control key: that of the factory's key (ref 11 §7)."""

_STATES = range(1, 16)


class FileTypes(Strict):
    """Low six bits of the type byte of CREATE FILE."""

    transparent: HexByte
    fixed: HexByte
    variable: HexByte
    cyclic: HexByte
    purse: HexByte
    directory: HexByte
    keys: HexByte


class InternalFiles(Strict):
    """Identifiers of the files that the COS itself uses."""

    keys: HexWord
    directory: HexWord
    fci: HexWord
    """A whole A5 template, where 88 alone does not say it."""
    atr: HexWord


class RegisterSettings(Settings):
    """What the reference leaves open about TimeCOS and FMCOS (ref 02 §9.1, 11 §7)."""

    fresh_after_reset: bool = True
    """A directory that was never left stays open after a reset."""
    create_after_end: HexWord = 0x6982
    """Answer to CREATE FILE without the create right."""
    keys_first: HexWord = 0x6985
    """Answer to CREATE FILE in a directory without KEY file."""
    key_mac_refusal: HexWord = 0x9302
    """Answer to WRITE KEY with a wrong MAC."""
    key_line_protection: HexWord = 0x6900
    """Answer to WRITE KEY without the protection that the type byte of the key asks for."""
    group_bits: HexByte = 0x60
    """Bits of a key's identifier that count its groups; external keys have no version byte."""
    pin_state: int = Field(default=2, ge=1, le=15)
    """Follow-up state of the PIN; keys that may stand for it get the states beside it."""


class RegisterDialect(Dialect):
    """What TimeCOS and FMCOS have in common."""

    stays_open: ClassVar[bool] = False
    proof_replaces: ClassVar[bool] = True
    file_types: FileTypes
    internal_files: InternalFiles
    key_file_overhead: int = Field(ge=0)
    """Bytes of a KEY file besides its records."""
    key_overhead: int = Field(ge=0)
    """Bytes of a record besides its header and value."""
    fixed_mf: bool
    """Rights of the MF are those of the factory for good."""
    settings: RegisterSettings = RegisterSettings()

    def carries(self, structure: Structure, directory: str, rule: AccessRule) -> bool:
        """One state, or the PIN's with a neighbour of it: no AND, no MAC (ref 11 §2)."""
        if rule.mac is not None:
            return False
        if rule.kind != "conditions":
            return True
        if len(rule.keys) > 1 or (rule.pin and rule.keys and rule.logic == "and"):
            return False
        states = states_of(structure, directory, self.settings.pin_state)
        if not all(name in states for name in rule.keys):
            return False
        return not rule.pin or all(
            abs(states[name] - self.settings.pin_state) == 1 for name in rule.keys
        )


class TimeCosDialect(RegisterDialect):
    """TimeCOS/PBOC 2.8 (ref 02 §9.2, 11 §7)."""

    name: Literal["timecos"]


class FmcosDialect(RegisterDialect):
    """FMCOS 2.0 (ref 02 §9.1)."""

    name: Literal["fmcos"]


def states_of(structure: Structure, directory: str, pin_state: int) -> dict[str, int]:
    """Follow-up states of a directory's external keys; those that found none left are missing.

    Keys that stand for the PIN get the states beside its own; the state of the control keys and
    that of the PIN are given to no other key.
    """
    taken = {pin_state, MASTER_STATE}
    beside = [state for state in (pin_state - 1, pin_state + 1) if state not in taken | {0, 16}]
    states = dict(zip(keys_beside_pin(structure, directory), beside, strict=False))
    free = iter([state for state in _STATES if state not in taken | set(states.values())])
    for name, key in structure.keys_of(directory).items():
        if key.use == "external" and name not in states:
            state = next(free, None)
            if state is not None:
                states[name] = state
    return states
