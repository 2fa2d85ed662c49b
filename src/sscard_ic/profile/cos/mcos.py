"""The tables of MCOS/PBOC/SSC of Huada (华大), ref 11 §3."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.cos.levels import key_levels
from sscard_ic.profile.dialect import Dialect, Settings
from sscard_ic.profile.fields import HexByte, HexBytes, HexWord, Strict
from sscard_ic.profile.structure import File, Key, Structure

MAX_FLAG = 15
"""Flags of one word; keys beyond them open nothing by the bytes of the COS."""


class InternalFiles(Strict):
    """Identifiers of the files that the COS itself uses."""

    keys: HexWord
    atr: HexWord
    directory: HexWord


class McosSettings(Settings):
    """What the reference leaves open about MCOS (ref 11 §3, §9, §11, §12)."""

    key_loading: Literal["plain", "enciphered_mac"] = "enciphered_mac"
    loading_challenge: Literal[4, 8] = 8
    """Random bytes of the start value of a MAC on WRITE KEY; four are filled with 00."""
    manufacturer_reference: HexByte = 0x00
    """P2 that names the manufacturer key."""
    manufacturer_tries: int = Field(default=15, ge=1, le=15)
    master_limit: int = Field(default=15, ge=0, le=15)
    """Tries of master keys; 0: not counted."""
    already_frozen: HexWord = 0x6985
    """Answer to FREEZE MF on a frozen card."""
    environment_space: HexWord = 0x4000
    """Body of the SSSE, or what its contents take when they take more."""
    eeprom: HexWord = 0x8000
    """Bytes of the chip's memory; 336 of them are its own."""


class McosDialect(Dialect):
    """MCOS/PBOC/SSC (ref 11 §3)."""

    stays_open: ClassVar[bool] = False
    name: Literal["mcos"]
    internal_files: InternalFiles
    information: HexBytes = Field(min_length=5, max_length=5)
    """Of GET INFO: chip maker 2, COS 1, version 1, revision 1."""
    settings: McosSettings = McosSettings()

    def carries(self, structure: Structure, directory: str, rule: AccessRule) -> bool:
        """One range of flags for the environment, one for the ADF; both must hold (ref 11 §3.3).

        The PIN is the environment's and goes with both by AND or OR; a MAC is by a key of the
        directory itself.
        """
        if rule.mac is not None and structure.keys[rule.mac].directory != directory:
            return False
        environment = _environment(structure, directory)
        if rule.pin and structure.pin_directory != environment:
            return False
        owners = [structure.keys[name].directory for name in rule.keys]
        levels = key_levels(structure)
        if not set(owners) <= {environment, directory}:
            return False
        if any(levels[name] > MAX_FLAG for name in rule.keys):
            return False
        if len(owners) == 2 and rule.logic == "and":
            return owners[0] != owners[1]
        if len(owners) == 2:
            first, second = sorted(levels[name] for name in rule.keys)
            return owners[0] == owners[1] and second - first == 1
        return True

    def carries_append(self, file: File) -> bool:
        """One right for both, or one of them forbidden (ref 11 §3.3)."""
        if file.append in (None, file.update):
            return True
        return file.update.kind in _FORBIDDEN or _forbidden(file.append)

    def carries_use(self, structure: Structure, key: Key) -> bool:
        """The Access-Right of a key record knows flags, and no PIN (ref 11 §3.4)."""
        rule = key.usable
        plain = not rule.pin and rule.mac is None
        return plain and self.carries(structure, key.directory, rule)


_FORBIDDEN = ("never", "internal")


def _forbidden(rule: AccessRule | None) -> bool:
    return rule is not None and rule.kind in _FORBIDDEN


def _environment(structure: Structure, directory: str) -> str:
    """The DDF or MF whose keys are global in ``directory``."""
    entry = structure.directories[directory]
    if entry.kind == "ADF" and entry.parent is not None:
        return entry.parent
    return directory
