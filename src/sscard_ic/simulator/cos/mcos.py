"""The MCOS/PBOC/SSC dialect: manufacturer key, CREATE, WRITE KEY, CLEAR, FREEZE (ref 11 §3).

Rights hold from the moment a file is there. What lies in a directory is created after its own
master key; the MF after the manufacturer key, which is void from then on.
"""

from __future__ import annotations

from typing import ClassVar

from sscard_ic.apdu import Command
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto.suites import CHALLENGE_LENGTH, SUITES, Algorithm
from sscard_ic.profile.cos.mcos import McosDialect
from sscard_ic.profile.dialect import Dialect
from sscard_ic.simulator import authentication, records, tree
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.cos import (
    amounts,
    mcos_information,
    mcos_keys,
    mcos_layout,
    mcos_messaging,
    mcos_records,
)
from sscard_ic.simulator.cos.interpreter import Interpreter, Table
from sscard_ic.simulator.cos.mcos_layout import McosDirectorySpec, McosFileSpec
from sscard_ic.simulator.cos.mcos_security import MASTER_ID, MASTER_TYPE, FlagState
from sscard_ic.simulator.files import (
    Directory,
    DirectorySpec,
    ElementaryFile,
    FileSpec,
    TransparentFile,
)
from sscard_ic.simulator.keys import KeyFile, KeyRecord, StoredKey
from sscard_ic.simulator.rules import NEVER
from sscard_ic.simulator.silicon import HEAD_LENGTH

MANUFACTURER_KEY = "manufacturer_key"
"""Name of the blank's key in the header of an image."""

_MANUFACTURER_TRIES = "chip/manufacturer/tries"
_MASTER_FILE = 0x0000
"""Identifier under which the memory keeps the master key of a directory; no file can have it."""
_ADD, _UPDATE = 0x00, 0x01
_ATR_START = bytes.fromhex("3B6D0000")
_HISTORICAL = 13


def _dialect(card: CardState) -> McosDialect:
    assert isinstance(card.dialect, McosDialect)
    return card.dialect


def _spec(directory: Directory) -> McosDirectorySpec:
    assert isinstance(directory.spec, McosDirectorySpec)
    return directory.spec


def _is_master(card: CardState, directory: Directory | None) -> bool:
    state = card.security
    return isinstance(state, FlagState) and state.is_master(directory)


def _require_master(card: CardState, directory: Directory) -> None:
    """Refuse 6982 unless its master key is proved; none is needed where there is none yet."""
    if directory.find_key(MASTER_TYPE, MASTER_ID) is None:
        if directory not in card.fresh:
            raise Refusal(0x6982)
    elif not _is_master(card, directory):
        raise Refusal(0x6982)


# The blank


def _external_authenticate(card: CardState, command: Command) -> bytes:
    """EXTERNAL AUTHENTICATE; on a blank with the manufacturer key: C = 3DES(K, R)."""
    if card.mf is not None:
        return authentication.external_authenticate(card, command)
    settings = _dialect(card).settings
    if command.p1:
        raise Refusal(0x6A86)
    if command.p2 != settings.manufacturer_reference:
        raise Refusal(0x6A88)
    if len(command.data) != CHALLENGE_LENGTH:
        raise Refusal(0x6700)
    tries = int(card.memory.states.get(_MANUFACTURER_TRIES, settings.manufacturer_tries))
    if tries == 0:
        raise Refusal(0x6983)
    challenge = card.challenge.take()
    if challenge is None or len(challenge) != len(command.data):
        raise Refusal(0x6984)
    key = bytes.fromhex(card.memory.header[MANUFACTURER_KEY])
    if SUITES["3des"].direct_cryptogram(key, challenge) != command.data:
        card.memory.put(_MANUFACTURER_TRIES, tries - 1)
        raise Refusal(0x63C0 | (tries - 1))
    if tries != settings.manufacturer_tries:
        card.memory.put(_MANUFACTURER_TRIES, settings.manufacturer_tries)
    card.opened = True
    return b""


# Files


