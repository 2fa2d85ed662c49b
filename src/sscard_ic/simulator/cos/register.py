"""TimeCOS/PBOC 2.8 and FMCOS 2.0: CREATE FILE, ERASE, WRITE KEY (ref 02 §9.1, 11 §7).

There is no transport code and no end: MF and one key exist from the factory, and a directory is
open from its creation, or its erasing, until it is left. From then on only rights count.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from sscard_ic.apdu import Command
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto import des
from sscard_ic.crypto.mac import MAC_LENGTH, des_mac, pad80_if_needed
from sscard_ic.profile.cos.timecos import RegisterDialect
from sscard_ic.profile.dialect import Dialect
from sscard_ic.simulator import authentication, records, tree
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.cos import amounts
from sscard_ic.simulator.cos import register_layout as layout
from sscard_ic.simulator.cos.interpreter import Interpreter, LifeCycle, Table
from sscard_ic.simulator.cos.register_layout import RegisterFileSpec
from sscard_ic.simulator.cos.register_security import RegisterState
from sscard_ic.simulator.files import (
    MF_FID,
    Directory,
    DirectorySpec,
    ElementaryFile,
    FileSpec,
    RecordFile,
    TransparentFile,
)
from sscard_ic.simulator.keys import KeyFile, KeyRecord, StoredKey

_FACTORY_KEY = "factory_key"
"""Name of the key of a blank in the header of its image."""
_MF = MF_FID.to_bytes(2, "big")
_BEHIND_KEY, _DIR_SFI = 0xAA, 0x01
_KEY_HEADER = bytes.fromhex("F9F0AA0A33")
"""Of the factory's key: use free, change in state A, follow-up A, 3 tries (ref 11 §7)."""

_ADD = 0x01
_PROTECTED = 0x04
"""Bit of CLA: WRITE KEY enciphered and with MAC."""
_APPEND = 0b010
_RELOAD = 0x00
_TEMPLATE, _ISSUER_DATA = 0xC0, 0x80
_SFI = 0x1F
_NOTHING = 0xFF


def _dialect(card: CardState) -> RegisterDialect:
    assert isinstance(card.dialect, RegisterDialect)
    return card.dialect


def _create(card: CardState, command: Command) -> bytes:
    """CREATE FILE: P1 P2 is the identifier; the KEY file comes first."""
    dialect, here = _dialect(card), card.directory
    settings = dialect.settings
    if not (card.is_open(here) or here.spec.create.met(card.security)):
        raise Refusal(settings.create_after_end)
    data = bytes((command.p1, command.p2)) + command.data
    if data[:2] == _MF:
        return _create_mf(card, data)
    spec = layout.parse_create(data, dialect, here)
    if spec.fid in here.children:
        raise Refusal(settings.file_exists)
    if isinstance(spec, DirectorySpec) and any(
        directory.name == spec.name for directory in card.directories()
    ):
        raise Refusal(settings.file_exists)
    if not here.key_files and not (isinstance(spec, FileSpec) and spec.role == "keys"):
        raise Refusal(settings.keys_first)
    tree.create(card, here, spec, data)
    return b""


def _create_mf(card: CardState, data: bytes) -> bytes:
    """New rights for an erased MF, where the COS lets them change (ref 02 §9.1.3)."""
    dialect, mf = _dialect(card), card.directory
    if dialect.fixed_mf or mf.parent is not None or mf.children:
        raise Refusal(dialect.settings.file_exists)
    spec = layout.parse_create(data, dialect, None)
    assert isinstance(spec, DirectorySpec), "the identifier is the MF's"
    _renew(card, mf, spec, data)
    return b""


def _erase(card: CardState, command: Command) -> bytes:
    """ERASE: everything in the current directory goes; it is open again."""
    if command.p1 or command.p2:
        raise Refusal(0x6A86)
    if command.data:
        raise Refusal(0x6700)
    here = card.directory
    if not (card.is_open(here) or here.spec.delete.met(card.security)):
        raise Refusal(0x6982)
    data = bytes.fromhex(str(card.memory.states[here.path]))
    _renew(card, here, here.spec, data)
    return b""


