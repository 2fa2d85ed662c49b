"""The T514 dialect: transport code, CREATE, DELETE, WRITE KEY, FCI records, end (ref 11 §5).

The transport code is presented once per power-up and is needed for every command here while the
MF is not ended. What it opens are fresh directories: those whose end command has not come yet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from sscard_ic.apdu import Command
from sscard_ic.profile.cos.t514 import T514Dialect, T514Settings
from sscard_ic.profile.dialect import Dialect
from sscard_ic.simulator import tree
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.cos import t514_keys, t514_layout, transport
from sscard_ic.simulator.cos.interpreter import Interpreter, Table
from sscard_ic.simulator.cos.t514_security import MASTER_LEVEL, LevelState
from sscard_ic.simulator.files import (
    MF_FID,
    Directory,
    DirectorySpec,
    ElementaryFile,
    FileSpec,
    RecordFile,
)
from sscard_ic.simulator.keys import KeyRecord
from sscard_ic.simulator.rules import Rule
from sscard_ic.simulator.silicon import HEAD_LENGTH, UNIQUE_LENGTH

_CREATE, _END, _TRANSPORT, _UNIQUE = 0x01, 0x02, 0x03, 0x05
_DELETE_DIRECTORY, _DELETE_ADF, _DELETE_FILE = 0x01, 0x02, 0x03
_ATR_START = b"\x3b\x6d"
_FCI_RECORD, _FCI_TEMPLATE = 0x70, 0x6F


def _dialect(card: CardState) -> T514Dialect:
    assert isinstance(card.dialect, T514Dialect)
    return card.dialect


def _settings(card: CardState) -> T514Settings:
    return _dialect(card).settings


def _personalize(card: CardState, command: Command) -> bytes:
    handler = _PERSONALIZATION.get(command.p1)
    if handler is None or command.p2:
        raise Refusal(0x6A86)
    return handler(card, command)


def _present_transport_code(card: CardState, command: Command) -> bytes:
    if card.mf is not None and card.mf.ended:
        raise Refusal(_settings(card).transport_code_after_end)
    transport.present(card, command, _settings(card).transport_counter)
    return b""


def _require_transport(card: CardState) -> None:
    if (card.mf is None or not card.mf.ended) and not card.opened:
        raise Refusal(0x6982)


def _require_building(card: CardState, directory: Directory) -> None:
    """Files come into a fresh directory, or by its master key and its create right."""
    if card.is_open(directory):
        return
    if not _is_master(card, directory):
        raise Refusal(_settings(card).create_after_end if directory.ended else 0x6982)
    _require_met(card, directory.spec.create)


def _is_master(card: CardState, directory: Directory) -> bool:
    """Whether the master key of ``directory`` is proved."""
    state = card.security
    return isinstance(state, LevelState) and bool(state.levels(directory) & MASTER_LEVEL)


def _require_met(card: CardState, rule: Rule) -> None:
    """Refuse 6982 unless ``rule`` is satisfied, also where the directory is fresh."""
    if not rule.met(card.security):
        raise Refusal(0x6982)


def _create(card: CardState, command: Command) -> bytes:
    """CREATE FILE: 6A80 for what cannot be created, 6A82 when there is no MF to create in."""
    _require_transport(card)
    spec = t514_layout.parse_create(command.data, _dialect(card), card.security.directory)
    if spec.fid == MF_FID and isinstance(spec, DirectorySpec):
        if card.mf is not None:
            raise Refusal(card.settings.file_exists)
        tree.create(card, None, spec, command.data)
        card.enter(card.mf)
        return b""
    parent = card.directory
    _require_building(card, parent)
    if spec.fid in parent.children:
        raise Refusal(card.settings.file_exists)
    if isinstance(spec, FileSpec):
        tree.create(card, parent, spec, command.data)
        return b""
    if any(directory.name == spec.name for directory in card.directories()):
        raise Refusal(card.settings.file_exists)
    if parent.spec.kind not in (("MF",) if spec.kind == "DDF" else ("MF", "DDF")):
        raise Refusal(0x6A80)
    tree.create(card, parent, spec, command.data)
    return b""


def _end(card: CardState, command: Command) -> bytes:
    """End of personalization of the current directory, once."""
    _require_transport(card)
    directory = card.directory
    if directory.ended:
        raise Refusal(_settings(card).already_ended)
    if not card.opened and not _is_master(card, directory):
        raise Refusal(0x6982)
    directory.end()
    return b""


def _write_unique(card: CardState, command: Command) -> bytes:
    _require_atr_open(card)
    data = command.data
    if len(data) != 2 + UNIQUE_LENGTH:
        raise Refusal(0x6700)
    if data[:2] != b"\x00\x00":
        raise Refusal(0x6A80)
    card.identity.write_unique(data[2:])
    return b""


def _write_atr(card: CardState, command: Command) -> bytes:
    """TS T0 TB1 TC1 T1-T7; an ATR of another shape is refused 6A80."""
    if command.p1 or command.p2:
        raise Refusal(0x6A86)
    _require_atr_open(card)
    if len(command.data) != HEAD_LENGTH:
        raise Refusal(0x6700)
    if not command.data.startswith(_ATR_START):
        raise Refusal(0x6A80)
    card.identity.write_head(command.data)
    return b""


def _require_atr_open(card: CardState) -> None:
    if card.mf is not None and card.mf.ended:
        raise Refusal(_settings(card).atr_after_end)
    _require_transport(card)


def _delete(card: CardState, command: Command) -> bytes:
    """DELETE FILE of a file here, or of the current directory or a child of it (ref 11 §5.1).

    Asks for the delete right of the directory concerned, also while it is fresh.
    """
    _require_transport(card)
    if command.p1 or command.p2 not in (_DELETE_DIRECTORY, _DELETE_ADF, _DELETE_FILE):
        raise Refusal(0x6A86)
    if len(command.data) != 2:
        raise Refusal(0x6700)
    here = card.directory
    fid = int.from_bytes(command.data, "big")
    target = here if fid == here.spec.fid else here.children.get(fid)
    if command.p2 == _DELETE_FILE:
        if not isinstance(target, ElementaryFile):
            raise Refusal(0x6A82)
        _delete_file(card, here, target)
        return b""
    if not isinstance(target, Directory) or (target.spec.kind == "ADF") != (
        command.p2 == _DELETE_ADF
    ):
        raise Refusal(0x6A82)
    _delete_directory(card, target)
    return b""


def _delete_file(card: CardState, here: Directory, file: ElementaryFile) -> None:
    _require_met(card, here.spec.delete)
    tree.remove(card, file)


def _delete_directory(card: CardState, target: Directory) -> None:
    if target is not card.directory:
        raise Refusal(0x6982)
    _require_met(card, target.spec.delete)
    tree.remove(card, target)
    card.enter(target.parent)


def _write_key(card: CardState, command: Command) -> bytes:
    """WRITE KEY: 6A82 no key file, 6982, 6985 exists, 6A84 full; see :mod:`t514_keys`."""
    _require_transport(card)
    directory = card.directory
    if not directory.key_files:
        raise Refusal(0x6A82)
    (file,) = directory.key_files
    card.require(file.spec.write)
    record = t514_keys.unwrap(card, command, _dialect(card))
    if file.find(record.type, record.id, record.version) is not None:
        raise Refusal(card.settings.key_exists)
    file.add(record)
    return b""


def _write_record(card: CardState, command: Command) -> bytes:
    """WRITE RECORD into the FCI file: P1 number, P2 its short identifier."""
    _require_transport(card)
    directory = card.directory
    file = directory.file_of_role("fci")
    if not isinstance(file, RecordFile) or file.spec.sfi != command.p2:
        raise Refusal(0x6A82)
    card.require(file.spec.write)
    record = command.data
    file.check(record)
    if record[0] != _FCI_RECORD or len(record) < 7 or record[4] != len(record) - 5:
        raise Refusal(0x6A80)
    if record[5] != _FCI_TEMPLATE:
        raise Refusal(0x6A80)
    file.replace(command.p1, record)
    return b""


_PERSONALIZATION: dict[int, Callable[[CardState, Command], bytes]] = {
    _CREATE: _create,
    _END: _end,
    _TRANSPORT: _present_transport_code,
    _UNIQUE: _write_unique,
}


class T514(Interpreter):
    """The dialect of Datang."""

    commands: ClassVar[Table] = {
        (0x80, 0xE0): _personalize,
        (0x80, 0xE1): _delete,
        (0x00, 0x14): _write_atr,
        (0x00, 0xD2): _write_record,
        (0x00, 0xD4): _write_key,
        (0x80, 0xD4): _write_key,
        (0x04, 0xD4): _write_key,
        (0x84, 0xD4): _write_key,
    }

    def security_state(self) -> LevelState:
        """Levels of directories."""
        return LevelState()

    def header(self, serial: bytes, key: bytes) -> dict[str, str]:
        """The transport code of this chip."""
        return transport.header(serial, key)

    def parse_file(
        self, data: bytes, dialect: Dialect, parent: Directory | None
    ) -> DirectorySpec | FileSpec:
        """The data field of CREATE FILE."""
        assert isinstance(dialect, T514Dialect)
        return t514_layout.parse_create(data, dialect, parent)

    def parse_key(self, data: bytes, dialect: Dialect, directory: Directory) -> KeyRecord:
        """A key record of 24 bytes."""
        assert isinstance(dialect, T514Dialect)
        return t514_keys.parse_record(data, dialect)

    def with_value(self, record: KeyRecord, value: bytes) -> KeyRecord:
        """The record with another value and its length."""
        return t514_keys.with_value(record, value)

    def is_open(self, card: CardState, directory: Directory) -> bool:
        """A directory that is not ended, while the transport code is presented."""
        return (
            card.opened
            and not directory.ended
            and (_settings(card).fresh_after_reset or directory in card.fresh)
        )

    def fci(self, card: CardState, directory: Directory) -> bytes:
        """The template in the FCI records of the directory or its parent; none: no data.

        A record is 70 L FID L 6F… (ref 11 §5.4).
        """
        fid = directory.spec.fid.to_bytes(2, "big")
        for holder in (directory, directory.parent):
            file = holder.file_of_role("fci") if holder is not None else None
            if isinstance(file, RecordFile):
                for record in file.records:
                    if record[2:4] == fid:
                        return record[5:]
        return b""
