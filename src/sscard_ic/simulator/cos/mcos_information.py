"""GET INFO of MCOS, and the space that files take (ref 11 §3.1, §3.2)."""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.profile.cos.mcos import McosDialect
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.cos.mcos_layout import DIRECTORY_HEADER, McosDirectorySpec, McosFileSpec
from sscard_ic.simulator.files import Directory, DirectorySpec, FileSpec

_LENGTH = 15
_INITIAL, _DEVELOPMENT, _WORKING, _LOCKED = 0x0A, 0x0B, 0x0C, 0x0D
_KINDS = {"MF": 0x39, "DDF": 0x3A, "ADF": 0x38}
_STANDINGS = {"none": 0x38, "temporary": 0x78, "permanent": 0xB8, "card": 0x38}


def get_information(card: CardState, command: Command) -> bytes:
    """15 bytes: chip maker, COS, version, revision; EEPROM; state; current directory; space."""
    if command.p1 or command.p2:
        raise Refusal(0x6A86)
    dialect = card.dialect
    assert isinstance(dialect, McosDialect)
    chip = dialect.information + dialect.settings.eeprom.to_bytes(2, "big")
    if card.mf is None:
        return (chip + bytes((_INITIAL,))).ljust(_LENGTH, b"\x00")
    here = card.directory
    kind, standing = _KINDS[here.spec.kind], _STANDINGS[here.standing]
    spaces = _space(here).to_bytes(2, "big") + free_space(here).to_bytes(2, "big")
    return chip + bytes((_state(card.mf), 0x00, kind, standing)) + spaces


def _state(mf: Directory) -> int:
    if mf.locked == "card":
        return _LOCKED
    return _WORKING if mf.ended else _DEVELOPMENT


def space_of(spec: DirectorySpec | FileSpec) -> int:
    """Bytes that a file takes in the directory where it is created."""
    if isinstance(spec, McosDirectorySpec):
        return DIRECTORY_HEADER + spec.space
    return spec.space if isinstance(spec, McosFileSpec) else 0


def free_space(directory: Directory) -> int:
    """Bytes of a directory's body that are not taken."""
    return _space(directory) - sum(space_of(child.spec) for child in directory.children.values())


def _space(directory: Directory) -> int:
    assert isinstance(directory.spec, McosDirectorySpec)
    return directory.spec.space
