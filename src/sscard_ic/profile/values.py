"""Item values between words and bytes (ref 01 §3).

Written forms: dates ``YYYY-MM-DD`` (``YYYYMMDD`` is accepted too), digits and text as they are,
binary data in hex digits without the filling, a constructed record as a JSON object of its parts
by tag (``{"57": "123"}``), a cyclic record by the Chinese names of its parts, the card
identification code as 32 hex digits (24 leave its authentication code unset). The empty string
stands for an unset item. Blanks at the ends do not count: on the card they look like filling.

Writing is strict and raises :class:`InputError`; reading is tolerant: whatever a card holds is
shown, and what is odd about it is said in remarks.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sscard_ic.base.errors import InputError, Text
from sscard_ic.codec.dates import format_date, parse_date
from sscard_ic.codec.digits import decode_cn, encode_cn
from sscard_ic.codec.text import decode_an, encode_an
from sscard_ic.codec.tlv import Record, TlvError, iter_records
from sscard_ic.profile.codes import CodeTable
from sscard_ic.profile.fields import Title
from sscard_ic.profile.structure import Item

NOT_SET = Text("未写入", "not set")
WRONG_FILLING = Text("填充字节与规范不同", "filled with another byte than the specification says")
NO_AUTHENTICATION_CODE = Text("认证码未写入", "the authentication code is not set")
FOREIGN_APPLICATION = Text(
    "应用标识符不是 D156000005", "the application identifier is not D156000005"
)
ASCII_DIGITS = Text("BCD 数据项中存有 ASCII 字符", "ASCII characters where BCD digits belong")
NOT_A_DATE = Text("不是有效日期", "not a date")
ODD_VERSION = Text("不是 N.NN 形式的版本号", "not a version of the form N.NN")
UNDECODABLE = Text("含有不能解码的字节", "holds bytes that are not text")
CUT_CHARACTER = Text(
    "末尾的字符被截断，续在姓名扩展中",
    "the last character is cut: it continues in the name extension",
)
MORE_AFTER_END = Text("文字结束后还有字节", "bytes after the end of the text")
UNKNOWN_CODE = Text("代码不在代码表中", "the code is not in the table")
NOT_DIGITS = Text("含有非数字", "holds other characters than digits")
NOT_TLV = Text("不是 TLV 结构", "not made of TLV parts")

_APPLICATION = bytes.fromhex("D156000005")
_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)", re.ASCII)
_HEX = re.compile(r"[0-9A-Fa-f]*")


@dataclass(frozen=True, slots=True)
class Value:
    """What an item of a card says."""

    text: str
    """Written form; empty when the item is unset."""
    raw: bytes
    meaning: Title | None = None
    """From the code table of the item."""
    remarks: tuple[Text, ...] = ()
    """What is odd about the bytes."""
    parts: Mapping[str, Value] = field(default_factory=dict)
    """Parts of a constructed record by tag."""

    @property
    def is_set(self) -> bool:
        """Whether the item holds anything."""
        return bool(self.text)


def unset(item: Item) -> bytes:
    """The bytes of an item without a value: an and b 00, cn FF, constructed its unset parts."""
    if item.items:
        return _join(item, {part_name(part): unset(part) for part in item.items})
    return (b"\xff" if item.format == "cn" else b"\x00") * item.length


def encode(item: Item, text: str) -> bytes:
    """The bytes of ``text``, exactly ``item.length`` of them.

    Raises :class:`InputError` when the text is not of the item's form or does not fit. The
    message names the item, never the value, which may be a person's.
    """
    text = text.strip(" ")
    if not text:
        return unset(item)
    match item.format:
        case "an":
            return _encode_an(item, text)
        case "cn":
            return _encode_cn(item, text)
        case "b":
            return _encode_binary(item, text)
        case "btlv" | "record":
            return _encode_parts(item, text)


def _encode_an(item: Item, text: str) -> bytes:
    if item.text == "version" and not re.fullmatch(r"\d\.\d\d", text, re.ASCII):
        raise _refuse(item, ODD_VERSION)
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise _refuse(item, Text("含有控制字符", "holds control characters"))
    try:
        return encode_an(text, item.length)
    except UnicodeEncodeError:
        raise _refuse(item, Text("含有无法编码的字符", "holds characters without a code")) from None
    except ValueError:
        size = len(text.encode("gb18030"))
        raise _too_long(item, size, Text("字节", "bytes")) from None


def _encode_cn(item: Item, text: str) -> bytes:
    if item.text == "date":
        return _encode_date(item, text)
    if item.text == "identification":
        if len(text) not in (24, 32) or not _HEX.fullmatch(text):
            raise _refuse(
                item, Text("应为 24 或 32 个十六进制数字", "24 or 32 hex digits are expected")
            )
        return encode_cn(text, item.length)
    # Serial parts of real cards hold the digits A-E (ref 01 §9.1, §12.1); F is the filling.
    if not re.fullmatch(r"[0-9A-Ea-e]+", text):
        raise _refuse(item, NOT_DIGITS)
    if len(text) > 2 * item.length:
        raise _too_long(item, len(text), Text("位数字", "digits"))
    return encode_cn(text, item.length)


def _encode_date(item: Item, text: str) -> bytes:
    found = _DATE.fullmatch(text)
    try:
        day = parse_date("".join(found.groups()) if found else "")
    except ValueError:
        raise _refuse(
            item,
            Text("应为日期 YYYY-MM-DD 或 YYYYMMDD", "a date YYYY-MM-DD or YYYYMMDD is expected"),
        ) from None
    return encode_cn(format_date(day), item.length)


def _encode_binary(item: Item, text: str) -> bytes:
    if len(text) % 2 or not _HEX.fullmatch(text):
        raise _refuse(item, Text("应为十六进制数字", "hex digits are expected"))
    raw = bytes.fromhex(text)
    if len(raw) > item.length:
        raise _too_long(item, len(raw), Text("字节", "bytes"))
    return raw.ljust(item.length, b"\x00")


def _encode_parts(item: Item, text: str) -> bytes:
    try:
        given: Any = json.loads(text)
    except json.JSONDecodeError:
        given = None
    if not isinstance(given, dict) or not all(isinstance(part, str) for part in given.values()):
        raise _refuse(
            item,
            Text('应为 JSON 对象，如 {"57": "…"}', 'a JSON object is expected, as {"57": "…"}'),
        )
    known = {part_name(part): part for part in item.items}
    if unknown := sorted(set(given) - set(known)):
        names = ", ".join(unknown)
        raise _refuse(item, Text(f"没有数据项 {names}", f"there is no part {names}"))
    return _join(item, {name: encode(part, given.get(name, "")) for name, part in known.items()})


def part_name(part: Item) -> str:
    """What a part of a constructed item is called in its written form: its tag, or its name."""
    return part.zh if part.tag is None else f"{part.tag:02X}"


def _join(item: Item, values: Mapping[str, bytes]) -> bytes:
    """The parts of a constructed item, all of them, one after the other."""
    if item.format == "record":
        return b"".join(values[part_name(part)] for part in item.items)
    return b"".join(bytes(Record(_tag(part), values[part_name(part)])) for part in item.items)


def decode(item: Item, raw: bytes, codes: Mapping[str, CodeTable] | None = None) -> Value:
    """What ``raw`` says; never raises. ``codes`` are the tables of the profile."""
    remarks = [] if len(raw) == item.length else [_wrong_length(item, raw)]
    if _is_filling(item, raw):
        filling = (b"\xff" if item.format == "cn" else b"\x00") * len(raw)
        odd = bool(item.items) or raw != filling
        return Value("", raw, remarks=(*remarks, NOT_SET, *([WRONG_FILLING] * odd)))
    if item.items:
        return _decode_parts(item, raw, codes or {}, remarks)
    text = _READERS[item.format](item, raw, remarks)
    table = (codes or {}).get(item.codes or "")
    meaning = table.meaning(text) if table else None
    if table and meaning is None and not table.open:
        remarks.append(UNKNOWN_CODE)
    return Value(text, raw, meaning, tuple(remarks))


def _is_filling(item: Item, raw: bytes) -> bool:
    """Whether nothing was written: all FF, or all 00 where zeros are not a number."""
    if not raw.strip(b"\xff"):
        return True
    number = item.format == "cn" and item.text == "plain"
    return not number and not raw.strip(b"\x00")


def _decode_an(item: Item, raw: bytes, remarks: list[Text]) -> str:
    text = decode_an(raw)
    if item.text == "version" and not re.fullmatch(r"\d\.\d\d", text, re.ASCII):
        remarks.append(ODD_VERSION)
    if "\ufffd" in text:
        cut = item.text == "name" and text.index("\ufffd") == len(text) - 1
        remarks.append(CUT_CHARACTER if cut else UNDECODABLE)
    if raw.rstrip(b"\x00").endswith(b"\xff"):
        remarks.append(WRONG_FILLING)
    elif b"\x00" in raw.rstrip(b"\x00"):
        remarks.append(MORE_AFTER_END)
    return text


def _decode_cn(item: Item, raw: bytes, remarks: list[Text]) -> str:
    if item.text == "date":
        return _decode_date(raw, remarks)
    if item.text == "identification":
        if raw[3:8] != _APPLICATION:
            remarks.append(FOREIGN_APPLICATION)
        if raw[12:] == b"\xff" * 4:
            remarks.append(NO_AUTHENTICATION_CODE)
        return raw.hex().upper()
    digits = decode_cn(raw)
    if "F" in digits:
        remarks.append(NOT_DIGITS)
    return digits


def _decode_date(raw: bytes, remarks: list[Text]) -> str:
    digits = decode_cn(raw)
    try:
        return parse_date(digits).isoformat()
    except ValueError:
        pass
    if raw.isdigit():  # the bytes are ASCII digits (ref 01 §12.1 records 5 and 6)
        remarks.append(ASCII_DIGITS)
        return raw.decode("ascii")
    remarks.append(NOT_A_DATE)
    return digits


def _decode_binary(item: Item, raw: bytes, remarks: list[Text]) -> str:
    return raw.rstrip(b"\x00").hex().upper()


_READERS = {"an": _decode_an, "cn": _decode_cn, "b": _decode_binary}


def _decode_parts(
    item: Item, raw: bytes, codes: Mapping[str, CodeTable], remarks: list[Text]
) -> Value:
    try:
        found = _split(item, raw, remarks)
    except TlvError:
        return Value(raw.hex().upper(), raw, remarks=(*remarks, NOT_TLV))
    parts = {
        part_name(part): decode(part, found[part_name(part)], codes)
        for part in item.items
        if part_name(part) in found
    }
    texts = {name: value.text for name, value in parts.items() if value.is_set}
    if not texts:
        remarks.append(NOT_SET)
    text = json.dumps(texts, ensure_ascii=False) if texts else ""
    return Value(text, raw, remarks=tuple(remarks), parts=parts)


def _split(item: Item, raw: bytes, remarks: list[Text]) -> dict[str, bytes]:
    """The bytes of the parts by name, as far as they are there."""
    if item.format == "record":
        found, at = {}, 0
        for part in item.items:
            if len(raw) >= at + part.length:
                found[part_name(part)] = raw[at : at + part.length]
            at += part.length
        return found
    records = {record.tag: record.value for record in iter_records(raw)}
    known = {_tag(part) for part in item.items}
    if set(records) != known:
        remarks.append(_wrong_parts(known, set(records)))
    return {f"{tag:02X}": value for tag, value in records.items()}


def _tag(part: Item) -> int:
    assert part.tag is not None, "the loader refuses parts without tag"
    return part.tag


def _refuse(item: Item, what: Text) -> InputError:
    return InputError(
        Text(f"{item.zh}：{what.zh}", f"{item.en}: {what.en}"),
        where=f"{item.tag:02X}" if item.tag is not None else "",
    )


def _too_long(item: Item, size: int, unit: Text) -> InputError:
    room = item.length * 2 if unit.en == "digits" else item.length
    error = _refuse(
        item, Text(f"{size} {unit.zh}，最多 {room}", f"{size} {unit.en}, at most {room} fit")
    )
    if item.text == "name":
        error.hint = Text(
            "长姓名分存于姓名和姓名扩展", "a long name continues in the name extension"
        )
    return error


def _wrong_length(item: Item, raw: bytes) -> Text:
    return Text(
        f"长度 {len(raw)} 字节，应为 {item.length}",
        f"{len(raw)} bytes long, {item.length} expected",
    )


def _wrong_parts(known: set[int], found: set[int]) -> Text:
    lacking = " ".join(f"{tag:02X}" for tag in sorted(known - found)) or "-"
    strange = " ".join(f"{tag:02X}" for tag in sorted(found - known)) or "-"
    return Text(
        f"缺少的数据项：{lacking}；多余的：{strange}",
        f"parts missing: {lacking}; strange: {strange}",
    )
