"""The T514 dialect: transport code, CREATE, DELETE, WRITE KEY, FCI records, end (ref 11 §5).

The transport code is presented once per power-up and is needed for every command here while the
MF is not ended. What it opens are fresh directories: those whose end command has not come yet.
"""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.crypto import des
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.cos import t514_keys, t514_layout
from sscard_ic.simulator.files import (
    MF_FID,
    ROOT,
    CyclicFile,
    Directory,
    DirectorySpec,
    ElementaryFile,
    FileSpec,
    RecordFile,
    TransparentFile,
)
from sscard_ic.simulator.keys import KeyFile, StoredKey
from sscard_ic.simulator.memory import State, damaged
from sscard_ic.simulator.silicon import HEAD_LENGTH, UNIQUE_LENGTH
from sscard_ic.simulator.ssc import Table

TRANSPORT_TRIES = "chip/transport/tries"
TRANSPORT_CODE = "transport_code"
"""Name of the code in the header of an image."""

_CREATE, _END, _TRANSPORT, _UNIQUE = 0x01, 0x02, 0x03, 0x05
_DELETE_DIRECTORY, _DELETE_ADF, _DELETE_FILE = 0x01, 0x02, 0x03
_CODE_LENGTH = 8
_ATR_START = b"\x3b\x6d"
_FCI_RECORD, _FCI_TEMPLATE = 0x70, 0x6F


def transport_code(transport_key: bytes, serial: bytes) -> bytes:
    """The 8-byte code of the chip with the 6-byte factory ``serial`` (ref 11 §5.1)."""
    return des.encrypt(transport_key, b"\x00\x00" + serial)


def _personalize(card: CardState, command: Command) -> bytes:
    handler = _PERSONALIZATION.get(command.p1)
    if handler is None or command.p2:
        raise Refusal(0x6A86)
    return handler(card, command)


def _present_transport_code(card: CardState, command: Command) -> bytes:
    if card.mf is not None and card.mf.ended:
        raise Refusal(card.settings.transport_code_after_end)
    if len(command.data) != _CODE_LENGTH:
        raise Refusal(0x6700)
    counter = card.settings.transport_counter
    tries = int(card.memory.states.get(TRANSPORT_TRIES, counter & 0x0F))
    if tries == 0:
        raise Refusal(0x6983)
    if command.data.hex().upper() != card.memory.header[TRANSPORT_CODE]:
        card.memory.put(TRANSPORT_TRIES, tries - 1)
        raise Refusal(0x63C0 | (tries - 1))
    if tries != counter >> 4:
        card.memory.put(TRANSPORT_TRIES, counter >> 4)
    card.transport_presented = True
    return b""


def _require_transport(card: CardState) -> None:
    if (card.mf is None or not card.mf.ended) and not card.transport_presented:
        raise Refusal(0x6982)


def _require_building(card: CardState, directory: Directory) -> None:
    """Files come into a fresh directory, or by its master key and its create right."""
    if card.is_open(directory):
        return
    if not card.security.levels(directory) & t514_layout.MASTER_LEVEL:
        raise Refusal(card.settings.create_after_end if directory.ended else 0x6982)
    if not card.security.allows(directory.spec.create):
        raise Refusal(0x6982)


def _create(card: CardState, command: Command) -> bytes:
    """CREATE FILE: 6A80 for what cannot be created, 6A82 when there is no MF to create in."""
    _require_transport(card)
    spec = t514_layout.parse_create(command.data, card.dialect)
    if spec.fid == MF_FID and isinstance(spec, DirectorySpec):
        if card.mf is not None:
            raise Refusal(card.settings.file_exists)
        card.enter(_build_directory(card, None, spec, command.data))
        return b""
    parent = card.directory
    _require_building(card, parent)
    if spec.fid in parent.children:
        raise Refusal(card.settings.file_exists)
    if isinstance(spec, FileSpec):
        file = _plant_file(card, parent, spec)
        card.memory.put(file.path, command.data.hex().upper())
        return b""
    if any(directory.name == spec.name for directory in card.directories()):
        raise Refusal(card.settings.file_exists)
    if parent.spec.kind not in (("MF",) if spec.kind == "DDF" else ("MF", "DDF")):
        raise Refusal(0x6A80)
    _build_directory(card, parent, spec, command.data)
    return b""


def _build_directory(
    card: CardState, parent: Directory | None, spec: DirectorySpec, data: bytes
) -> Directory:
    directory = Directory(card.memory, parent, spec)
    card.plant(directory)
    card.fresh.add(directory)
    card.memory.put(directory.path, data.hex().upper())
    return directory


