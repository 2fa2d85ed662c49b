"""Item values between words and bytes (ref 01 §3).

Written forms: days, months, moments, amounts and numbers as :mod:`~sscard_ic.profile.forms` has
them, digits and text as they are, binary data in hex digits without the filling, a constructed
record as a JSON object of its parts by tag (``{"57": "123"}``), a cyclic record by the Chinese
names of its parts, the card identification code as 32 hex digits (24 leave its authentication
code unset). The empty string stands for an unset item. Blanks at the ends do not count: on the
card they look like filling.

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
from sscard_ic.codec.digits import decode_cn, encode_cn
from sscard_ic.codec.text import decode_an, encode_an
from sscard_ic.codec.tlv import Record, TlvError, iter_records
from sscard_ic.profile import forms, remarks
from sscard_ic.profile.codes import CodeTable
from sscard_ic.profile.fields import Title
from sscard_ic.profile.structure import Item

Codes = Mapping[str, CodeTable]
"""Code tables of a profile by name."""

_APPLICATION = bytes.fromhex("D156000005")
_HEX = re.compile(r"[0-9A-Fa-f]*")
_VERSION = re.compile(r"\d\.\d\d", re.ASCII)
_NUMERIC = ("amount", "number")
_SHOWN_CODES = 12


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


def encode(item: Item, text: str, codes: Codes | None = None) -> bytes:
    """The bytes of ``text``, exactly ``item.length`` of them.

    ``codes`` are the tables of the profile; with them a code outside a closed table is refused.
    Raises :class:`InputError` when the text is not of the item's form or does not fit. The
    message names the item, never the value, which may be a person's.
    """
    text = text.strip(" ")
    if not text:
        return unset(item)
    if item.items:
        return _encode_parts(item, text, codes)
    _check_codes(item, text, codes or {})
    match item.format:
        case "an":
            return _encode_an(item, text)
        case "cn":
            return _encode_cn(item, text)
        case _:
            return _encode_binary(item, text)


def _check_codes(item: Item, text: str, codes: Codes) -> None:
    """Refuse what a closed code table does not know."""
    for name, code in _coded(item, text):
        table = codes.get(name)
        if table is not None and not table.contains(code):
            raise _unknown_code(item, name, table, code)


def _coded(item: Item, text: str) -> list[tuple[str, str]]:
    """The codes in ``text``, each with the name of its table."""
    if item.codes is not None:
        return [(item.codes, text)]
    found, at = [], 0
    for part in item.split:
        found.append((part.codes, text[at : at + part.length]))
        at += part.length
    return found


def _encode_an(item: Item, text: str) -> bytes:
    if item.text == "version" and not _VERSION.fullmatch(text):
        raise _refuse(item, remarks.ODD_VERSION)
    if item.text == "number":
        text = str(_number(item, text)).zfill(item.length)
    elif item.split and len(text) != item.length:
        raise _refuse(
            item, Text(f"应为 {item.length} 个字符", f"{item.length} characters are expected")
        )
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
    if item.text in forms.CALENDAR_FORMS:
        try:
            return encode_cn(forms.calendar_digits(item.text, text), item.length)
        except forms.FormError as error:
            raise _refuse(item, error.text) from None
    if item.text == "identification":
        if len(text) not in (24, 32) or not _HEX.fullmatch(text):
            raise _refuse(
                item, Text("应为 24 或 32 个十六进制数字", "24 or 32 hex digits are expected")
            )
        return encode_cn(text, item.length)
    most = 2 * item.length
    if item.text in _NUMERIC:
        number = _number(item, text)
        if number >= 10**most:
            raise _too_great(item, 10**most - 1)
        text = str(number)
    # Serial parts of real cards hold the digits A-E (ref 01 §9.1, §12.1); F is the filling.
    elif not re.fullmatch(r"[0-9A-Ea-e]+", text):
        raise _refuse(item, remarks.NOT_DIGITS)
    if len(text) > most:
        raise _too_long(item, len(text), Text("位数字", "digits"))
    return encode_cn(text.zfill(most) if item.align == "right" else text, item.length)


def _encode_binary(item: Item, text: str) -> bytes:
    if item.text in _NUMERIC:
        number, end = _number(item, text), (1 << 8 * item.length) - 1
        if number >= end:  # all FF stands for an unset item
            raise _too_great(item, end - 1)
        return number.to_bytes(item.length, "big")
    if len(text) % 2 or not _HEX.fullmatch(text):
        raise _refuse(item, Text("应为十六进制数字", "hex digits are expected"))
    raw = bytes.fromhex(text)
    if len(raw) > item.length:
        raise _too_long(item, len(raw), Text("字节", "bytes"))
    return raw.ljust(item.length, b"\x00")


def _number(item: Item, text: str) -> int:
    try:
        return forms.parse_number(item.text, text)
    except forms.FormError as error:
        raise _refuse(item, error.text) from None


def _encode_parts(item: Item, text: str, codes: Codes | None) -> bytes:
    try:
        given: Any = json.loads(text, object_pairs_hook=once)
    except Twice as twice:
        raise _refuse(item, Text(f"{twice} 出现两次", f"{twice} is there twice")) from None
    except (ValueError, RecursionError):  # also of a number with too many digits
        given = None
    known = {part_name(part): part for part in item.items}
    if not isinstance(given, dict) or not all(isinstance(part, str) for part in given.values()):
        first = next(iter(known))
        raise _refuse(
            item,
            Text(
                f'应为 JSON 对象，如 {{"{first}": "…"}}',
                f'a JSON object is expected, as {{"{first}": "…"}}',
            ),
        )
    if unknown := sorted(set(given) - set(known)):
        names = ", ".join(unknown)
        raise _refuse(
            item,
            Text(f"没有数据项 {names}", f"there is no part {names}"),
            Text(f"组成部分：{'、'.join(known)}", f"its parts: {', '.join(known)}"),
        )
    return _join(
        item, {name: encode(part, given.get(name, ""), codes) for name, part in known.items()}
    )


class Twice(Exception):
    """A JSON object has two members of this name, of which one would be lost."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of a JSON object; raises :class:`Twice`."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Twice(name)
        found[name] = value
    return found