def _create(card: CardState, command: Command) -> bytes:
    """CREATE FILE: 6700, 6982, 6A80 (fields, identifier in use), 6A84 (space), 6A86."""
    if command.p1:
        raise Refusal(0x6A86)
    data = bytes((command.p2,)) + command.data
    parent = card.security.directory
    spec = mcos_layout.parse(data, _dialect(card), parent)
    if isinstance(spec, DirectorySpec) and spec.kind == "MF":
        if card.mf is not None:
            raise Refusal(card.settings.file_exists)
        if not card.opened:
            raise Refusal(0x6982)
        tree.create(card, None, spec, data)
        card.enter(card.mf)
        return b""
    parent = card.directory
    _require_master(card, parent)
    _require_place(card, parent, spec)
    if mcos_information.free_space(parent) < mcos_information.space_of(spec):
        raise Refusal(0x6A84)
    tree.create(card, parent, spec, data)
    return b""


def _require_place(card: CardState, parent: Directory, spec: DirectorySpec | FileSpec) -> None:
    """Refuse an identifier or a name in use, and a directory where it cannot be."""
    if spec.fid in parent.children:
        raise Refusal(card.settings.file_exists)
    if not isinstance(spec, DirectorySpec):
        return
    if spec.name and any(directory.name == spec.name for directory in card.directories()):
        raise Refusal(card.settings.file_exists)
    if parent.spec.kind not in (("MF",) if spec.kind == "DDF" else ("MF", "DDF")):
        raise Refusal(0x6A80)


def _clear(card: CardState, command: Command) -> bytes:
    """CLEAR DF: the body of the current directory goes, its master key stays; 6982, 6985."""
    if command.p1 or command.p2:
        raise Refusal(0x6A86)
    directory = card.directory
    if directory.parent is None and directory.ended:
        raise Refusal(0x6985)
    _require_master(card, directory)
    for child in list(directory.children.values()):
        if child.spec.fid != _MASTER_FILE:
            tree.remove(card, child)
    amounts.furnish(card, directory)
    return b""


def _freeze(card: CardState, command: Command) -> bytes:
    """FREEZE MF, once, in the MF: 6982, 6985."""
    if command.p1 or command.p2:
        raise Refusal(0x6A86)
    directory = card.directory
    if directory.parent is not None or directory.ended:
        raise Refusal(_dialect(card).settings.already_frozen)
    _require_master(card, directory)
    directory.end()
    return b""


# Keys


def _write_key(card: CardState, command: Command) -> bytes:
    """WRITE KEY: P1 00 adds to the secure file P2, 01 updates in it, or the master key (00)."""
    if command.p1 not in (_ADD, _UPDATE) or command.p2 > 0x1F:
        raise Refusal(0x6A86)
    directory = card.directory
    if command.p2 == 0:
        if command.p1 == _ADD:
            raise Refusal(0x6A86)
        return _update_master(card, command, directory)
    file = next((f for f in directory.key_files if f.spec.sfi == command.p2), None)
    if file is None or not isinstance(file.spec, McosFileSpec):
        raise Refusal(0x6A82)
    if not file.spec.write.met(card.security):
        raise Refusal(0x6982)
    if command.p1 == _ADD:
        return _add_key(card, command, file, file.spec)
    return _update_key(card, command, file, file.spec)


def _add_key(card: CardState, command: Command, file: KeyFile, spec: McosFileSpec) -> bytes:
    """A new record, protected by the master key; without a MAC that key must be proved."""
    directory = file.directory
    with_mac = bool(spec.control & mcos_layout.ADD_WITH_MAC)
    enciphered = bool(spec.control & mcos_layout.ADD_ENCIPHERED)
    if not with_mac:
        _require_master(card, directory)
    master = card.key_in(directory, MASTER_TYPE, MASTER_ID)
    body = mcos_keys.unwrap(card, command, master, with_mac=with_mac, enciphered=enciphered)
    record = mcos_keys.parse(body, _dialect(card), directory)
    if (record.type, record.id) == (MASTER_TYPE, MASTER_ID):
        raise Refusal(0x6A80)
    if directory.find_key(record.type, record.id, record.version) is not None:
        raise Refusal(card.settings.key_exists)
    file.add(record)
    return b""


