"""SELECT, reading and updating, GET CHALLENGE and EXTERNAL AUTHENTICATE of a PSAM (ref 12 §5.1)."""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.apdu.psam import KeyType
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto import des
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.psam.files import (
    MF_FID,
    BinaryFile,
    Directory,
    File,
    KeyFile,
    RecordFile,
    find_key,
)
from sscard_ic.simulator.psam.state import PsamState

_ANY, _CHILD, _PARENT = 0x00, 0x02, 0x03
_BY_NUMBER = 0b100
_CHALLENGE_LENGTHS = (4, 8, 16)
_ANSWER_MAX = 256
_FCI, _NAME = 0x6F, 0x84


def select_fid(psam: PsamState, command: Command) -> bytes:
    """SELECT by identifier, P1 00 or 02, or of the parent (03); the FCI of directories."""
    if command.p2 or command.p1 not in (_ANY, _CHILD, _PARENT):
        raise Refusal(0x6A86)
    if command.p1 == _PARENT or not command.data:
        if command.p1 == _CHILD or command.data:
            raise Refusal(0x6700)
        return enter(psam, psam.here.parent if command.p1 == _PARENT else psam.mf)
    if len(command.data) != 2:
        raise Refusal(0x6700)
    found = _find(psam, int.from_bytes(command.data, "big"), below=command.p1 == _CHILD)
    if isinstance(found, File):
        psam.file = found
        return b""
    return enter(psam, found)


def enter(psam: PsamState, directory: Directory | None) -> bytes:
    """Make a directory current; its FCI 6F { 84 name }."""
    if directory is None:
        raise Refusal(0x6A82)
    psam.enter(directory)
    return encode_ber(_FCI, encode_ber(_NAME, directory.name))


def _find(psam: PsamState, fid: int, *, below: bool) -> Directory | File | None:
    """A child of the current directory; else the MF, a directory above, or one beside those."""
    here = psam.here
    child = here.children.get(fid)
    if child is not None and not isinstance(child, KeyFile):
        return child
    if below:
        return None
    directory: Directory | None = here
    while directory is not None:
        if directory.header.fid == fid:
            return directory
        beside = directory.parent.children.get(fid) if directory.parent else None
        if isinstance(beside, Directory):
            return beside
        directory = directory.parent
    return psam.mf if fid == MF_FID else None


def read_binary(psam: PsamState, command: Command) -> bytes:
    """READ BINARY of the current file, or of one by short identifier: 6B00 from the end on."""
    if command.data:
        raise Refusal(0x6700)
    file, offset = _binary(psam, command)
    _require_read(psam, file)
    if offset >= len(file.body):
        raise Refusal(0x6B00)
    return file.body[offset : offset + (command.le or _ANSWER_MAX)]


def update_binary(psam: PsamState, command: Command) -> bytes:
    """UPDATE BINARY: 6982 without the right, 6B00 and 6700 where the data do not fit."""
    if not command.data:
        raise Refusal(0x6700)
    file, offset = _binary(psam, command)
    _require_update(psam, file)
    file.write(offset, command.data)
    return b""


def read_record(psam: PsamState, command: Command) -> bytes:
    """READ RECORD by number."""
    if command.data:
        raise Refusal(0x6700)
    file = _records(psam, command.p2)
    _require_read(psam, file)
    if not 1 <= command.p1 <= len(file.records):
        raise Refusal(0x6A83)
    return file.records[command.p1 - 1]


def update_record(psam: PsamState, command: Command) -> bytes:
    """UPDATE RECORD by number; the number after the last one adds a record."""
    if not command.data:
        raise Refusal(0x6700)
    file = _records(psam, command.p2)
    _require_update(psam, file)
    file.store(command.p1, command.data)
    return b""


def get_challenge(psam: PsamState, command: Command) -> bytes:
    """GET CHALLENGE of 4, 8 or 16 bytes."""
    if command.p1 or command.p2:
        raise Refusal(0x6A86)
    if command.data or command.le not in _CHALLENGE_LENGTHS:
        raise Refusal(0x6700)
    return psam.challenge.draw(command.le)


def external_authenticate(psam: PsamState, command: Command) -> bytes:
    """EXTERNAL AUTHENTICATE with a key of the PSAM itself, C = 3DES(K, R) (ref 02 §3.6).

    Refuses 6A88 (no such key), 6983 (locked), 6984 (no challenge), 63Cx (wrong).
    """
    if command.p1:
        raise Refusal(0x6A86)
    if len(command.data) != des.BLOCK:
        raise Refusal(0x6700)
    key = find_key(psam.here, KeyType.CONTROL, command.p2)
    if key.tries == 0:
        raise Refusal(0x6983)
    challenge = psam.challenge.take()
    if challenge is None or len(challenge) > des.BLOCK:
        raise Refusal(0x6984)
    if command.data != des.encrypt(key.value, challenge.ljust(des.BLOCK, b"\x00")):
        key.count(key.tries - 1)
        raise Refusal(0x63C0 | key.tries)
    key.count(psam.dialect.settings.control_tries)
    psam.proved.add(command.p2)
    return b""


def _binary(psam: PsamState, command: Command) -> tuple[BinaryFile, int]:
    if command.p1 & 0x80:
        if command.p1 & 0x60 or not command.p1 & 0x1F:
            raise Refusal(0x6A86)
        file, offset = _addressed(psam, command.p1 & 0x1F), command.p2
    else:
        file, offset = _addressed(psam, 0), command.p1 << 8 | command.p2
    if not isinstance(file, BinaryFile):
        raise Refusal(0x6981)
    return file, offset


def _records(psam: PsamState, p2: int) -> RecordFile:
    if p2 & 0b111 != _BY_NUMBER:
        raise Refusal(0x6A86)
    file = _addressed(psam, p2 >> 3)
    if not isinstance(file, RecordFile):
        raise Refusal(0x6981)
    return file


def _addressed(psam: PsamState, sfi: int) -> File:
    """The current file (0), or the one with a short identifier, which becomes current."""
    if sfi == 0:
        if psam.file is None:
            raise Refusal(0x6986)
        return psam.file
    file = psam.here.by_sfi(sfi)
    if file is None:
        raise Refusal(0x6A82)
    psam.file = file
    return file


def _require_read(psam: PsamState, file: File) -> None:
    if psam.here.ended and file.header.read != psam.dialect.rights.free:
        raise Refusal(0x6982)


def _require_update(psam: PsamState, file: File) -> None:
    psam.require(psam.dialect.rights.update(file.header.update))
