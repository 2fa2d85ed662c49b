"""Records and items of the card in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sscard_ic.apdu.masked import Masked
from sscard_ic.base.errors import Text
from sscard_ic.explain import layout
from sscard_ic.explain.card_names import CardNames, FileNames
from sscard_ic.explain.layout import field
from sscard_ic.explain.tags import TAGS
from sscard_ic.explain.tlv import REST, explain_objects, looks_like_objects
from sscard_ic.explain.words import Detail, bytes_of, printable, same
from sscard_ic.profile import remarks
from sscard_ic.profile.codes import CodeTable
from sscard_ic.profile.structure import Item, Located
from sscard_ic.profile.values import Value, decode, part_name

RECORD_HEADER = 2
"""Bytes of tag and length of a record."""

DIVISION_TABLE = "GB2260"
"""Code table of provinces and cities."""

_LONGEST = 80
"""Characters of a value in words; of longer binary ones only the number of bytes is said."""

_BLANKS = (b"\x00", b"\xff")

UNKNOWN_ITEM = Text("未知数据项", "unknown item")
_WRONG_TAG = Text("此文件没有该标签", "this file has no such tag")
_UNSET = Text("未写入", "not set")
_FILLING = Text("未使用", "never written")

_DIVISION = 3
"""Bytes of a division code."""

_IDENTIFICATION = (
    field("应用城市代码", "issuing city", _DIVISION, layout.digits),
    field("应用标识符", "application identifier", 5),
    field("卡的流水号", "serial number", 4),
    field("卡的认证码", "authentication code", 4),
)
"""Ref 01 §9.1."""

_INSTITUTION = (
    field("发卡机构标识号", "identifier of card issuers", 5),
    field("发卡地区", "issuing region", _DIVISION, layout.digits),
    field("初始化机构所在地", "seat of the institution", _DIVISION, layout.digits),
    field("顺序号", "sequence number", 1),
)
"""Ref 01 §9.4."""

_INSTITUTION_BEGINS = bytes.fromhex("9156000002")


def explain_records(
    names: CardNames, file: FileNames | None, raw: Masked, first: int | None = None
) -> tuple[Detail, ...]:
    """The records of an answer, or of data to write.

    ``file`` says what their tags mean; ``first`` is the number of the first record, by which
    repeated tags are told apart.
    """
    if file is not None and not file.file.tagged:
        return tuple(_untagged(names, file, raw, first))
    return tuple(_tagged(names, file, raw, first))


def _tagged(
    names: CardNames, file: FileNames | None, raw: Masked, number: int | None
) -> Iterator[Detail]:
    at, size = 0, len(raw)
    while at < size:
        head = raw.cut(at, at + RECORD_HEADER).head
        blank = head[:1] in _BLANKS and _is_blank(raw.cut(at, size))
        if blank or len(head) < RECORD_HEADER:
            yield Detail(_FILLING if blank else REST, raw=raw.cut(at, size))
            return
        value = raw.cut(at + RECORD_HEADER, at + RECORD_HEADER + head[1])
        yield _record(names, file, head[0], head[1], value, number)
        at += RECORD_HEADER + head[1]
        number = None if number is None else number + 1


def _is_blank(rest: Masked) -> bool:
    """Whether nothing but one filling byte follows."""
    return not rest.hidden and not rest.head.strip(rest.head[:1])


def _record(
    names: CardNames,
    file: FileNames | None,
    tag: int,
    length: int,
    value: Masked,
    number: int | None,
) -> Detail:
    code = f"{tag:02X}"
    found: list[Text] = []
    if len(value) != length:
        found.append(Text(f"长度为 {length}，只有 {len(value)}", f"{len(value)} of {length} bytes"))
    if file is None:
        return _object_or_item(code, tag, value, found)
    place = file.by_tag.get(tag)
    at_number = file.by_number.get(number or 0)
    if at_number is not None and at_number.item.tag == tag:
        place = at_number
    if place is None:
        return Detail(UNKNOWN_ITEM, None, value, (*found, _WRONG_TAG), tag=code)
    return item_detail(names, place, value, code, found)


def _object_or_item(code: str, tag: int, value: Masked, found: list[Text]) -> Detail:
    """A record of a file that no profile declares: a template of the directory, or unknown."""
    known = TAGS.get(code)
    if known and tag & 0x20 and looks_like_objects(value.head):
        return Detail(known.name, None, value, tuple(found), explain_objects(value, code), code)
    return Detail(UNKNOWN_ITEM, None, value, tuple(found), tag=code)


def _untagged(
    names: CardNames, file: FileNames, raw: Masked, number: int | None
) -> Iterator[Detail]:
    """Records without tags, one after the other, each of the length that the profile says."""
    at, size = 0, len(raw)
    while at < size:
        place = file.by_number.get(number or 0) or file.places[0]
        value = raw.cut(at, at + place.item.length)
        yield item_detail(names, place, value, "")
        at += place.item.length
        number = None if number is None else number + 1


def item_detail(
    names: CardNames, place: Located, raw: Masked, tag: str, found: list[Text] | None = None
) -> Detail:
    """One item with its bytes."""
    return _detail(names, place.item, raw, tag, tuple(found or ()))


def _detail(names: CardNames, item: Item, raw: Masked, tag: str, found: tuple[Text, ...]) -> Detail:
    if raw.hidden:
        return Detail(item.title, None, raw, found, _parts_of_digits(names, item, raw), tag)
    value = decode(item, raw.head, names.profile.codes)
    odd = tuple(remark for remark in value.remarks if remark is not remarks.NOT_SET)
    parts = _parts_of_digits(names, item, raw) if value.is_set else ()
    parts += _parts(item, value)
    return Detail(item.title, _words(value, bool(value.parts)), raw, found + odd, parts, tag)


def _words(value: Value, has_parts: bool) -> Text | None:
    if not value.is_set:
        return _UNSET
    if has_parts:
        return None
    if len(value.text) > _LONGEST:
        return bytes_of(len(value.raw))
    text = printable(value.text)
    if value.meaning is None:
        return same(text)
    return Text(f"{text} {value.meaning.zh}", f"{text} {value.meaning.en}")


def _parts(item: Item, value: Value) -> tuple[Detail, ...]:
    """The parts of a constructed item, from its decoded value."""
    details = []
    for part in item.items:
        inner = value.parts.get(part_name(part))
        if inner is not None:
            odd = tuple(remark for remark in inner.remarks if remark is not remarks.NOT_SET)
            tag = "" if part.tag is None else f"{part.tag:02X}"
            raw = Masked.of(inner.raw)
            details.append(Detail(part.title, _words(inner, False), raw, odd, tag=tag))
    return tuple(details)


def _parts_of_digits(names: CardNames, item: Item, raw: Masked) -> tuple[Detail, ...]:
    """The groups of digits that two items are made of."""
    if item.text == "identification":
        return _with_divisions(names, layout.split(raw, _IDENTIFICATION))
    if raw.head.startswith(_INSTITUTION_BEGINS) and len(raw) == item.length == 12:
        return _with_divisions(names, layout.split(raw, _INSTITUTION))
    return ()


def _with_divisions(names: CardNames, details: tuple[Detail, ...]) -> tuple[Detail, ...]:
    """The details, division codes with their names."""
    table = names.profile.codes.get(DIVISION_TABLE)
    return tuple(_with_division(table, each) for each in details) if table else details


def _with_division(table: CodeTable, detail: Detail) -> Detail:
    words = detail.value
    if words is None or len(detail.raw) != _DIVISION:
        return detail
    meaning = table.meaning(words.en)
    if meaning is None:
        return detail
    return replace(detail, value=Text(f"{words.zh} {meaning.zh}", f"{words.en} {meaning.en}"))


def shapes(raw: Masked) -> set[tuple[int, int]]:
    """Tag and length of each record, as far as they show."""
    found, at = set(), 0
    while at < len(raw):
        head = raw.cut(at, at + RECORD_HEADER).head
        if len(head) < RECORD_HEADER:
            break
        found.add((head[0], head[1]))
        at += RECORD_HEADER + head[1]
    return found