def _update_key(card: CardState, command: Command, file: KeyFile, spec: McosFileSpec) -> bytes:
    """usage ‖ id ‖ version ‖ value: another value for a record; 6A88 when there is none."""
    directory = file.directory
    if spec.control & mcos_layout.OF_PARENT and not _is_master(card, directory.parent):
        raise Refusal(0x6982)
    if spec.control & mcos_layout.OF_DIRECTORY and not _is_master(card, directory):
        raise Refusal(0x6982)
    protecting = card.interpreter.mac_key(card, directory, spec.write_key)
    body = mcos_keys.unwrap(
        card,
        command,
        protecting,
        with_mac=bool(spec.control & mcos_layout.WITH_MAC),
        enciphered=bool(spec.control & mcos_layout.ENCIPHERED),
    )
    usage, id_, version, value = _update_of(body)
    key = file.find(usage, id_, version)
    if key is None:
        raise Refusal(0x6A88)
    _replace(card, key, value)
    return b""


def _update_master(card: CardState, command: Command, directory: Directory) -> bytes:
    """Another master key, in the way the directory says; one made of zeros needs no proof."""
    spec = _spec(directory)
    owner = directory.parent if spec.reload_key_above else directory
    if owner is None:
        raise Refusal(0x6A88)
    with_mac = bool(spec.control & mcos_layout.WITH_MAC)
    master = directory.find_key(MASTER_TYPE, MASTER_ID)
    if not with_mac and master is not None and any(master.value):
        _require_master(card, directory)
    protecting = card.interpreter.mac_key(card, owner, spec.reload_key)
    body = mcos_keys.unwrap(
        card,
        command,
        protecting,
        with_mac=with_mac,
        enciphered=bool(spec.control & mcos_layout.ENCIPHERED),
    )
    usage, id_, _, value = _update_of(body)
    if (usage, id_) != (MASTER_TYPE, MASTER_ID):
        raise Refusal(0x6A80)
    if master is not None:
        _replace(card, master, value)
        return b""
    record = mcos_keys.parse(_zeros(card, directory), _dialect(card), directory)
    if len(value) != len(record.value):
        raise Refusal(0x6700)
    _master_file(directory).add(mcos_keys.with_value(record, value))
    return b""


def _update_of(body: bytes) -> tuple[int, int, int, bytes]:
    if len(body) < 4:
        raise Refusal(0x6700)
    return body[0], body[1], body[2], body[3:]


def _replace(card: CardState, key: StoredKey, value: bytes) -> None:
    """The new value, as long as the old one; a PIN comes without filling (ref 11 §3.4)."""
    if key.record.type == card.dialect.key_types.pin:
        if len(value) not in authentication.PIN_BYTES:
            raise Refusal(0x6700)
    elif len(value) != len(key.value):
        raise Refusal(0x6700)
    card.set_value(key, value)


def _master_file(directory: Directory) -> KeyFile:
    file = directory.children[_MASTER_FILE]
    assert isinstance(file, KeyFile)
    return file


def _zeros(card: CardState, directory: Directory) -> bytes:
    """The record of a master key that nobody has set yet."""
    spec = _spec(directory)
    algorithm: Algorithm = card.memory.header["algorithm"]
    codes = {"sm4": card.settings.key_record_sm4, "3des": 0x00 if spec.long_key else 0x01}
    length = 16 if spec.long_key else 8
    return mcos_keys.zero_master_key(spec.limit, length, algorithm, codes[algorithm])


# Contents


def _update_binary(card: CardState, command: Command) -> bytes:
    """UPDATE BINARY; the ATR file says the historical bytes of the next reset."""
    answer = records.update_binary(card, command)
    if card.directory.parent is None:
        _take_historical(card, card.directory.file_of_role("atr"))
    return answer


