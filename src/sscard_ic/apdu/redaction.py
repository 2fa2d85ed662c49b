"""What of an exchange opens nothing and identifies nobody, and may be written down.

Commands and tags that are named here are shown; of everything else the length. The first four
bytes of a command are always shown.
"""

from __future__ import annotations

from sscard_ic.apdu.atr import historical_bytes
from sscard_ic.apdu.command import ApduError, Command
from sscard_ic.apdu.masked import Masked, Part
from sscard_ic.apdu.redacted_bank import WITH_ANSWER, BankRedactor, shown_objects
from sscard_ic.apdu.ssc import ALGORITHM_MARK
from sscard_ic.base.errors import CardError
from sscard_ic.codec.tlv import BerTlv, Record, TlvError, iter_records, parse_ber

HEADER = 4
"""Bytes of CLA INS P1 P2."""

_SELECT, _GET_CHALLENGE, _GET_RESPONSE = b"\x00\xa4", b"\x00\x84", b"\x00\xc0"
_INTERNAL_AUTHENTICATE = b"\x00\x88"
_READ_RECORD, _UPDATE_RECORD, _APPEND_RECORD = b"\x00\xb2", b"\x00\xdc", b"\x00\xe2"
_CREATE_FILE, _CREATE = b"\x80\xe0", b"\x01\x00"
"""CREATE FILE and its P1 P2 in T514; other ones there carry the transport code or the number of the
chip (ref 11 §5.1)."""

_CREATED = frozenset({0x00, 0x2F, 0x3F, 0xDD, 0xDF, 0xEF})
"""P1 of CREATE FILE in other dialects: 00 before a type, or the beginning of an identifier (ref 11
§3.3, §4, §7)."""

_ON_KEY_FILES = frozenset({b"\x80\x40", b"\x80\xc2", b"\x80\xc9"} | {b"\x80\x4c", b"\x80\x4e"})
"""Commands of the certificate application that name files before their data (ref 02 §8.2, §8.8)."""

_FILE_OBJECTS = (b"\xc0\x02", b"\xc2\x02")
"""Tag and length of the identifier of a public and of a private key file."""
_FILE_OBJECT = 4

_WITH_ANSWER = frozenset(
    {_SELECT, _GET_CHALLENGE, _GET_RESPONSE, _INTERNAL_AUTHENTICATE, _READ_RECORD}
    | {b"\x00\xb0", b"\x00\xca", b"\x80\xca", b"\x80\xc9"}
    | WITH_ANSWER
)
"""Commands that have an Le; besides these READ BINARY, GET DATA, EXPORT PUBLIC KEY of the
certificate application, which carries no secret, and some of the bank's. Behind other ones, what
looks like Le may be the end of a key or a PIN whose Lc was forgotten or is wrong."""

_LONGEST_NAME = 16
_LONGEST_CHALLENGE = 32
_AUTHENTICATION_DATA = (8, 16, 17)
"""Bytes of INTERNAL AUTHENTICATE: one challenge, or two, and a key version (ref 02 §3.5)."""

_SAME_ON_MANY_CARDS = {0x03: 4, 0x04: 12, 0x05: 4}
"""Tags of the records that say nothing of holder or card, and their length: specification version,
initialising institution, date of issue (ref 01 §4.2).

Not among them: the category and the expiry date, which follow the holder's age (ref 01 §9.5, T11).
"""

_IDENTIFICATION, _IDENTIFICATION_LENGTH = 0x01, 16
_SHOWN_OF_IDENTIFICATION = 8
_APPLICATION = bytes.fromhex("D156000005")
"""In the identification code the city (3 bytes) and this application identifier come first; serial
number and authentication code follow (ref 01 §9.1)."""

_FCI, _TEMPLATE, _ENTRY, _NAME = 0x6F, 0x70, 0x61, 0x4F
_OPEN_OBJECTS = frozenset(
    {0x4F, 0x50, 0x80, 0x81, 0x82, 0x83, 0x84, 0x87, 0x88, 0x8A}
    | {0x5F2D, 0x9F11, 0x9F12, 0x9F38, 0x9F4D}
)
"""Objects of FCI and directory that describe files and applications: names, labels, sizes,
identifiers, languages, PDOL, place of the log. Not 9F0C: issuers keep card numbers in it."""

