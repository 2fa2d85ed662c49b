"""BER-TLV objects in words, hidden and broken ones as far as they show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sscard_ic.apdu.masked import Masked
from sscard_ic.base.errors import Text
from sscard_ic.explain import layout
from sscard_ic.explain.tags import TAGS, WITHIN, Tag
from sscard_ic.explain.words import Detail, bytes_of

_DEEPEST = 16
"""Nesting that no card answer comes near."""

UNKNOWN = Text("未知标签", "unknown tag")
REST = Text("不是 TLV 的字节", "bytes that are no TLV")
_FILLING = Text("填充", "filling")
_CUT = Text("被截断", "cut")


def explain_objects(raw: Masked, within: str = "", depth: int = 0) -> tuple[Detail, ...]:
    """Every object of ``raw``, which stands inside the template ``within``."""
    return tuple(_objects(raw, WITHIN.get(within, {}), depth))


def _objects(raw: Masked, own: Mapping[str, Tag], depth: int) -> Iterator[Detail]:
    at, size = 0, len(raw)
    visible = b"" if raw.hidden else raw.head
    while at < size:
        # Of hidden bytes nothing is known: headers are read up to the next one.
        rest, start = (visible, at) if visible else (raw.cut(at, size).head, 0)
        if visible and not visible[at : at + 2].strip(b"\x00\xff"):
            yield Detail(_FILLING, raw=raw.cut(at, size))
            return
        found = _header(rest, start)
        if found is None:
            yield Detail(REST, raw=raw.cut(at, size))
            return
        width, header, length = found
        value = raw.cut(at + header, at + header + length)
        yield _object(rest[start : start + width], value, length, own, depth)
        at += header + length


def _header(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Bytes of the tag, of the whole header, and the length; None where no header is seen."""
    start = at
    if at < len(data) and data[at] & 0x1F == 0x1F:
        at += 1
        while at < len(data) and data[at] & 0x80:
            at += 1
    at += 1
    if at >= len(data):
        return None
    width, first = at - start, data[at]
    if first < 0x80:
        return width, width + 1, first
    more = first & 0x7F
    at += 1
    if not 1 <= more <= 3 or at + more > len(data):
        return None
    return width, width + 1 + more, int.from_bytes(data[at : at + more], "big")


def _object(tag: bytes, value: Masked, length: int, own: Mapping[str, Tag], depth: int) -> Detail:
    code = tag.hex().upper()
    known = own.get(code) or TAGS.get(code)
    name = known.name if known else UNKNOWN
    remarks: tuple[Text, ...] = ()
    if len(value) != length:
        missing = bytes_of(length - len(value))
        remarks = (Text(f"{_CUT.zh}：缺 {missing.zh}", f"{_CUT.en}: {missing.en} missing"),)
    if tag[0] & 0x20 and depth < _DEEPEST:
        return Detail(name, None, value, remarks, explain_objects(value, code, depth + 1), code)
    words = layout.said(known.words, value) if known else None
    return Detail(name, words, value, remarks, tag=code)


def begins_with_object(raw: bytes) -> bool:
    """Whether the first tag of ``raw`` is known."""
    found = _header(raw, 0)
    return found is not None and raw[: found[0]].hex().upper() in TAGS


def looks_like_objects(raw: bytes) -> bool:
    """Whether ``raw`` is whole BER-TLV objects, the first of a known tag."""
    if not begins_with_object(raw):
        return False
    at = 0
    while at < len(raw):
        found = _header(raw, at)
        if found is None:
            return False
        at += found[1] + found[2]
    return at == len(raw)


def find(details: Iterable[Detail], tag: str) -> Detail | None:
    """The first detail with ``tag``, at any depth."""
    for detail in details:
        if detail.tag == tag:
            return detail
        if (inner := find(detail.parts, tag)) is not None:
            return inner
    return None
