"""DER (X.690) as far as certificates need it: strict reading, and writing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from sscard_ic.base.errors import Text
from sscard_ic.codec.tlv import encode_ber

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTF8, PRINTABLE, UTC_TIME, GENERALIZED_TIME = 0x0C, 0x13, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31

_LAST_UTC_YEAR = 2049
"""Later years are written as GeneralizedTime (RFC 5280 §4.1.2.5)."""
_LONGEST_OID = 64
"""Bytes. Those in use have about ten; Python does not write numbers of thousands of digits."""


class DerError(ValueError):
    """The bytes are not the DER they should be; says why in both languages, quotes nothing."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.text = Text(zh, en)


class Element(NamedTuple):
    """One element: tag, value, and the whole with its header."""

    tag: int
    value: bytes
    whole: bytes


def length_of(data: bytes) -> int:
    """Bytes of the element that ``data`` begins with, header and all; data may be shorter."""
    return _bounds(data, 0)[1]


def elements(data: bytes) -> list[Element]:
    """All elements of a concatenation."""
    found = []
    at = 0
    while at < len(data):
        start, end = _bounds(data, at)
        if end > len(data):
            raise DerError("元素不完整", "an element is cut")
        found.append(Element(data[at], data[start:end], data[at:end]))
        at = end
    return found


def _bounds(data: bytes, at: int) -> tuple[int, int]:
    """Where the value of the element at ``at`` begins and ends."""
    if len(data) < at + 2:
        raise DerError("元素头不完整", "a header is cut")
    if data[at] & 0x1F == 0x1F:
        raise DerError("出现多字节标签", "tags of several bytes are not expected")
    first = data[at + 1]
    if first < 0x80:
        return at + 2, at + 2 + first
    count = first & 0x7F
    start = at + 2 + count
    if not 1 <= count <= 3 or len(data) < start:
        raise DerError("长度不完整、不定或过大", "a length is cut, indefinite or too large")
    length = int.from_bytes(data[at + 2 : start], "big")
    if length < 0x80 or length < 1 << 8 * (count - 1):
        raise DerError("长度编码不是最短形式", "a length is longer than it needs to be")
    return start, start + length


def only(data: bytes, tag: int) -> Element:
    """The only element of ``data``, which has this tag."""
    found = elements(data)
    if len(found) != 1 or found[0].tag != tag:
        raise DerError("元素类型不符", "another element was expected")
    return found[0]


def parts(data: bytes, tag: int = SEQUENCE) -> list[Element]:
    """What the only element of ``data``, of this tag, consists of."""
    return elements(only(data, tag).value)


def members(element: Element, tag: int = SEQUENCE) -> list[Element]:
    """What an element, of this tag, consists of."""
    if element.tag != tag:
        raise DerError("元素类型不符", "another element was expected")
    return elements(element.value)


def read_integer(element: Element) -> int:
    """An INTEGER, at least zero."""
    value = element.value
    if element.tag != INTEGER or not value:
        raise DerError("此处应为整数", "a number was expected")
    if value[0] & 0x80 or (value[0] == 0 and len(value) > 1 and not value[1] & 0x80):
        raise DerError(
            "整数为负或编码不是最短形式", "the number is negative or longer than it needs to be"
        )
    return int.from_bytes(value, "big")


def read_boolean(element: Element) -> bool:
    """A BOOLEAN."""
    if element.tag != BOOLEAN or element.value not in (b"\x00", b"\xff"):
        raise DerError("此处应为布尔值", "a truth value was expected")
    return element.value == b"\xff"


def read_bits(element: Element) -> tuple[int, bytes]:
    """A BIT STRING: how many bits of the last byte are not used, and the bytes."""
    if element.tag != BIT_STRING or not element.value:
        raise DerError("此处应为位串", "a bit string was expected")
    unused, data = element.value[0], element.value[1:]
    if unused > 7 or (unused and (not data or data[-1] & ((1 << unused) - 1))):
        raise DerError("位串的未用位有误", "the bit string has wrong unused bits")
    return unused, data


@lru_cache(maxsize=256)
def read_oid(value: bytes) -> str:
    """The contents of an OBJECT IDENTIFIER in dotted form."""
    if not value or value[-1] & 0x80:
        raise DerError("对象标识符不完整", "an object identifier is cut")
    if len(value) > _LONGEST_OID:
        raise DerError("对象标识符过长", "an object identifier is too long")
    arcs = []
    arc = 0
    fresh = True
    for byte in value:
        if fresh and byte == 0x80:
            raise DerError(
                "对象标识符编码不是最短形式", "an object identifier is longer than it needs to be"
            )
        arc = arc << 7 | byte & 0x7F
        fresh = not byte & 0x80
        if fresh:
            arcs.append(arc)
            arc = 0
    top = min(arcs[0] // 40, 2)
    return ".".join(str(number) for number in (top, arcs[0] - 40 * top, *arcs[1:]))


def sequence(*members: bytes) -> bytes:
    """A SEQUENCE."""
    return encode_ber(SEQUENCE, *members)


def integer(number: int) -> bytes:
    """An INTEGER, at least zero."""
    return encode_ber(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def bit_string(data: bytes, unused: int = 0) -> bytes:
    """A BIT STRING."""
    return encode_ber(BIT_STRING, bytes((unused,)), data)


def octet_string(data: bytes) -> bytes:
    """An OCTET STRING."""
    return encode_ber(OCTET_STRING, data)


def boolean(value: bool) -> bytes:
    """A BOOLEAN."""
    return encode_ber(BOOLEAN, b"\xff" if value else b"\x00")


@lru_cache(maxsize=256)
def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER of its dotted form."""
    first, second, *others = (int(number) for number in dotted.split("."))
    return encode_ber(OID, *(_arc(number) for number in (40 * first + second, *others)))


def time(moment: datetime) -> bytes:
    """UTCTime to 2049, GeneralizedTime after it, whole seconds, UTC."""
    moment = moment.astimezone(UTC)
    if moment.year < 1950 or moment.year > _LAST_UTC_YEAR:
        text = f"{moment:%m%d%H%M%S}Z"
        return encode_ber(GENERALIZED_TIME, f"{moment.year:04}{text}".encode("ascii"))
    return encode_ber(UTC_TIME, f"{moment:%y%m%d%H%M%S}Z".encode("ascii"))


def set_of(members: Sequence[bytes]) -> bytes:
    """A SET OF, in the order DER wants."""
    return encode_ber(SET, *sorted(members))


def _arc(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.insert(0, 0x80 | number & 0x7F)
    return bytes(digits)