_LONGEST_OBJECT = 64

_ANNOUNCED = len(ALGORITHM_MARK) + 1
_STAND_IN = bytes.fromhex("9F0C01")

_UNIQUE = 6
"""Historical bytes at the end of an ATR that make the card unique (ref 01 §9.6)."""


class Redactor:
    """Redacts the commands and answers of one session, in their order; takes any bytes."""

    def __init__(self) -> None:
        self._asked = b""
        self._bank = BankRedactor()

    def command(self, raw: bytes, *, secret: bool = False) -> Masked:
        """The command without secrets; ``secret`` hides everything but its header and lengths."""
        header = raw[:HEADER] if len(raw) >= HEADER else b""
        self._remember(header, secret)
        body = len(raw) - len(header)
        command = _parse(raw)
        own = self._by_bank(header, command)
        if command is None or (secret and not command.data):
            return Masked.of(header, body)
        start = HEADER
        if command.data:
            start += 1 if raw[HEADER] else 3
        le = raw[start + len(command.data) :]
        if any(le) and (secret or header[:2] not in _WITH_ANSWER):
            return Masked.of(header, body)
        if not command.data:
            return Masked.of(raw)
        parts = [len(command.data)] if secret else own or _command_data(command)
        return _checked(Masked.of(raw[:start], *parts, le), raw) or Masked.of(header, body)

    def _by_bank(self, header: bytes, command: Command | None) -> list[Part] | None:
        """What of its data the bank's rules show; a secret one is followed, too."""
        if header:
            self._bank.remember(header, command)
        return None if command is None else self._bank.command(command)

    def answer(self, data: bytes) -> Masked:
        """The data of the answer to the last command, without its status word."""
        own = self._bank.answer(self._asked, data)
        parts = _answer_data(self._asked, data) if own is None else own
        return _checked(Masked.of(*parts), data) or Masked.of(len(data))

    def _remember(self, header: bytes, secret: bool) -> None:
        """Whose answer comes next: what GET RESPONSE fetches belongs to the command before it."""
        if secret:
            self._asked = b""
        elif header[:2] != _GET_RESPONSE:
            self._asked = header
        elif self._asked[:2] == _GET_CHALLENGE:
            self._asked = b""


def redact_atr(atr: bytes) -> Masked:
    """The ATR without its last six historical bytes, which are the number of the card.

    A check byte after them is hidden too, since it depends on them.
    """
    try:
        historical = historical_bytes(atr)
    except CardError:
        return Masked.of(len(atr))
    # Where the same bytes stand earlier too, more is hidden, not less.
    end = atr.find(historical) + len(historical) if historical else len(atr)
    shown = end - min(_UNIQUE, len(historical))
    return Masked.of(atr[:shown], len(atr) - shown)


def _parse(raw: bytes) -> Command | None:
    """The command in ``raw``, where it is one in its shortest form."""
    try:
        command = Command.parse(raw)
    except ApduError:
        return None
    return command if bytes(command) == raw else None


def _checked(masked: Masked, raw: bytes) -> Masked | None:
    """``masked`` when it is ``raw`` indeed: lengths of BER-TLV may be coded in several ways."""
    return masked if masked.matches(raw) else None


def _command_data(command: Command) -> list[Part]:
    """The data of a command, as far as they are harmless."""
    kind, parameters, data = command.header[:2], command.header[2:], command.data
    if kind == _UPDATE_RECORD:
        return _one_record(data, _tag_asked(command.header))
    if kind == _APPEND_RECORD:
        return _one_record(data, None)
    if kind in _ON_KEY_FILES:
        return _key_files(data)
    shown = (
        (kind == _SELECT and len(data) <= _LONGEST_NAME)
        or (kind == _INTERNAL_AUTHENTICATE and len(data) in _AUTHENTICATION_DATA)
        or (kind == _CREATE_FILE and (parameters == _CREATE or parameters[0] in _CREATED))
    )
    return [data] if shown else [len(data)]


