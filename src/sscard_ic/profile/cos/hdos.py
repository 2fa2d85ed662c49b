"""The tables of HDOS V2.0.01 of Huada (广东华大), ref 11 §4."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.dialect import Dialect, Settings
from sscard_ic.profile.fields import HexByte, HexWord, Strict
from sscard_ic.profile.structure import Structure


class FileTypes(Strict):
    """Low five bits of the type byte of CREATE FILE."""

    transparent: HexByte
    variable: HexByte
    fixed: HexByte
    cyclic: HexByte
    directory: HexByte
    keys: HexByte


class InternalFiles(Strict):
    """Identifiers of the files that the COS itself uses."""

    keys: HexWord
    directory: HexWord
    atr: HexWord


class HdosSettings(Settings):
    """What the reference leaves open about HDOS (ref 11 §4, §11, §12)."""

    transport_counter: HexByte = 0x33
    """Tries of the transport code: high nibble maximum, low nibble left."""
    transport_code_after_end: HexWord = 0x6985
    """Answer to the transport code on a finished card."""
    already_ended: HexWord = 0x6985
    """Answer to CREATE FILE END on a finished card."""
    create_after_end: HexWord = 0x6982
    """Answer to CREATE FILE on a finished card."""
    proof_before_end: HexWord = 0x6901
    """Answer to VERIFY and both authentications before CREATE FILE END."""
    pin_flag: int = Field(default=2, ge=2, le=14)
    """Flag of the PIN; keys that may stand for it get the flags beside it."""


class HdosDialect(Dialect):
    """HDOS V2.0.01 (ref 11 §4)."""

    name: Literal["hdos"]
    file_types: FileTypes
    internal_files: InternalFiles
    settings: HdosSettings = HdosSettings()

    def carries(self, structure: Structure, directory: str, rule: AccessRule) -> bool:
        """One flag, or the PIN's with a neighbour of it: no AND, no MAC (ref 11 §2)."""
        if rule.mac is not None or len(rule.keys) > 1 or (rule.pin and rule.logic == "and"):
            return rule.mac is None and rule.pin and not rule.keys
        near = all(structure.keys[name].directory == directory for name in rule.keys)
        return near and not (rule.pin and rule.keys and not self._beside(structure, directory))

    def _beside(self, structure: Structure, directory: str) -> bool:
        """Whether every key that stands for the PIN in ``directory`` finds a flag beside it."""
        return len(keys_beside_pin(structure, directory)) <= 2


def keys_beside_pin(structure: Structure, directory: str) -> tuple[str, ...]:
    """The keys of a directory that some rule there allows in the place of the PIN."""
    rules = [file.read for file in structure.directories[directory].files.values()]
    rules += [file.update for file in structure.directories[directory].files.values()]
    names = {
        name
        for rule in rules
        if rule.pin and rule.logic == "or"
        for name in rule.keys
        if structure.keys[name].directory == directory
    }
    return tuple(sorted(names))
