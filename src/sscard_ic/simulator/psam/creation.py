"""Personalization of a PSAM in the dialect KS-A, and key loading afterwards (ref 02 §7.5, 12 §5.3).

Until a directory is ended, keys are loaded under the transport key and everything may be written;
afterwards a key file takes keys under the master key of its directory, once the key of its owner
has been proved.
"""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.apdu.psam import DES_KEY, TRIPLE_DES_KEY, KeyHeader, KeyType
from sscard_ic.apdu.psam_ksa import DIRECTORY_LENGTH, FILE_LENGTH, DirectoryHeader, FileHeader
from sscard_ic.crypto.mac import MAC_LENGTH
from sscard_ic.crypto.secure_messaging import MessageKey, covered, message_key
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.psam.files import MF_FID, ROOT, Directory, KeyFile, find_key
from sscard_ic.simulator.psam.state import PsamState

_LENGTHS = (0x14, 0x1C, 0x24)
"""Data of WRITE KEY: two to four enciphered blocks and a MAC."""

_RECORDS, _CHANGES = (16, 24), (11, 19)
"""Bytes of a key record, and of usage ‖ identifier ‖ 00 ‖ key, of DES and 3DES keys."""

_CHANGE_HEADER = 3


def create_mf(state: PsamState, command: Command) -> bytes:
    """808A: the MF of a blank, which becomes current; 6985 when there is one."""
    _no_parameters(command)
    header = _directory(command.data)
    if header.fid != MF_FID or header.kind != state.dialect.kinds.mf:
        raise Refusal(0x6A80)
    if state.mf is not None:
        raise Refusal(0x6985)
    directory = state.plant(None, header)
    state.memory.put(directory.path, command.data.hex().upper())
    state.enter(directory)
    return b""


def create(state: PsamState, command: Command) -> bytes:
    """8080: a directory or a file below the current one: 6982 once that is ended, 6A80."""
    _no_parameters(command)
    here = state.here
    if here.ended:
        raise Refusal(0x6982)
    if len(command.data) == FILE_LENGTH:
        path = _create_file(state, here, FileHeader.parse(command.data))
    else:
        path = _create_directory(state, here, _directory(command.data))
    state.memory.put(path, command.data.hex().upper())
    return b""


def _create_file(state: PsamState, here: Directory, header: FileHeader) -> str:
    if header.fid in here.children or not header.size:
        raise Refusal(0x6A80)
    return state.plant_file(here, header).path


def _create_directory(state: PsamState, here: Directory, header: DirectoryHeader) -> str:
    if header.fid in here.children or header.kind != state.dialect.kinds.directory:
        raise Refusal(0x6A80)
    return state.plant(here, header).path


def load_key(state: PsamState, command: Command) -> bytes:
    """84D4: add a key record to a key file, or change the value of a key in it.

    Refuses 6A82 (no such file), 6700, 6982, 6984 (no challenge), 6988 (MAC), 6A80 (no record),
    6985 (the key is there), 6A88 (the key to change is not), 6A84 (no room).
    """
    if command.p1:
        raise Refusal(0x6A86)
    file = state.here.key_file(command.p2)
    if file is None:
        raise Refusal(0x6A82)
    if len(command.data) not in _LENGTHS:
        raise Refusal(0x6700)
    update = state.dialect.rights.update(file.header.update)
    if update != "protected":
        state.require(update)
    protector = _protector(state)
    data = _authentic(protector, command)
    try:
        plain = protector.decipher(data)
    except ValueError:
        raise Refusal(0x6A80) from None
    if len(plain) in _CHANGES:
        _change(file, plain)
    else:
        _add(state, file, plain)
    return b""


def _add(state: PsamState, file: KeyFile, record: bytes) -> None:
    try:
        header = KeyHeader.parse(record)
    except ValueError:
        raise Refusal(0x6A80) from None
    lengths = {
        DES_KEY: _RECORDS[0],
        TRIPLE_DES_KEY: _RECORDS[1],
        state.dialect.settings.key_record_sm4: _RECORDS[1],
    }
    if lengths.get(header.algorithm) != len(record):
        raise Refusal(0x6A80)
    if (header.usage, header.id) in file.keys:
        raise Refusal(0x6985)
    file.add(record, state.dialect.settings.control_tries)


def _change(file: KeyFile, plain: bytes) -> None:
    usage, key_id, reserved = plain[:_CHANGE_HEADER]
    key = file.keys.get((usage, key_id))
    if key is None:
        raise Refusal(0x6A88)
    if reserved or len(plain) - _CHANGE_HEADER != len(key.value):
        raise Refusal(0x6A80)
    file.change(key, plain[_CHANGE_HEADER:])


def end_personalization(state: PsamState, command: Command) -> bytes:
    """841C: close the current directory; 6985 when it is closed."""
    _no_parameters(command)
    here = state.here
    if here.ended:
        raise Refusal(0x6985)
    _authentic(_transport(state), command)
    here.end()
    state.forget()
    return b""


def recycle(state: PsamState, command: Command) -> bytes:
    """848A: make it a blank again, under the transport key; 6985 when it is one."""
    if (command.p1, command.p2) != (0x01, 0x00):
        raise Refusal(0x6A86)
    if state.mf is None:
        raise Refusal(0x6985)
    _authentic(_transport(state), command)
    state.memory.drop(ROOT)
    state.mf = None
    state.enter(None)
    return b""


def _directory(raw: bytes) -> DirectoryHeader:
    if len(raw) != DIRECTORY_LENGTH:
        raise Refusal(0x6700)
    try:
        return DirectoryHeader.parse(raw)
    except ValueError:
        raise Refusal(0x6A80) from None


def _no_parameters(command: Command) -> None:
    if command.p1 or command.p2:
        raise Refusal(0x6A86)


def _protector(state: PsamState) -> MessageKey:
    """What protects a key on its way into the current directory."""
    if not state.here.ended:
        return _transport(state)
    return _under(state, find_key(state.here, KeyType.CONTROL, 0).value)


def _transport(state: PsamState) -> MessageKey:
    return _under(state, state.transport_key)


def _under(state: PsamState, key: bytes) -> MessageKey:
    challenge = state.challenge.take()
    if challenge is None or len(challenge) != state.dialect.settings.loading_challenge:
        raise Refusal(0x6984)
    return message_key("3des", key, challenge, "card_key")


def _authentic(protector: MessageKey, command: Command) -> bytes:
    """The data of a command without its MAC; refuses 6700 and 6988."""
    if len(command.data) < MAC_LENGTH:
        raise Refusal(0x6700)
    data, mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
    if mac != protector.mac(covered(command.header, data)):
        raise Refusal(0x6988)
    return data