def _key_files(data: bytes) -> list[Part]:
    """The files that the data begin with, each kind once; what follows is a key or enciphered."""
    at = 0
    for head in _FILE_OBJECTS:
        if data[at : at + 2] == head and len(data) >= at + _FILE_OBJECT:
            at += _FILE_OBJECT
    return [data[:at], len(data) - at]


def _answer_data(asked: bytes, data: bytes) -> list[Part]:
    """The data of an answer to the command with the header ``asked``, as far as harmless."""
    kind = asked[:2]
    if kind == _SELECT:
        return _fci(data)
    if kind == _READ_RECORD:
        return _records(data) if _reads_many(asked) else _one_record(data, _tag_asked(asked))
    if kind == _GET_CHALLENGE and len(data) <= _LONGEST_CHALLENGE:
        return [data]
    return [len(data)]


def _tag_asked(header: bytes) -> int | None:
    """The tag that READ or UPDATE RECORD names, where it names one (ref 01 §11.1)."""
    return None if header[3] & 0x04 else header[2]


def _reads_many(header: bytes) -> bool:
    return header[3] & 0x07 in (0x05, 0x06)


def _one_record(data: bytes, tag: int | None) -> list[Part]:
    """One record; raw ones, of cyclic files, have no tag and are only a length."""
    if len(data) >= 2 and data[1] == len(data) - 2 and tag in (None, data[0]):
        return _records(data)
    return [len(data)]


def _records(data: bytes) -> list[Part]:
    """Tag and length of every record, and the values that are harmless."""
    try:
        records = list(iter_records(data))
    except TlvError:
        return [len(data)]
    # 00 and FF fill what was never written; no item of the card has such a tag.
    if any(record.tag in (0x00, 0xFF) for record in records):
        return [len(data)]
    return [part for record in records for part in _record(record)]


def _record(record: Record) -> list[Part]:
    raw, size = bytes(record), len(record.value)
    if _SAME_ON_MANY_CARDS.get(record.tag) == size:
        return [raw]
    if (record.tag, size) == (_IDENTIFICATION, _IDENTIFICATION_LENGTH):
        shown = record.value[:_SHOWN_OF_IDENTIFICATION]
        if shown.endswith(_APPLICATION):
            return [raw[:2], shown, size - len(shown)]
    if record.tag == _TEMPLATE and (entry := _directory_entry(raw)) is not None:
        return shown_objects([entry], _value)
    return [raw[:2], size]


def _directory_entry(raw: bytes) -> BerTlv | None:
    """An entry of a directory, 70 { 61 { 4F … } } (ref 11 §5.4).

    A looser test would take items of the card for it: one has the tag 70 (ref 01 §4.5).
    """
    try:
        (template,) = parse_ber(raw)
        first = template.children[0].children[0]
    except (TlvError, ValueError, IndexError):
        return None
    whole = all(child.tag == _ENTRY for child in template.children)
    return template if whole and first.tag == _NAME else None


def _fci(data: bytes) -> list[Part]:
    """File control information: its structure, and the values that describe the file."""
    try:
        objects = parse_ber(data)
    except TlvError:
        return _announcing_fci(data)
    is_fci = len(objects) == 1 and objects[0].tag == _FCI
    return shown_objects(objects, _value) if is_fci else [len(data)]


def _announcing_fci(data: bytes) -> list[Part]:
    """FCI that ends with 9F0C86 and the algorithm flag, which are no data object (ref 02 §1.2)."""
    rest, announced = data[:-_ANNOUNCED], data[-_ANNOUNCED:]
    if announced[:-1] == ALGORITHM_MARK:
        # An object of as many bytes in their place makes the lengths around them right.
        parts = _fci(rest + _STAND_IN + announced[-1:])
        if parts[-2:] == [_STAND_IN, 1]:
            return [*parts[:-2], announced]
    return [len(data)]


def _value(primitive: BerTlv) -> list[Part]:
    value = primitive.value
    shown = primitive.tag in _OPEN_OBJECTS and len(value) <= _LONGEST_OBJECT
    return [value] if shown else [len(value)]
