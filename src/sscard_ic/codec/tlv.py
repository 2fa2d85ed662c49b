"""Record TLV (one-byte tag, one-byte length) and BER-TLV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


class TlvError(ValueError):
    """The bytes are not the TLV they should be."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a variable-record file: tag (0-255) and value."""

    tag: int
    value: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.tag <= 0xFF or len(self.value) > 0xFF:
            raise TlvError(f"record {self.tag:X} of {len(self.value)} bytes has no one-byte header")

    def __bytes__(self) -> bytes:
        return bytes((self.tag, len(self.value))) + self.value


def parse_record(data: bytes) -> Record:
    """The only record in ``data``."""
    records = list(iter_records(data))
    if len(records) != 1:
        raise TlvError(f"{len(records)} records where one was expected")
    return records[0]


def iter_records(data: bytes) -> Iterator[Record]:
    """The records of a concatenation ("all records", ref 01 §11.1)."""
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise TlvError(f"record header cut at byte {at}")
        tag, length = data[at], data[at + 1]
        value = data[at + 2 : at + 2 + length]
        if len(value) != length:
            raise TlvError(f"record {tag:02X} is cut: {len(value)} of {length} bytes")
        yield Record(tag, value)
        at += 2 + length


@dataclass(frozen=True, slots=True)
class BerTlv:
    """One BER-TLV object; constructed ones hold children instead of a value."""

    tag: int
    value: bytes = b""
    children: tuple[BerTlv, ...] = ()

    def find(self, tag: int) -> BerTlv | None:
        """The first object with ``tag`` at any depth, this one included."""
        if self.tag == tag:
            return self
        return next((hit for child in self.children if (hit := child.find(tag))), None)


_DEEPEST = 32
"""Nesting that no card answer comes near; deeper data is refused instead of followed."""


def parse_ber(data: bytes, depth: int = 0) -> tuple[BerTlv, ...]:
    """All objects of ``data``; raises :class:`TlvError` on anything left over, cut or too deep."""
    if depth > _DEEPEST:
        raise TlvError(f"objects are nested more than {_DEEPEST} deep")
    objects: list[BerTlv] = []
    at = 0
    while at < len(data):
        tag, constructed, at = ber_tag(data, at)
        length, at = _ber_length(data, at)
        value = data[at : at + length]
        if len(value) != length:
            raise TlvError(f"object {tag:X} is cut: {len(value)} of {length} bytes")
        at += length
        if constructed:
            objects.append(BerTlv(tag, children=parse_ber(value, depth + 1)))
        else:
            objects.append(BerTlv(tag, value))
    return tuple(objects)


def ber_tag(data: bytes, at: int) -> tuple[int, bool, int]:
    """The tag at ``at``, whether it is constructed, and where it ends; :class:`TlvError`."""
    first = tag = data[at]
    at += 1
    if first & 0x1F == 0x1F:
        while True:
            if at >= len(data):
                raise TlvError("tag is cut")
            byte = data[at]
            tag = tag << 8 | byte
            at += 1
            if not byte & 0x80:
                break
    return tag, bool(first & 0x20), at


def _ber_length(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise TlvError("length is missing")
    first = data[at]
    at += 1
    if first < 0x80:
        return first, at
    count = first & 0x7F
    if count == 0 or count > 3 or at + count > len(data):
        raise TlvError("length is cut or indefinite")
    return int.from_bytes(data[at : at + count], "big"), at + count


def encode_ber(tag: int, *parts: bytes) -> bytes:
    """One object: ``tag``, the length of the joined ``parts``, the parts."""
    value = b"".join(parts)
    head = tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big")
    if len(value) < 0x80:
        return head + bytes((len(value),)) + value
    size = (len(value).bit_length() + 7) // 8
    return head + bytes((0x80 | size,)) + len(value).to_bytes(size, "big") + value
