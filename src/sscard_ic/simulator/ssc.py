"""The social security application: a file system with SELECT and its commands."""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.apdu.medical import CLASS as MEDICAL_CLASS
from sscard_ic.simulator import authentication, locking, pin_service, records, secure_messaging
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.cos.interpreter import Table
from sscard_ic.simulator.files import MF_FID, Directory, ElementaryFile
from sscard_ic.simulator.medical import MedicalAccount

_CLASSES = frozenset((0x00, 0x04, 0x80, 0x84))
_ANY_FID, _CHILD_DIRECTORY, _CHILD_FILE, _PARENT = range(4)


class SocialSecurityApplication:
    """The card's file system, SSSE and its children included (ref 01, 02 §1)."""

    __slots__ = ("_account", "_card", "_classes", "_handlers", "_instructions", "_protected")

    def __init__(self, card: CardState) -> None:
        self._card = card
        self._account = MedicalAccount.of(card)
        self._handlers: Table = {
            **_COMMANDS,
            **self._account.handlers,
            **card.interpreter.commands,
        }
        self._classes = _CLASSES | {cla for cla, _ in self._account.handlers}
        self._protected: Table = {
            **{(0x04, ins): self._handlers[0x00, ins] for ins in _WITH_MAC_TOO},
            **_WITH_MAC_ONLY,
        }
        self._instructions = {ins for _, ins in (*self._handlers, *self._protected)}

    def select(self, name: bytes, following: bool) -> bytes | None:
        """SELECT by name: an equal one first, then the first beginning so."""
        locking.require_card(self._card)
        found = self._named(name, following)
        if found is None:
            return None
        return _enter(self._card, found)

    def process(self, command: Command) -> bytes:
        """Any command but SELECT by name."""
        card = self._card
        handler = self._handlers.get((command.cla, command.ins))
        if self._account.prepared is not None and (command.cla != MEDICAL_CLASS or handler is None):
            self._account.drop()
        if card.blocked:
            locking.admit(card, command)
        if handler is None:
            return self._process_protected(command)
        return handler(card, command)

    def _process_protected(self, command: Command) -> bytes:
        """A command of which there is a form with MAC."""
        handler = self._protected.get((command.cla, command.ins))
        if handler is None:
            raise Refusal(self._unknown(command))
        return secure_messaging.process(self._card, command, handler)

    def pass_over(self) -> None:
        """A prepared transaction falls: another command than its second one has come."""
        self._account.drop()

    def deselect(self) -> None:
        """Key and PIN states fall, and what was prepared."""
        self._account.drop()
        self._card.security.clear()

    def reset(self) -> None:
        """Back to the MF, nothing proved."""
        self._account.drop()
        self._card.reset()

    def _unknown(self, command: Command) -> int:
        if command.cla not in self._classes:
            return 0x6E00
        if command.ins not in self._instructions:
            return 0x6D00
        if (command.cla & ~secure_messaging.BIT, command.ins) in self._handlers:
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
        locking.require_unblocked(card)
        card.file, card.cursor = found, None
        return b""
    return _enter(card, found)


def _enter(card: CardState, directory: Directory | None) -> bytes:
    if directory is None:
        raise Refusal(0x6A82)
    return locking.enter(card, directory)


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

_WITH_MAC_TOO = (0xB0, 0xB2, 0xD6, 0xDC, 0xE2, 0x82, 0x88)
"""INS of the commands in class 00 that have a form with MAC in class 04."""

_WITH_MAC_ONLY: Table = {
    (0x84, 0x24): pin_service.change_or_unblock,
    (0x84, 0x1E): locking.block_application,
    (0x84, 0x18): locking.unblock_application,
    (0x84, 0x16): locking.block_card,
}
"""Commands of the issuer; a handler gets them without their MAC, in class 80."""
