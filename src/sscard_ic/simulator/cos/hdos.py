"""HDOS V2.0.01: transport code, CREATE FILE, CREATE FILE END, ERASE, WRITE KEY (ref 11 §4).

Until CREATE FILE END rights are not enforced, once the transport code has been shown, and nothing
can be proved; from then on only rights count.
"""

from __future__ import annotations

from typing import ClassVar

from sscard_ic.apdu import Command
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto.mac import MAC_LENGTH, pad80_if_needed
from sscard_ic.profile.cos.hdos import HdosDialect
from sscard_ic.profile.dialect import Dialect
from sscard_ic.simulator import authentication, tree
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.cos import amounts, hdos_layout, transport
from sscard_ic.simulator.cos.hdos_layout import HdosDirectorySpec, HdosFileSpec
from sscard_ic.simulator.cos.hdos_security import FlagState
from sscard_ic.simulator.cos.interpreter import Handler, Interpreter, Table
from sscard_ic.simulator.files import (
    MF_FID,
    Directory,
    DirectorySpec,
    FileSpec,
    TransparentFile,
)
from sscard_ic.simulator.keys import KeyFile, KeyRecord, StoredKey

_VERIFY_CODE, _FREE_SPACE = 0x00, 0x01
_ERASE, _END = 0x00, 0x01
_MF = MF_FID.to_bytes(2, "big")
_ENCIPHERED = 0x04
"""Bit of CLA: WRITE KEY enciphered and with MAC."""


def _dialect(card: CardState) -> HdosDialect:
    assert isinstance(card.dialect, HdosDialect)
    return card.dialect


def _is_ended(card: CardState) -> bool:
    return card.mf is not None and card.mf.ended


def _transport(card: CardState, command: Command) -> bytes:
    """``80 00 00 00 08``: show the transport code."""
    settings = _dialect(card).settings
    if command.p1 or command.p2 != _VERIFY_CODE:
        raise Refusal(0x6A86)
    if _is_ended(card):
        raise Refusal(settings.transport_code_after_end)
    transport.present(card, command, settings.transport_counter)
    return b""


def _require_building(card: CardState, directory: Directory | None) -> None:
    """The transport code before the end, the create right of the directory after it."""
    if not _is_ended(card):
        if not card.opened:
            raise Refusal(0x6982)
    elif directory is None or not directory.spec.create.met(card.security):
        raise Refusal(_dialect(card).settings.create_after_end)


def _create(card: CardState, command: Command) -> bytes:
    """CREATE FILE: P1 P2 is the identifier; 6A89 (or as set) when it is there."""
    here = card.security.directory
    _require_building(card, here)
    data = bytes((command.p1, command.p2)) + command.data
    spec = hdos_layout.parse_create(data, _dialect(card), here)
    if spec.fid == MF_FID:
        if card.mf is not None:
            raise Refusal(card.settings.file_exists)
        tree.create(card, None, spec, data)
        card.enter(card.mf)
        return b""
    parent = card.directory
    if spec.fid in parent.children:
        raise Refusal(card.settings.file_exists)
    if isinstance(spec, DirectorySpec):
        if any(directory.name == spec.name for directory in card.directories()):
            raise Refusal(card.settings.file_exists)
        if parent.spec.kind not in (("MF",) if spec.kind == "DDF" else ("MF", "DDF")):
            raise Refusal(0x6A80)
    elif spec.role == "keys" and parent.key_files:
        raise Refusal(0x6A80)
    tree.create(card, parent, spec, data)
    return b""


def _end_or_erase(card: CardState, command: Command) -> bytes:
    """``80 0E 00 01 02 3F00``: end of creation; P2 = 00: erase the MF and all in it."""
    if command.p1 or command.p2 not in (_ERASE, _END):
        raise Refusal(0x6A86)
    if command.data != _MF:
        raise Refusal(0x6700 if len(command.data) != len(_MF) else 0x6A82)
    mf = card.mf
    if mf is None:
        raise Refusal(0x6A82)
    if command.p2 == _END:
        if mf.ended:
            raise Refusal(_dialect(card).settings.already_ended)
        if not card.opened:
            raise Refusal(0x6982)
        mf.end()
        return b""
    allowed = mf.spec.delete.met(card.security) if mf.ended else card.opened
    if not allowed or card.directory is not mf:
        raise Refusal(0x6982)
    tree.remove(card, mf)
    card.enter(None)
    return b""


def _write_key(card: CardState, command: Command) -> bytes:
    """WRITE KEY: P1 P2 00 00 adds, the type and identifier of a key change it.

    Refuses 6A82 (no key file), 6901 (enciphered before the master key is there), 6981 (a form that
    the key file does not ask for), 6985 (key exists), 6982, 6984, 6988, 6A80, 6A84.
    """
    directory = card.directory
    if not directory.key_files:
        raise Refusal(0x6A82)
    (file,) = directory.key_files
    if command.p1 or command.p2:
        return _change_key(card, command, file)
    if not (card.is_open(directory) or file.spec.write.met(card.security)):
        raise Refusal(0x6982)
    master = file.find(card.dialect.key_types.master, 0)
    body = command.data
    if command.cla & _ENCIPHERED:
        if master is None:
            raise Refusal(0x6901)
        body = _deciphered(card, command, master)
    elif master is not None and _is_protected(file):
        raise Refusal(0x6981)
    record = hdos_layout.parse_record(body, _dialect(card))
    if master is None and (record.type, record.id) != (card.dialect.key_types.master, 0):
        raise Refusal(0x6A80)
    if file.find(record.type, record.id, record.version) is not None:
        raise Refusal(card.settings.key_exists)
    file.add(record)
    return b""


