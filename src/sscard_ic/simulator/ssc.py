"""The social security application: a file system with SELECT and its commands."""

from __future__ import annotations

from collections.abc import Callable

from sscard_ic.apdu import Command
from sscard_ic.simulator import authentication, records
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.files import MF_FID, Directory, ElementaryFile, RecordFile

Handler = Callable[[CardState, Command], bytes]
Table = dict[tuple[int, int], Handler]
"""Handlers by CLA and INS."""

_CLASSES = frozenset((0x00, 0x04, 0x80, 0x84))
_SECURE_MESSAGING = 0x04
_ANY_FID, _CHILD_DIRECTORY, _CHILD_FILE, _PARENT = range(4)


class SocialSecurityApplication:
    """The card's file system, SSSE and its children included (ref 01, 02 §1)."""

    __slots__ = ("_card", "_handlers", "_instructions")

    def __init__(self, card: CardState, dialect_commands: Table) -> None:
        self._card = card
        self._handlers: Table = {**_COMMANDS, **dialect_commands}
        self._instructions = {ins for _, ins in self._handlers}

    def select(self, name: bytes, following: bool) -> bytes | None:
        """SELECT by name: an equal one first, then the first beginning so."""
        found = self._named(name, following)
        if found is None:
            return None
        self._card.enter(found)
        return _fci(found)

    def process(self, command: Command) -> bytes:
        """Any command but SELECT by name."""
        handler = self._handlers.get((command.cla, command.ins))
        if handler is None:
            raise Refusal(self._unknown(command))
        return handler(self._card, command)

    def deselect(self) -> None:
        """Key and PIN states fall."""
        self._card.security.clear()

    def reset(self) -> None:
        """Back to the MF, nothing proved."""
        self._card.reset()

    def _unknown(self, command: Command) -> int:
        if command.cla not in _CLASSES:
            return 0x6E00
        if command.ins not in self._instructions:
            return 0x6D00
        if (command.cla & ~_SECURE_MESSAGING, command.ins) in self._handlers:
            return 0x6882
        return 0x6E00

    def _named(self, name: bytes, following: bool) -> Directory | None:
        directories = list(self._card.directories())
        if following and self._card.security.directory in directories:
            directories = directories[directories.index(self._card.directory) + 1 :]
        equal = (d for d in directories if d.name == name)
        beginning = (d for d in directories if d.name.startswith(name))
        return next(equal, None) or next(beginning, None)


def select_fid(card: CardState, command: Command) -> bytes:
    """SELECT by file identifier (P1 00, 01, 02) or of the parent (03); FCI of directories."""
    if command.p2:
        raise Refusal(0x6A86)
    if command.p1 == _PARENT:
        if command.data:
            raise Refusal(0x6700)
        return _enter(card, card.directory.parent)
    if command.p1 > _PARENT:
        raise Refusal(0x6A86)
    if command.p1 == _ANY_FID and not command.data:
        return _enter(card, card.mf)
    if len(command.data) != 2:
        raise Refusal(0x6700)
    fid = int.from_bytes(command.data, "big")
    found = _find(card, command.p1, fid)
    if isinstance(found, ElementaryFile):
        card.file = found
        return b""
    return _enter(card, found)


def _enter(card: CardState, directory: Directory | None) -> bytes:
    if directory is None:
        raise Refusal(0x6A82)
    card.enter(directory)
    return _fci(directory)


def _find(card: CardState, p1: int, fid: int) -> Directory | ElementaryFile | None:
    """The file an identifier means; internal files are not selected (ref 11 §3.2)."""
    here = card.directory
    child = here.children.get(fid)
    if p1 == _CHILD_FILE:
        return child if isinstance(child, ElementaryFile) and _selectable(child) else None
    if p1 == _CHILD_DIRECTORY:
        return child if isinstance(child, Directory) else None
    if isinstance(child, Directory) or (child is not None and _selectable(child)):
        return child
    return card.mf if fid == MF_FID else _relative(here, fid)


def _relative(here: Directory, fid: int) -> Directory | None:
    """The current directory itself, an ancestor, or a sibling of any of them."""
    directory: Directory | None = here
    while directory is not None:
        if directory.spec.fid == fid:
            return directory
        sibling = directory.parent.children.get(fid) if directory.parent else None
        if isinstance(sibling, Directory):
            return sibling
        directory = directory.parent
    return None


def _selectable(file: ElementaryFile) -> bool:
    return file.spec.structure != "internal"


def _fci(directory: Directory) -> bytes:
    """The FCI template in the FCI records of the directory or its parent; none: no data.

    A record is 70 L FID L 6F… (ref 11 §5.4).
    """
    fid = directory.spec.fid.to_bytes(2, "big")
    for holder in (directory, directory.parent):
        file = holder.internal_file(holder.spec.fci_sfi) if holder is not None else None
        if isinstance(file, RecordFile):
            for record in file.records:
                if record[2:4] == fid:
                    return record[5:]
    return b""


_COMMANDS: Table = {
    (0x00, 0xA4): select_fid,
    (0x00, 0xB2): records.read_record,
    (0x00, 0xDC): records.update_record,
    (0x00, 0xE2): records.append_record,
    (0x00, 0xB0): records.read_binary,
    (0x00, 0xD6): records.update_binary,
    (0x00, 0x84): authentication.get_challenge,
    (0x00, 0x82): authentication.external_authenticate,
    (0x00, 0x88): authentication.internal_authenticate,
    (0x00, 0x20): authentication.verify,
    (0x80, 0x5E): authentication.change_pin,
}
