"""What of an exchange with a bank application may be written down (ref 04 §3-4, §7).

Shown: names, structure, lists, bit maps, counters, what a terminal says of itself and of the
transaction, cryptograms, and of data groups number and length. Hidden: PAN, tracks, names, ID
numbers, validity, balances, certificates, PINs, MACs, keys and every content of a data group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sscard_ic.apdu.command import Command
from sscard_ic.apdu.globalplatform import SECURE_CLASS, Installation, parse_status
from sscard_ic.apdu.masked import Masked, Part
from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.pboc.groups import whole_length
from sscard_ic.codec.tlv import BerTlv, TlvError, encode_ber, parse_ber

_PROVIDER = bytes.fromhex("A000000333")
_MANAGERS = tuple(
    bytes.fromhex(aid) for aid in ("A000000003000000", "A000000004000000", "A000000151000000")
)
_NAME, _ENTRY = 0x84, 0x4F

_TAGS = """
    4F 50 82 84 87 88 8A 8C 8D 8E 8F 94 95 97 9A 9B 9C 5F28 5F2A 5F2D 5F30
    9F02 9F03 9F06 9F07 9F08 9F09 9F0D 9F0E 9F0F 9F11 9F12 9F13 9F14 9F17 9F1A 9F1B 9F21 9F23 9F26
    9F27 9F32 9F33 9F34 9F35 9F36 9F37 9F38 9F40 9F42 9F44 9F47 9F49 9F4A 9F4D 9F4F 9F51 9F52 9F53
    9F56 9F57 9F58 9F59 9F66 9F68 9F6C 9F76 9F7A DF4D DF4F DF60 DF69