def _change_key(card: CardState, command: Command, file: KeyFile) -> bytes:
    """The whole record anew, enciphered under the key itself, a PIN under the master key."""
    key = file.find(command.p1, command.p2)
    if key is None:
        raise Refusal(0x6A88)
    if not command.cla & _ENCIPHERED:
        raise Refusal(0x6981)
    is_pin = command.p1 == card.dialect.key_types.pin
    under = file.find(card.dialect.key_types.master, 0) if is_pin else key
    if under is None:
        raise Refusal(0x6A88)
    if not hdos_layout.change_right(key.record).met(card.security):
        raise Refusal(0x6982)
    record = hdos_layout.parse_record(_deciphered(card, command, under), _dialect(card))
    same = (record.type, record.id, record.version) == (command.p1, command.p2, key.record.version)
    if not same or len(record.value) != len(key.value):
        raise Refusal(0x6A80)
    key.renew(record)
    return b""


def _is_protected(file: KeyFile) -> bool:
    return isinstance(file.spec, HdosFileSpec) and file.spec.protected


def _deciphered(card: CardState, command: Command, key: StoredKey) -> bytes:
    """The record of LD ‖ record ‖ 80 00…, its MAC by the same key checked (ref 11 §3.4)."""
    body, mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
    block = key.suite.block
    if not body or len(body) % block:
        raise Refusal(0x6700)
    challenge = card.challenge.take()
    if challenge is None:
        raise Refusal(0x6984)
    covered = command.header + bytes((len(command.data),)) + body
    if key.suite.mac(key.value, covered, challenge[: block // 2]) != mac:
        raise Refusal(0x6988)
    plain = key.suite.decrypt(key.value, body)
    length = plain[0]
    if len(plain) <= length or pad80_if_needed(plain[: 1 + length], block) != plain:
        raise Refusal(0x6A80)
    return plain[1 : 1 + length]


def _after_end(handler: Handler) -> Handler:
    """A proof, which HDOS takes only when creation has ended."""

    def handle(card: CardState, command: Command) -> bytes:
        if not _is_ended(card):
            raise Refusal(_dialect(card).settings.proof_before_end)
        return handler(card, command)

    return handle


class Hdos(Interpreter):
    """The dialect of HDOS V2.0.01."""

    commands: ClassVar[Table] = {
        (0x80, 0x00): _transport,
        (0x80, 0xE0): _create,
        (0x80, 0x0E): _end_or_erase,
        (0x80, 0xD4): _write_key,
        (0x84, 0xD4): _write_key,
        (0x00, 0x20): _after_end(authentication.verify),
        (0x00, 0x82): _after_end(authentication.external_authenticate),
        (0x00, 0x88): _after_end(authentication.internal_authenticate),
    }

    def security_state(self) -> FlagState:
        """Two words of flags."""
        return FlagState()

    def header(self, serial: bytes, key: bytes) -> dict[str, str]:
        """The transport code of this chip."""
        return transport.header(serial, key)

    def parse_file(
        self, data: bytes, dialect: Dialect, parent: Directory | None
    ) -> DirectorySpec | FileSpec:
        """Identifier and data field of CREATE FILE."""
        assert isinstance(dialect, HdosDialect)
        return hdos_layout.parse_create(data, dialect, parent)

    def parse_key(self, data: bytes, dialect: Dialect, directory: Directory) -> KeyRecord:
        """A key record of 10 to 24 bytes."""
        assert isinstance(dialect, HdosDialect)
        return hdos_layout.parse_record(data, dialect)

    def with_value(self, record: KeyRecord, value: bytes) -> KeyRecord:
        """The record with another value."""
        return hdos_layout.with_value(record, value)

    def is_open(self, card: CardState, directory: Directory) -> bool:
        """Before CREATE FILE END, while the transport code is shown."""
        return card.opened and not _is_ended(card)

    def fci(self, card: CardState, directory: Directory) -> bytes:
        """``6F L 84 name``, with ``A5 03 88 01 SFI`` of DIR for MF and DDF (ref 11 §3.5)."""
        name = encode_ber(0x84, directory.name)
        spec = directory.spec
        assert isinstance(spec, HdosDirectorySpec)
        if not spec.dir_sfi:
            return encode_ber(0x6F, name)
        return encode_ber(0x6F, name, encode_ber(0xA5, encode_ber(0x88, bytes((spec.dir_sfi,)))))

    def furnish(self, card: CardState, directory: Directory) -> None:
        """The amounts of the medical account, which no command of HDOS creates."""
        amounts.furnish(card, directory)

    def historical(self, card: CardState) -> bytes | None:
        """The content of the ATR file, once it is written."""
        file = card.mf.file_of_role("atr") if card.mf is not None else None
        if not isinstance(file, TransparentFile):
            return None
        content = file.read(0, file.spec.size)
        return content if content.strip(b"\x00") else None