def _plant_file(card: CardState, directory: Directory, spec: FileSpec) -> ElementaryFile:
    """Put an elementary file of the right kind into ``directory``."""
    file: ElementaryFile
    if spec.structure == "transparent":
        file = TransparentFile(directory, spec)
    elif spec.structure == "cyclic":
        file = CyclicFile(directory, spec)
    elif spec.structure != "internal" or spec.sfi == directory.spec.fci_sfi:
        file = RecordFile(directory, spec)
    elif spec.sfi == directory.spec.key_sfi:
        file = directory.key_file = KeyFile(directory, spec)
    else:
        file = ElementaryFile(directory, spec)
    file.record_rules = card.mask.record_rules(directory.name, spec.fid)
    directory.children[spec.fid] = file
    return file


def _end(card: CardState, command: Command) -> bytes:
    """End of personalization of the current directory, once."""
    _require_transport(card)
    directory = card.directory
    if directory.ended:
        raise Refusal(card.settings.already_ended)
    if not card.transport_presented and not (
        card.security.levels(directory) & t514_layout.MASTER_LEVEL
    ):
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
        raise Refusal(card.settings.atr_after_end)
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
    if not card.security.allows(here.spec.delete):
        raise Refusal(0x6982)
    del here.children[file.spec.fid]
    if here.key_file is file:
        here.key_file = None
    if card.file is file:
        card.file = None
    card.memory.drop(file.path)


def _delete_directory(card: CardState, target: Directory) -> None:
    if target is not card.directory or not card.security.allows(target.spec.delete):
        raise Refusal(0x6982)
    if target.parent is None:
        card.mf = None
    else:
        del target.parent.children[target.spec.fid]
    card.enter(target.parent)
    card.memory.drop(target.path)


def _write_key(card: CardState, command: Command) -> bytes:
    """WRITE KEY: 6A82 no key file, 6982, 6985 exists, 6A84 full; see :mod:`t514_keys`."""
    _require_transport(card)
    directory = card.directory
    file = directory.key_file
    if file is None:
        raise Refusal(0x6A82)
    card.require(file.spec.write)
    record = t514_keys.unwrap(card, command)
    if file.find(record.type, record.id, record.version) is not None:
        raise Refusal(card.settings.key_exists)
    file.add(record)
    return b""


def _write_record(card: CardState, command: Command) -> bytes:
    """WRITE RECORD into the FCI file: P1 number, P2 its short identifier."""
    _require_transport(card)
    directory = card.directory
    file = directory.internal_file(command.p2)
    if not isinstance(file, RecordFile):
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


def restore(card: CardState) -> None:
    """Rebuild the tree from the memory; raises :class:`InputError` when it cannot be."""
    owners: dict[str, Directory | ElementaryFile | StoredKey] = {}
    for path, state in card.memory.states.items():
        if path.startswith(f"{ROOT}/"):
            try:
                _restore(card, owners, path, state)
            except (ValueError, IndexError, ZeroDivisionError, Refusal) as error:
                raise damaged(path) from error
    card.enter(card.mf)


def _restore(
    card: CardState,
    owners: dict[str, Directory | ElementaryFile | StoredKey],
    path: str,
    state: State,
) -> None:
    above, _, leaf = path.rpartition("/")
    owner = owners.get(above)
    if owner is None and (above != ROOT or card.mf is not None):
        raise damaged(path)
    if isinstance(owner, KeyFile):
        record = t514_keys.parse_record(bytes.fromhex(str(state)), card.dialect)
        owners[path] = owner.take(record)
    elif isinstance(owner, ElementaryFile | StoredKey) or (owner and leaf == "ended"):
        owner.restore(leaf, state)
    else:
        owners[path] = _planted(card, owner, bytes.fromhex(str(state)))


def _planted(card: CardState, owner: Directory | None, data: bytes) -> Directory | ElementaryFile:
    spec = t514_layout.parse_create(data, card.dialect)
    if isinstance(spec, DirectorySpec):
        directory = Directory(card.memory, owner, spec)
        card.plant(directory)
        return directory
    if owner is None:
        raise damaged(ROOT)
    return _plant_file(card, owner, spec)


_PERSONALIZATION = {
    _CREATE: _create,
    _END: _end,
    _TRANSPORT: _present_transport_code,
    _UNIQUE: _write_unique,
}

COMMANDS: Table = {
    (0x80, 0xE0): _personalize,
    (0x80, 0xE1): _delete,
    (0x00, 0x14): _write_atr,
    (0x00, 0xD2): _write_record,
    (0x00, 0xD4): _write_key,
    (0x80, 0xD4): _write_key,
    (0x04, 0xD4): _write_key,
    (0x84, 0xD4): _write_key,
}
"""The dialect's commands by CLA and INS."""