def _renew(card: CardState, old: Directory, spec: DirectorySpec, data: bytes) -> None:
    """Put an empty directory in the place of ``old``, and enter it."""
    parent = old.parent
    tree.remove(card, old)
    new = tree.create(card, parent, spec, data)
    assert isinstance(new, Directory)
    card.enter(new)


def delete_file(card: CardState, command: Command) -> bytes:
    """``00E40000 02 FID``: one file or directory of the MF goes, by its erase right."""
    if command.p1 or command.p2:
        raise Refusal(0x6A86)
    if len(command.data) != 2:
        raise Refusal(0x6700)
    here = card.directory
    child = here.children.get(int.from_bytes(command.data, "big"))
    if here.parent is not None:
        raise Refusal(0x6985)
    if not (card.is_open(here) or here.spec.delete.met(card.security)):
        raise Refusal(0x6982)
    if child is None:
        raise Refusal(0x6A82)
    tree.remove(card, child)
    return b""


def _write_key(card: CardState, command: Command) -> bytes:
    """WRITE KEY: P1 = 01 adds the key P2, P1 = its type gives it a new value.

    Refuses 6A82 (no KEY file), 6A88, 6982, 6983, 6984, 6985 (as set: key exists), 6700, 6900 (as
    set), 6A80, 6A84, 9302 (as set: MAC).
    """
    directory = card.directory
    if not directory.key_files:
        raise Refusal(0x6A82)
    (file,) = directory.key_files
    if command.p1 == _ADD:
        return _add_key(card, command, file)
    return _change_key(card, command, file)


def _add_key(card: CardState, command: Command, file: KeyFile) -> bytes:
    directory = file.directory
    if not (card.is_open(directory) or file.spec.write.met(card.security)):
        raise Refusal(0x6982)
    body = command.data
    if command.cla & _PROTECTED:
        body = _deciphered(card, command, _protecting_key(card, directory))
    record = layout.parse_record(bytes((command.p2,)) + body, _dialect(card))
    if file.find(record.type, record.id, record.version) is not None:
        raise Refusal(card.settings.key_exists)
    file.add(record)
    return b""


def _change_key(card: CardState, command: Command, file: KeyFile) -> bytes:
    dialect = _dialect(card)
    id_, version = layout.group_of(command.p2, dialect)
    key = file.find(command.p1 & layout.KIND, id_, version)
    if key is None:
        raise Refusal(0x6A88)
    record = key.record
    if record.type == dialect.key_types.pin or layout.is_reference(record):
        raise Refusal(0x6985)
    key.require_tries()
    if not (card.is_open(file.directory) or layout.change_right(record).met(card.security)):
        raise Refusal(0x6982)
    protected = bool(command.cla & _PROTECTED)
    if layout.line_protected(record) and not protected:
        raise Refusal(dialect.settings.key_line_protection)
    value = command.data
    if protected:
        value = _deciphered(card, command, _protecting_key(card, file.directory))
    if len(value) != len(key.value):
        raise Refusal(0x6700)
    card.set_value(key, value)
    return b""


def _protecting_key(card: CardState, directory: Directory) -> StoredKey:
    """The control key of the directory; while it has none, that of the one above (ref 11 §7)."""
    type_ = card.dialect.key_types.master
    above: Directory | None = directory
    while above is not None:
        key = above.find_key(type_, 0)
        if key is not None:
            return key
        above = above.parent
    raise Refusal(0x6A88)