"""
_OPEN = frozenset(int(tag, 16) for tag in _TAGS.split())
_LONGEST = 252
_ISSUER_DATA, _FIXED_ISSUER_DATA = 0x9F10, 8
"""Behind the first bytes of the issuer application data stand balances."""
_PDOL, _CDOL1, _CDOL2, _DDOL = 0x9F38, 0x8C, 0x8D, 0x9F49
_LISTS = (_PDOL, _CDOL1, _CDOL2, _DDOL)
_FORMAT_1, _COMMAND_TEMPLATE = 0x80, 0x83

_OPTIONS, _CRYPTOGRAM = b"\x80\xa8", b"\x80\xae"
_INTERNAL, _GET_DATA = b"\x00\x88", b"\x80\xca"
_READ_RECORD = b"\x00\xb2"
_UPDATE, _STORE, _STATUS = 0x50, 0xE2, 0xF2
_MANAGING = {0xE4: "name", 0xE6: "install", _STATUS: "name"}
_CHALLENGE, _UPDATE_ANSWER, _MAC = 8, 28, 8
_LOST = -1
"""Nobody knows where a data group begins."""
_FIXED_CRYPTOGRAM = 11
"""CID, ATC and cryptogram of an answer in format 1."""
WITH_ANSWER = frozenset({_OPTIONS, _CRYPTOGRAM})
"""Commands that have an Le and whose data are no PIN."""


class BankRedactor:
    """Follows one session as far as it is with a bank application or a card manager."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._here = False
        self._lists: dict[int, Dol] = {}
        self._cryptograms = 0
        # Of a channel that was opened while this looked on.
        self._level: int | None = None
        # Bytes of a data group that are still to come.
        self._left = 0

    def remember(self, header: bytes, command: Command | None) -> None:
        """What a command does to the session; None: its lengths disagree."""
        kind = header[:2]
        if kind == b"\x00\xa4":
            self._forget()
        elif kind == b"\x80\x50" and command is not None and len(command.data) == _CHALLENGE:
            self._level, self._left = None, 0
        elif kind == b"\x84\x82":
            self._level, self._left = header[2], 0
        elif kind == _OPTIONS:
            self._cryptograms = 0
        elif header[1] == _STORE and command is None:
            self._left = _LOST

    # -- commands -----------------------------------------------------------------------------

    def command(self, command: Command) -> list[Part] | None:
        """The data of a command of the bank's; None for others."""
        kind, data = command.header[:2], command.data
        if command.cla in (0x80, SECURE_CLASS):
            if command.ins == _STORE:
                return self._groups(command)
            if command.ins == _UPDATE and len(data) == _CHALLENGE and command.cla == 0x80:
                return [data]
            if command.ins in _MANAGING and (self._here or self._level is not None):
                return self._managing(command)
        if not self._here:
            return None
        if kind == _OPTIONS and data[:1] == bytes((_COMMAND_TEMPLATE,)) and len(data) > 1:
            return [data[:2], *self._values(_PDOL, data[2:])]
        if kind == _CRYPTOGRAM:
            tag = _CDOL2 if self._cryptograms else _CDOL1
            self._cryptograms += 1
            return self._values(tag, data)
        return self._values(_DDOL, data) if kind == _INTERNAL else None

    def _values(self, tag: int, data: bytes) -> list[Part]:
        """Values of a list: those of tags that may be shown."""
        dol = self._lists.get(tag)
        if dol is None or dol.length != len(data):
            return [len(data)]
        parts: list[Part] = []
        at = 0
        for each, length in dol:
            parts.append(data[at : at + length] if each in _OPEN else length)
            at += length
        return parts

    def _managing(self, command: Command) -> list[Part]:
        body, mac = self._split(command)
        if body is None:
            return [len(command.data)]
        try:
            if _MANAGING[command.ins] == "install":
                Installation.parse(body)
            elif len(objects := parse_ber(body)) != 1 or objects[0].tag != _ENTRY:
                return [len(command.data)]
        except TlvError:
            return [len(command.data)]
        return [body, mac]

    def _split(self, command: Command) -> tuple[bytes | None, int]:
        """Data in clear, and the bytes of the MAC; None where they are enciphered."""
        if command.cla != SECURE_CLASS:
            return command.data, 0
        if self._level is None or self._level & 0x02 or len(command.data) < _MAC:
            return None, 0
        return command.data[:-_MAC], _MAC

    def _groups(self, command: Command) -> list[Part]:
        """Numbers and lengths of data groups, where it is known for sure where they begin.

        A card that refuses a part wants the whole group again, and nobody tells here: of what goes
        on from the command before nothing is shown.
        """
        size = len(command.data)
        body, mac = self._split(command)
        if body is None or self._level is None or self._left < 0:
            self._left = _LOST
            return [size]
        if self._left:
            rest = self._left - len(body)
            self._left = rest if rest >= 0 else _LOST
            return [size]
        return [*self._heads(body), mac]

    def _heads(self, body: bytes) -> Iterator[Part]:
        at = 0
        while at < len(body):
            head = whole_length(body, at)
            if head is None:
                self._left = _LOST
                yield len(body) - at
                return
            start = at + head[0]
            yield body[at:start]
            there = min(head[1], len(body) - start)
            self._left = head[1] - there
            yield there
            at = start + there

    # -- answers ------------------------------------------------------------------------------

    def answer(self, asked: bytes, data: bytes) -> list[Part] | None:
        """The data of the answer to a command with the header ``asked``; None for others."""
        kind = asked[:2]
        if kind == b"\x80\x50" and len(data) == _UPDATE_ANSWER:
            return [data[:6], 4, data[10:20], 8]
        if kind in (b"\x80\xf2", b"\x84\xf2") and (self._here or self._level is not None):
            return _status(data)
        if kind == b"\x00\xa4":
            self._select(data)
            return None
        if not self._here:
            return None
        if kind in (_OPTIONS, _CRYPTOGRAM) and data[:1] == bytes((_FORMAT_1,)):
            return _format_1(kind, data)
        if kind in (_OPTIONS, _CRYPTOGRAM, _GET_DATA, _READ_RECORD):
            return self._objects(data)
        return None

    def _select(self, data: bytes) -> None:
        """An FCI tells which application was selected, and may bring its PDOL."""
        try:
            objects = parse_ber(data)
        except TlvError:
            return
        name = objects[0].find(_NAME) if objects else None
        value = b"" if name is None else name.value
        known = value.startswith(_PROVIDER) or value in _MANAGERS
        self._here = known
        if known:
            self._learn(objects)

    def _objects(self, data: bytes) -> list[Part] | None:
        try:
            objects = parse_ber(data)
        except TlvError:
            return None
        self._learn(objects)
        return shown_objects(objects)

    def _learn(self, objects: Iterable[BerTlv]) -> None:
        for each in objects:
            for tag in _LISTS:
                found = each.find(tag)
                if found is None:
                    continue
                try:
                    self._lists[tag] = Dol.parse(found.value)
                except TlvError:
                    self._lists.pop(tag, None)


def shown_objects(
    objects: Iterable[BerTlv], shown: Callable[[BerTlv], list[Part]] | None = None
) -> list[Part]:
    """Tags and lengths of all objects, and of the primitive ones what ``shown`` lets be seen.

    By itself that of the bank's application.
    """
    shown = shown or _value
    parts: list[Part] = []
    for each in objects:
        inner = shown_objects(each.children, shown) if each.children else shown(each)
        size = len(Masked.of(*inner))
        header = encode_ber(each.tag, bytes(size))
        parts += [header[: len(header) - size], *inner]
    return parts


def _value(primitive: BerTlv) -> list[Part]:
    value = primitive.value
    if primitive.tag == _ISSUER_DATA:
        return [value[:_FIXED_ISSUER_DATA], len(value[_FIXED_ISSUER_DATA:])]
    shown = primitive.tag in _OPEN and len(value) <= _LONGEST
    return [value] if shown else [len(value)]


def _format_1(kind: bytes, data: bytes) -> list[Part]:
    """AIP and AFL; CID, ATC, cryptogram and the beginning of the issuer application data."""
    if len(data) < 2 or data[1] != len(data) - 2:
        return [len(data)]
    if kind == _OPTIONS:
        return [data]
    shown = 2 + _FIXED_CRYPTOGRAM + _FIXED_ISSUER_DATA
    return [data[:shown], len(data[shown:])]


def _status(data: bytes) -> list[Part]:
    try:
        parse_status(data)
    except TlvError:
        return [len(data)]
    return [data]
