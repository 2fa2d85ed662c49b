"""The tables of T514 of Datang (大唐), ref 11 §5."""

from __future__ import annotations

from typing import Literal

from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.dialect import Dialect, Settings
from sscard_ic.profile.fields import HexByte, HexWord, Strict
from sscard_ic.profile.structure import Structure


class FileTypes(Strict):
    """Type bytes of CREATE FILE."""

    internal: HexByte
    transparent: HexByte
    fixed: HexByte
    variable: HexByte
    cyclic: HexByte
    directory: HexByte


class InternalFiles(Strict):
    """Identifiers of the files that the COS itself uses."""

    keys: HexWord
    fci: HexWord
    directory: HexWord
    amount: HexWord
    """The file of the medical account's amounts (ref 12)."""


class T514Settings(Settings):
    """What the reference leaves open about T514 (ref 11 §12)."""

    key_change_right: HexByte = 0xEF
    """Byte 4 of the key header."""
    fresh_after_reset: bool = True
    """A directory that has not been ended stays open after a reset."""
    transport_code_after_end: HexWord = 0x6985
    """Answer to the transport code on a finished card."""
    create_after_end: HexWord = 0x6982
    """Answer to CREATE FILE in an ended directory without its control key."""
    already_ended: HexWord = 0x6985
    """Answer to the end command in a directory that has been ended."""
    transport_counter: HexByte = 0x33
    """Tries of the transport code: high nibble maximum, low nibble left."""
    atr_after_end: HexWord = 0x6985
    """Answer to a change of the ATR once the MF is ended."""
    reserve_space: int = 0
    """Bytes added to the size of variable files."""


class T514Dialect(Dialect):
    """T514 of Datang (ref 11 §5)."""

    name: Literal["t514"]
    file_types: FileTypes
    internal_files: InternalFiles
    settings: T514Settings = T514Settings()

    def carries(self, structure: Structure, directory: str, rule: AccessRule) -> bool:
        """One level in the parent and one in the current directory, no MAC (ref 11 §5.2)."""
        owners = [structure.pin_directory] * rule.pin
        owners += [structure.keys[name].directory for name in rule.keys]
        near = (directory, structure.directories[directory].parent)
        return rule.mac is None and len(set(owners)) == len(owners) and set(owners) <= set(near)