def _take_historical(card: CardState, file: ElementaryFile | None) -> None:
    """An ATR file that is still empty leaves the chip the ATR of its factory."""
    if not isinstance(file, TransparentFile) or file.spec.size != _HISTORICAL:
        return
    historical = file.read(0, _HISTORICAL)
    if any(historical):
        card.identity.write_head((_ATR_START + historical)[:HEAD_LENGTH])
        card.identity.write_unique(historical[HEAD_LENGTH - len(_ATR_START) :])


class Mcos(Interpreter):
    """The dialect of Huada."""

    commands: ClassVar[Table] = {
        (0x80, 0xE0): _create,
        (0x80, 0xD4): _write_key,
        (0x84, 0xD4): _write_key,
        (0xBF, 0xCE): _clear,
        (0xBF, 0xFE): _freeze,
        (0xBF, 0xC8): mcos_information.get_information,
        (0x00, 0x82): _external_authenticate,
        (0x00, 0xD6): _update_binary,
        (0x00, 0xB2): mcos_records.read_record,
        (0x00, 0xDC): mcos_records.update_record,
        **mcos_messaging.table(_update_binary),
    }
    always: ClassVar[frozenset[tuple[int, int]]] = frozenset({(0xBF, 0xC8)})

    def security_state(self) -> FlagState:
        """Flags of environment and ADF."""
        return FlagState()

    def header(self, serial: bytes, key: bytes) -> dict[str, str]:
        """The manufacturer key."""
        return {MANUFACTURER_KEY: key.hex().upper()}

    def parse_file(
        self, data: bytes, dialect: Dialect, parent: Directory | None
    ) -> DirectorySpec | FileSpec:
        """The type byte and the data field of CREATE FILE."""
        assert isinstance(dialect, McosDialect)
        return mcos_layout.parse(data, dialect, parent)

    def parse_key(self, data: bytes, dialect: Dialect, directory: Directory) -> KeyRecord:
        """A header of 8 bytes and the value."""
        assert isinstance(dialect, McosDialect)
        return mcos_keys.parse(data, dialect, directory)

    def with_value(self, record: KeyRecord, value: bytes) -> KeyRecord:
        """The record with another value."""
        return mcos_keys.with_value(record, value)

    def is_open(self, card: CardState, directory: Directory) -> bool:
        """Never: rights hold from the moment a file is there."""
        return False

    def furnish(self, card: CardState, directory: Directory) -> None:
        """A master key made of zeros, where the header says so, and the medical amounts."""
        spec = FileSpec(
            _MASTER_FILE, 0, "internal", mcos_keys.KEY_SPACE, 0, NEVER, NEVER, role="keys"
        )
        file = tree.plant(card, directory, spec)
        assert isinstance(file, KeyFile)
        if _spec(directory).has_key:
            file.take(mcos_keys.parse(_zeros(card, directory), _dialect(card), directory))
        amounts.furnish(card, directory)

    def maintenance_key(self, card: CardState, directory: Directory) -> StoredKey:
        """The key that the directory's header names for blocking it (BLK-KID)."""
        return self.mac_key(card, directory, _spec(directory).block_key)

    def mac_key(self, card: CardState, directory: Directory, id_: int) -> StoredKey:
        """A transport key, or the master key (00)."""
        if id_ == MASTER_ID:
            return card.key_in(directory, MASTER_TYPE, MASTER_ID)
        return super().mac_key(card, directory, id_)

    def fci(self, card: CardState, directory: Directory) -> bytes:
        """``6F L 84 name A5 { 88 SFI of DIR, 9F0C content of the FCI file }`` (ref 11 §3.5)."""
        spec = _spec(directory)
        parts = b"" if spec.dir_sfi == 0 else encode_ber(0x88, bytes((spec.dir_sfi,)))
        file = directory.file_by_sfi(spec.fci_sfi) if spec.fci_sfi else None
        if isinstance(file, TransparentFile):
            parts += encode_ber(0x9F0C, file.read(0, file.spec.size))
        elif spec.kind == "ADF":
            parts += encode_ber(0x9F0C)
        inner = encode_ber(0xA5, parts) if parts else b""
        return encode_ber(0x6F, encode_ber(0x84, directory.name), inner)