def _deciphered(card: CardState, command: Command, key: StoredKey) -> bytes:
    """The data of LL ‖ data ‖ 80 00…, its MAC by the same key checked (ref 02 §4.2 item 4)."""
    body, mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
    block = key.suite.block
    if not body or len(body) % block:
        raise Refusal(0x6700)
    key.require_tries()
    challenge = card.challenge.take()
    if challenge is None or len(challenge) > block:
        raise Refusal(0x6984)
    covered = command.header + bytes((len(command.data),)) + body
    if key.suite.mac(key.value, covered, challenge) != mac:
        raise Refusal(_dialect(card).settings.key_mac_refusal)
    plain = key.suite.decrypt(key.value, body)
    length = plain[0]
    if len(plain) <= length or pad80_if_needed(plain[: 1 + length], block) != plain:
        raise Refusal(0x6A80)
    return plain[1 : 1 + length]


def _pin(card: CardState, command: Command) -> bytes:
    """CHANGE PIN (P1 01), or RELOAD PIN (P1 00): new PIN and its MAC (ref 02 §5.3)."""
    if command.p1 != _RELOAD:
        return authentication.change_pin(card, command)
    new, mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
    if len(new) not in authentication.PIN_BYTES:
        raise Refusal(0x6700)
    key = card.find_key(layout.RELOAD_KEY, command.p2)
    pin = card.interpreter.find_key(card, card.dialect.key_types.pin, command.p2, None)
    key.require_tries()
    if key.record.algorithm != "3des":
        raise Refusal(0x6985)
    if des_mac(_joined_halves(key.value), new) != mac:
        raise card.refused_key(key)
    if not authentication.is_pin(new):
        raise Refusal(0x6A80)
    key.succeeded()
    card.set_value(pin, new)
    pin.succeeded()
    card.security.drop_pin()
    return b""


def _joined_halves(key: bytes) -> bytes:
    """Both halves of a key by XOR; a key of 8 bytes as it is."""
    if len(key) == des.BLOCK:
        return key
    return bytes(a ^ b for a, b in zip(key[: des.BLOCK], key[des.BLOCK :], strict=True))


def _update_record(card: CardState, command: Command) -> bytes:
    """UPDATE RECORD; P1 00 with low bits 010 adds one to a variable file (ref 11 §7)."""
    if command.p1 or command.p2 & 0x07 != _APPEND:
        return records.update_record(card, command)
    return records.append_record(card, replace(command, p2=command.p2 & 0xF8))


