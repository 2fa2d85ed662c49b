"""Fields that follow one another, and what their bytes say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sscard_ic.apdu.masked import Masked
from sscard_ic.base.errors import Text
from sscard_ic.explain.words import Detail, bytes_of, printable, same

Reading = Callable[[bytes], Text]
"""Visible bytes in words."""

MORE = Text("多余的字节", "more bytes")
_MISSING = Text("缺少", "missing")
_RESERVED = Text("保留", "reserved")


@dataclass(frozen=True, slots=True)
class Field:
    """One field; ``length`` 0 takes what is left. A ``secret`` one is never shown."""

    name: Text
    length: int
    words: Reading | None = None
    secret: bool = False


def field(zh: str, en: str, length: int, words: Reading | None = None) -> Field:
    """A field whose bytes may be shown."""
    return Field(Text(zh, en), length, words)


def reserved(length: int) -> Field:
    """Bytes without a meaning; told only where they are neither 00 nor FF."""
    return Field(_RESERVED, length)


def split(raw: Masked, fields: Sequence[Field]) -> tuple[Detail, ...]:
    """The fields of ``raw``; what is cut, missing or left over is said in remarks."""
    details, at, size = [], 0, len(raw)
    for each in fields:
        stop = at + each.length if each.length else size
        if at >= size and each.length:
            details.append(Detail(each.name, remarks=(_MISSING,)))
        elif at < stop:
            detail = read(each, raw.cut(at, stop))
            if each.name is not _RESERVED or not _is_filling(detail):
                details.append(detail)
        at = stop
    if at < size:
        details.append(Detail(MORE, raw=raw.cut(at, size)))
    return tuple(details)


def _is_filling(detail: Detail) -> bool:
    raw = detail.raw
    blank = not raw.head.strip(b"\x00") or not raw.head.strip(b"\xff")
    return blank and not raw.hidden and not detail.remarks


def read(each: Field, raw: Masked) -> Detail:
    """One field with its bytes."""
    if each.secret:
        return Detail(each.name, raw=Masked.of(len(raw)))
    whole = not each.length or len(raw) == each.length
    if not whole:
        cut = Text(
            f"只有 {len(raw)} 字节，应为 {each.length}",
            f"{bytes_of(len(raw)).en} of {each.length}",
        )
        return Detail(each.name, raw=raw, remarks=(cut,))
    return Detail(each.name, said(each.words, raw), raw)


def said(words: Reading | None, raw: Masked) -> Text | None:
    """What the bytes say; None where they are hidden, or say nothing."""
    if words is None or not raw or raw.hidden:
        return None
    text = words(raw.head)
    return text if text.en else None


# -- words for bytes -------------------------------------------------------------------------


def number(raw: bytes) -> Text:
    """An unsigned number, the highest byte first."""
    return same(str(int.from_bytes(raw, "big")))


def amount(raw: bytes) -> Text:
    """Fen as yuan."""
    fen = int.from_bytes(raw, "big")
    return Text(f"{fen // 100}.{fen % 100:02d} 元", f"{fen // 100}.{fen % 100:02d} yuan")


def digits(raw: bytes) -> Text:
    """BCD digits without the filling F."""
    return same(raw.hex().upper().rstrip("F"))


def moment(raw: bytes) -> Text:
    """Date YYYYMMDD, or date and time YYYYMMDDhhmmss, BCD."""
    text = raw.hex().upper()
    day = f"{text[:4]}-{text[4:6]}-{text[6:8]}"
    time = f" {text[8:10]}:{text[10:12]}:{text[12:14]}" if len(text) > 8 else ""
    return same(day + time)


def clock_time(raw: bytes) -> Text:
    """hhmmss, BCD."""
    text = raw.hex().upper()
    return same(":".join((text[:2], text[2:4], text[4:6])))


def characters(raw: bytes) -> Text:
    """Text in GB18030; what is not text becomes U+FFFD."""
    return same(printable(raw.decode("gb18030", errors="replace")))


def one_of(meanings: dict[int, Text]) -> Reading:
    """The meaning of a number by a table."""

    def words(raw: bytes) -> Text:
        value = int.from_bytes(raw, "big")
        return meanings.get(value, Text("未知", "unknown"))

    return words