def part_name(part: Item) -> str:
    """What a part of a constructed item is called in its written form: its tag, or its name."""
    return part.zh if part.tag is None else f"{part.tag:02X}"


def _join(item: Item, values: Mapping[str, bytes]) -> bytes:
    """The parts of a constructed item, all of them, one after the other."""
    if item.format == "record":
        return b"".join(values[part_name(part)] for part in item.items)
    return b"".join(bytes(Record(_tag(part), values[part_name(part)])) for part in item.items)


def decode(item: Item, raw: bytes, codes: Codes | None = None) -> Value:
    """What ``raw`` says; never raises. ``codes`` are the tables of the profile."""
    found = [] if len(raw) == item.length else [remarks.wrong_length(len(raw), item.length)]
    if _is_filling(item, raw):
        odd = raw != (unset(item) if item.items else _filling(item, len(raw)))
        return Value("", raw, remarks=(*found, remarks.NOT_SET, *([remarks.WRONG_FILLING] * odd)))
    if item.items:
        return _decode_parts(item, raw, codes or {}, found)
    shown = raw
    if raw.endswith(b"\xee") and _has_no_letters(item):
        shown = raw.rstrip(b"\xee")
        found.append(remarks.REWRITTEN)
        if not shown:
            return Value("", raw, remarks=(*found, remarks.NOT_SET))
    text = _READERS[item.format](item, shown, found)
    if item.format == "cn" and item.codes and codes:
        text = _realigned(text, codes.get(item.codes), found)
    return _with_meaning(item, text, raw, codes or {}, found)


def _realigned(code: str, table: CodeTable | None, found: list[Text]) -> str:
    """The code without zeros before it where only so the table knows it."""
    bare = code.lstrip("0")
    if table is None or not bare or table.meaning(code) or not table.meaning(bare):
        return code
    found.append(remarks.OTHER_ALIGNMENT)
    return bare


def _with_meaning(item: Item, text: str, raw: bytes, codes: Codes, found: list[Text]) -> Value:
    """The value with what its codes mean."""
    coded = _coded(item, text)
    tables = [(codes[name], code) for name, code in coded if name in codes]
    meanings = [(table, table.meaning(code)) for table, code in tables]
    if text and any(meaning is None and not table.open for table, meaning in meanings):
        found.append(remarks.UNKNOWN_CODE)
    known = [(table, meaning) for table, meaning in meanings if meaning is not None]
    if not known:
        return Value(text, raw, None, tuple(found))
    if item.split:
        meaning = Title(
            zh="；".join(f"{table.zh}：{meaning.zh}" for table, meaning in known),
            en="; ".join(f"{table.en}: {meaning.en}" for table, meaning in known),
        )
    else:
        meaning = known[0][1]
    return Value(text, raw, meaning, tuple(found))


def _filling(item: Item, length: int) -> bytes:
    return (b"\xff" if item.format == "cn" else b"\x00") * length


def _is_filling(item: Item, raw: bytes) -> bool:
    """Whether nothing was written: all FF, or all 00 where zeros are not a number."""
    if not raw.strip(b"\xff") or (item.items and raw == unset(item)):
        return True
    numbers = ("plain", *_NUMERIC) if item.format == "cn" else _NUMERIC
    is_number = item.format in ("cn", "b") and item.text in numbers
    return not is_number and not raw.strip(b"\x00")


def _has_no_letters(item: Item) -> bool:
    """Whether a last byte EE can be nothing but the filling of a rewritten item (ref 01 §7)."""
    if item.format == "b":
        return False
    return bool(item.codes or item.split) or item.text in (*forms.CALENDAR_FORMS, *_NUMERIC)