class RegisterCos(Interpreter):
    """FMCOS 2.0 of Fudan, and what TimeCOS has in common with it."""

    commands: ClassVar[Table] = {
        (0x80, 0xE0): _create,
        (0x80, 0x0E): _erase,
        (0x80, 0xD4): _write_key,
        (0x84, 0xD4): _write_key,
        (0x80, 0x5E): _pin,
        (0x00, 0xDC): _update_record,
    }

    def security_state(self) -> RegisterState:
        """Two registers."""
        return RegisterState()

    def header(self, serial: bytes, key: bytes) -> dict[str, str]:
        """The key that every blank of the maker has."""
        return {_FACTORY_KEY: key.hex().upper()}

    def manufacture(self, card: CardState) -> None:
        """MF, its KEY file and one key in it."""
        dialect = _dialect(card)
        types, record = dialect.file_types, _KEY_HEADER
        value = bytes.fromhex(card.memory.header[_FACTORY_KEY])
        space = dialect.key_overhead + len(record + value) + dialect.key_file_overhead
        mf_data = _MF + bytes((types.directory, 0xFF, 0xFF, _BEHIND_KEY, _BEHIND_KEY))
        mf_data += b"\xff" * 3 + layout.MF_NAME
        keys = dialect.internal_files.keys.to_bytes(2, "big") + bytes((types.keys,))
        keys += space.to_bytes(2, "big") + bytes((_DIR_SFI, 0xEF, 0xFF, 0xFF))
        mf = tree.create(card, None, layout.parse_create(mf_data, dialect, None), mf_data)
        assert isinstance(mf, Directory)
        file = tree.create(card, mf, layout.parse_create(keys, dialect, mf), keys)
        assert isinstance(file, KeyFile)
        file.add(layout.parse_record(b"\x00" + record + value, dialect))
        mf.end()

    def parse_file(
        self, data: bytes, dialect: Dialect, parent: Directory | None
    ) -> DirectorySpec | FileSpec:
        """Identifier and data field of CREATE FILE."""
        assert isinstance(dialect, RegisterDialect)
        return layout.parse_create(data, dialect, parent)

    def parse_key(self, data: bytes, dialect: Dialect, directory: Directory) -> KeyRecord:
        """Identifier and record of a key."""
        assert isinstance(dialect, RegisterDialect)
        return layout.parse_record(data, dialect)

    def with_value(self, record: KeyRecord, value: bytes) -> KeyRecord:
        """The record with another value."""
        return layout.with_value(record, value)

    def is_open(self, card: CardState, directory: Directory) -> bool:
        """Until it is left for the first time."""
        if directory.ended:
            return False
        return directory in card.fresh or _dialect(card).settings.fresh_after_reset

    def find_key(
        self, card: CardState, type_: int, reference: int, version: int | None
    ) -> StoredKey:
        """That of the current directory, or the one that a record of its type alone refers to.

        Identifiers below 80 mean keys of the environment where the directory has none
        (ref 11 §2.1). Refuses 6A88 when it is not there.
        """
        id_, group = layout.group_of(reference, _dialect(card))
        if version is None and group > 1:
            version = group
        directory = card.directory
        key = directory.find_key(type_, id_, version)
        if key is None:
            directory = directory if reference & 0x80 else card.environment
            key = card.key_in(directory, type_, id_, version)
        while layout.is_reference(key.record):
            if directory.parent is None:
                raise Refusal(0x6A88)
            directory = directory.parent
            key = directory.find_key(type_, id_, version) or key
        return key

    def fci(self, card: CardState, directory: Directory) -> bytes:
        """``6F L 84 name`` and what byte 4 of the KEY file says (ref 11 §7).

        000xxxxx: 88 with the identifier of DIR; 100xxxxx: 9F0C with the content of a file;
        110xxxxx: the content of a file is the whole A5.
        """
        return encode_ber(0x6F, encode_ber(0x84, directory.name), _announced(directory))

    def furnish(self, card: CardState, directory: Directory) -> None:
        """The amounts of the medical account, which no command creates."""
        amounts.furnish(card, directory)

    def historical(self, card: CardState) -> bytes | None:
        """The content of the ATR file, once it is written."""
        file = card.mf.file_of_role("atr") if card.mf is not None else None
        content = _content(file)
        return content if content.strip(b"\x00") else None

    def life_cycle(self, card: CardState) -> LifeCycle:
        """Blank while only the factory's MF and key are there, issued with the ATR file."""
        if card.mf is None or set(card.mf.children) <= {_dialect(card).internal_files.keys}:
            return "blank"
        return "issued" if self.historical(card) is not None else "open"


def _announced(directory: Directory) -> bytes:
    file = directory.key_files[0] if directory.key_files else None
    if file is None or not isinstance(file.spec, RegisterFileSpec):
        return b""
    said = file.spec.announced
    if said == _NOTHING:
        return b""
    sfi = said & _SFI
    if said & _TEMPLATE == _TEMPLATE:
        return encode_ber(0xA5, _content(directory.file_by_sfi(sfi)))
    if said & _ISSUER_DATA:
        return encode_ber(0xA5, encode_ber(0x9F0C, _content(directory.file_by_sfi(sfi))))
    return encode_ber(0xA5, encode_ber(0x88, bytes((sfi,)))) if sfi else b""


def _content(file: ElementaryFile | None) -> bytes:
    """What a transparent file holds; of one with records, all of them."""
    if isinstance(file, TransparentFile):
        return file.read(0, file.spec.size)
    return b"".join(file.records) if isinstance(file, RecordFile) else b""


class TimeCos(RegisterCos):
    """TimeCOS/PBOC 2.8 of Watchdata."""

    commands: ClassVar[Table] = {
        **RegisterCos.commands,
        (0x00, 0xE4): delete_file,
    }