def _decode_an(item: Item, raw: bytes, found: list[Text]) -> str:
    text = decode_an(raw)
    if item.text == "version" and not _VERSION.fullmatch(text):
        found.append(remarks.ODD_VERSION)
    if item.text == "number" and not (text.isascii() and text.isdigit()):
        found.append(remarks.NOT_DIGITS)
    if "\ufffd" in text:
        cut = item.text == "name" and text.index("\ufffd") == len(text) - 1
        found.append(remarks.CUT_CHARACTER if cut else remarks.UNDECODABLE)
    if raw.rstrip(b"\x00").endswith(b"\xff"):
        found.append(remarks.WRONG_FILLING)
    elif b"\x00" in raw.rstrip(b"\x00"):
        found.append(remarks.MORE_AFTER_END)
    return text


def _decode_cn(item: Item, raw: bytes, found: list[Text]) -> str:
    if item.text in forms.CALENDAR_FORMS:
        return _decode_calendar(item, raw, found)
    if item.text == "identification":
        if raw[3:8] != _APPLICATION:
            found.append(remarks.FOREIGN_APPLICATION)
        if raw[12:] == b"\xff" * 4:
            found.append(remarks.NO_AUTHENTICATION_CODE)
        return raw.hex().upper()
    digits = decode_cn(raw)
    if "F" in digits:
        found.append(remarks.NOT_DIGITS)
    if item.align == "right":
        if len(digits) < 2 * len(raw):
            found.append(remarks.OTHER_ALIGNMENT)
        digits = digits.lstrip("0") or "0"
    if item.text in _NUMERIC:
        if digits.isdigit():
            return forms.written_number(item.text, int(digits))
        if remarks.NOT_DIGITS not in found:
            found.append(remarks.NOT_DIGITS)
    return digits


def _decode_calendar(item: Item, raw: bytes, found: list[Text]) -> str:
    digits = decode_cn(raw)
    try:
        return forms.written_calendar(item.text, digits)
    except forms.FormError as error:
        if raw.isdigit():  # the bytes are ASCII digits (ref 01 §12.1 records 5 and 6)
            found.append(remarks.ASCII_DIGITS)
            return raw.decode("ascii")
        found.append(error.text)
        return digits


def _decode_binary(item: Item, raw: bytes, found: list[Text]) -> str:
    if item.text in _NUMERIC:
        return forms.written_number(item.text, int.from_bytes(raw, "big"))
    return raw.rstrip(b"\x00").hex().upper()


_READERS = {"an": _decode_an, "cn": _decode_cn, "b": _decode_binary}


def _decode_parts(item: Item, raw: bytes, codes: Codes, found: list[Text]) -> Value:
    try:
        values = _split(item, raw, found)
    except TlvError:
        return Value(raw.hex().upper(), raw, remarks=(*found, remarks.NOT_TLV))
    parts = {
        part_name(part): decode(part, values[part_name(part)], codes)
        for part in item.items
        if part_name(part) in values
    }
    texts = {name: value.text for name, value in parts.items() if value.is_set}
    if not texts:
        found.append(remarks.NOT_SET)
    text = json.dumps(texts, ensure_ascii=False) if texts else ""
    return Value(text, raw, remarks=tuple(found), parts=parts)


def _split(item: Item, raw: bytes, found: list[Text]) -> dict[str, bytes]:
    """The bytes of the parts by name, as far as they are there."""
    if item.format == "record":
        values, at = {}, 0
        for part in item.items:
            if len(raw) >= at + part.length:
                values[part_name(part)] = raw[at : at + part.length]
            at += part.length
        return values
    records = {record.tag: record.value for record in iter_records(raw)}
    known = {_tag(part) for part in item.items}
    if set(records) != known:
        found.append(remarks.wrong_parts(known, set(records)))
    return {f"{tag:02X}": value for tag, value in records.items()}


def _tag(part: Item) -> int:
    assert part.tag is not None, "the loader refuses parts without tag"
    return part.tag


def _refuse(item: Item, what: Text, hint: Text | None = None) -> InputError:
    return InputError(
        Text(f"{item.zh}：{what.zh}", f"{item.en}: {what.en}"),
        where=f"{item.tag:02X}" if item.tag is not None else "",
        hint=hint,
    )


def _unknown_code(item: Item, name: str, table: CodeTable, given: str) -> InputError:
    codes = table.nearest(given) or tuple(table.entries)[:_SHOWN_CODES]
    more = ", …" * (len(codes) == _SHOWN_CODES < len(table.entries))
    entries = [(code, table.entries[code]) for code in codes]
    return _refuse(
        item,
        Text(f"代码不在代码表 {name} 中", f"the code is not in table {name}"),
        Text(
            f"{table.zh}：{', '.join(f'{code} {entry.zh}' for code, entry in entries)}{more}",
            f"{table.en}: {', '.join(f'{code} {entry.en}' for code, entry in entries)}{more}",
        ),
    )


def _too_great(item: Item, most: int) -> InputError:
    limit = forms.written_number(item.text, most)
    return _refuse(item, Text(f"最大为 {limit}", f"at most {limit} fits"))


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
