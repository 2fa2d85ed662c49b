"""What must hold between the parts of a profile; types alone cannot say it."""

from __future__ import annotations

import codecs
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.positions import Key as Loc
from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.certificate import check_certificate
from sscard_ic.profile.codes import CodeTable
from sscard_ic.profile.forms import CALENDAR_LENGTHS
from sscard_ic.profile.imports import ImportFormat
from sscard_ic.profile.medical import check_medical
from sscard_ic.profile.region import Region
from sscard_ic.profile.structure import OPERATIONS, Directory, File, Item, Key, Structure
from sscard_ic.profile.values import decode, encode, part_name

Finding = tuple[Loc, Text]

COMPUTED_SOURCES = frozenset(
    {
        "@identification_code",
        "@category",
        "@version",
        "@institution",
        "@issue_date",
        "@expiry_date",
        "@name",
        "@name_extension",
        "@photo",
        "@nationality",
    }
)
"""Values that issuance computes; every other source is a field code of the holder's record."""

RETURN_VALUES = frozenset(
    {
        "seq",
        "card_number",
        "social_security_number",
        "name",
        "issue_date",
        "expiry_date",
        "identification_code",
        "reset_code",
        "bank",
        "bank_card_number",
        "account",
        "box",
        "failed_stage",
        "failure_reason",
    }
)
"""Values that a column of a return file can show (ref 03 §4.2)."""

FIELD_CODE = re.compile(r"[A-Z][A-Z0-9_]*")
_LISTED = 20
"""Names that a message lists; of more only the similar ones are named."""


def check_structure(structure: Structure, codes: Mapping[str, CodeTable]) -> Iterator[Finding]:
    """Dangling references, duplicates and impossible lengths of a card structure."""
    if structure.pin_directory not in structure.directories:
        yield _unknown(("pin_directory",), structure.pin_directory, structure.directories)
    yield from _check_keys(structure)
    yield from check_medical(structure)
    yield from check_certificate(structure)
    yield from _check_rewriting(structure)
    names: dict[tuple[str | None, object], str] = {}
    for name, directory in structure.directories.items():
        loc: Loc = ("directories", name)
        yield from _check_directory(structure, name, directory)
        yield from _check_rules(structure, loc, directory)
        for key, value in (("fid", directory.fid), ("name", directory.name)):
            owner = names.setdefault((directory.parent, value), name)
            if owner != name:
                yield (*loc, key), Text(f"与 {owner} 的相同", f"the same as that of {owner}")
        for file_name, file in directory.files.items():
            file_loc = (*loc, "files", file_name)
            yield from _check_rules(structure, file_loc, file)
            yield from _check_file(file_loc, file_name, file)
            for position, item in enumerate(file.items):
                item_loc = (*file_loc, "items", position)
                yield from _check_rules(structure, item_loc, item)
                yield from _check_item(item_loc, item, codes)


def _check_keys(structure: Structure) -> Iterator[Finding]:
    seen: dict[tuple[str, str, int], str] = {}
    addresses: dict[int, str] = {}
    for name, key in structure.keys.items():
        loc: Loc = ("keys", name)
        for address in key.hsm_addresses:
            owner = addresses.setdefault(address, name)
            if owner != name:
                found = Text(f"{address:04X} 已属于 {owner}", f"{address:04X} is that of {owner}")
                yield (*loc, "hsm_address"), found
        if key.directory not in structure.directories:
            yield _unknown((*loc, "directory"), key.directory, structure.directories)
        yield from _check_rules(structure, loc, key)
        owner = seen.setdefault((key.directory, key.use, key.id), name)
        if owner != name:
            yield (*loc, "id"), Text(f"与密钥 {owner} 的相同", f"the same as that of key {owner}")
        if (key.psam_usage is None) != (key.psam_id is None):
            yield (
                loc,
                Text("psam_usage 与 psam_id 须同时给出", "psam_usage and psam_id belong together"),
            )


def _check_rewriting(structure: Structure) -> Iterator[Finding]:
    """Items that a later version rewrites must be there, and those that they follow."""
    for position, row in enumerate(structure.rewriting.items if structure.rewriting else ()):
        directory, _, name = row.file.partition(".")
        loc: Loc = ("rewriting", "items", position)
        known = structure.directories.get(directory)
        file = known.files.get(name) if known else None
        if file is None:
            yield (*loc, "file"), Text(f"没有文件 {row.file}", f"there is no file {row.file}")
            continue
        tags = {item.tag for item in file.items}
        for key, tag in (("tag", row.tag), ("follows", row.follows)):
            if tag is not None and tag not in tags:
                yield (
                    (*loc, key),
                    Text(f"{row.file} 中没有 {tag:02X}", f"{row.file} has no item {tag:02X}"),
                )


def _check_directory(structure: Structure, name: str, directory: Directory) -> Iterator[Finding]:
    loc: Loc = ("directories", name)
    if not 5 <= len(directory.name) <= 16:
        yield (*loc, "name"), Text("应为 5 至 16 字节", "5 to 16 bytes are expected")
    if directory.kind == "MF" and directory.parent is not None:
        yield (*loc, "parent"), Text("MF 没有上级目录", "the MF has no parent")
    elif directory.kind != "MF" and directory.parent is None:
        yield loc, Text("缺少 parent", "parent is missing")
    if directory.parent is not None and directory.parent not in structure.directories:
        yield _unknown((*loc, "parent"), directory.parent, structure.directories)
    short: dict[int, str] = {}
    for file_name in directory.files:
        if not re.fullmatch(r"[0-9A-F]{4}", file_name):
            yield (
                (*loc, "files", file_name),
                Text(
                    "文件名应为四位大写十六进制标识符",
                    "a file is named by its identifier, four capital hex digits",
                ),
            )
            continue
        owner = short.setdefault(int(file_name, 16) & 0x1F, file_name)
        if owner != file_name:
            yield (
                (*loc, "files", file_name),
                Text(f"短文件标识符与 {owner} 的相同", f"its short identifier is that of {owner}"),
            )


def _check_rules(
    structure: Structure, loc: Loc, holder: Directory | File | Item | Key
) -> Iterator[Finding]:
    of_tree = isinstance(holder, Directory | Key)
    for operation in OPERATIONS:
        rule: AccessRule | None = getattr(holder, operation, None)
        if rule is None:
            continue
        for name in rule.names:
            key = structure.keys.get(name)
            if key is None:
                yield _unknown((*loc, operation), name, structure.keys, "密钥", "key ")
                continue
            proving = ("external", "master") if of_tree else ("external",)
            if key.use not in (("mac",) if name == rule.mac else proving):
                yield (
                    (*loc, operation),
                    Text(
                        f"密钥 {name} 的用途是 {key.use}，不能用于此规则",
                        f"key {name} is for {key.use} and cannot stand in this rule",
                    ),
                )


def _check_file(loc: Loc, name: str, file: File) -> Iterator[Finding]:
    tags: dict[int, int] = {}
    for position, item in enumerate(file.items):
        item_loc = (*loc, "items", position)
        if file.tagged and item.tag is None:
            yield item_loc, Text("记录须有 tag", "a record with tag and length needs a tag")
        if file.structure in ("transparent", "cyclic") and item.tag is not None:
            yield (*item_loc, "tag"), Text(f"{file.structure} 文件没有 tag", "no tags in this file")
        if item.tag is not None and tags.setdefault(item.tag, position) != position:
            yield (*item_loc, "tag"), Text(f"{name} 中的 tag 重复", f"used twice in {name}")
        if item.tag is not None and item.length > 0xFF:
            yield (*item_loc, "length"), Text("记录最长 255 字节", "a record has at most 255 bytes")
    if file.structure == "fixed" and len({item.length for item in file.items}) != 1:
        yield (
            (*loc, "items"),
            Text("定长记录的长度须相同", "records of fixed length are of one length"),
        )
    if not file.headers and file.structure != "fixed":
        yield (*loc, "headers"), Text("只用于定长记录", "only for records of fixed length")
    if file.structure == "transparent" and len(file.items) > 1:
        yield (*loc, "items"), Text("透明文件只有一个数据项", "a transparent file holds one item")
    if file.structure == "cyclic" and [item.format for item in file.items] != ["record"]:
        yield (
            (*loc, "items"),
            Text(
                "循环文件只有一个 record 数据项，repeat 为记录数",
                "a cyclic file holds one item of format record; repeat counts its records",
            ),
        )


def _check_item(loc: Loc, item: Item, codes: Mapping[str, CodeTable]) -> Iterator[Finding]:
    yield from _check_codes(loc, item, codes)
    if item.source is not None and not _is_source(item.source):
        yield _unknown((*loc, "source"), item.source, COMPUTED_SOURCES)
    if unfit := list(_check_form(loc, item)):
        yield from unfit
    elif unsound := list(_check_parts(loc, item, codes)):
        yield from unsound
    elif item.example is not None:
        yield from _check_example((*loc, "example"), item, item.example)


def _check_codes(loc: Loc, item: Item, codes: Mapping[str, CodeTable]) -> Iterator[Finding]:
    if item.codes is not None and item.codes not in codes:
        yield _unknown((*loc, "codes"), item.codes, codes, "代码表", "code table ")
    for position, part in enumerate(item.split):
        if part.codes not in codes:
            place = (*loc, "split", position, "codes")
            yield _unknown(place, part.codes, codes, "代码表", "code table ")
    if not item.split:
        return
    total = sum(part.length for part in item.split)
    if item.codes is not None or item.format != "an" or total != item.length:
        yield (
            (*loc, "split"),
            Text(
                "只用于没有 codes 的 an 数据项，各部分共为其长度",
                "belongs to an items without codes, and its parts make up their length",
            ),
        )


def _check_form(loc: Loc, item: Item) -> Iterator[Finding]:
    """Format and length that the written form of an item asks for."""
    expected = _FORMS.get(item.text)
    if expected is not None and (item.format, item.length) != expected:
        yield (
            (*loc, "text"),
            Text(
                f"{item.text} 须为 {expected[0]}，{expected[1]} 字节",
                f"{item.text} is {expected[0]} of {expected[1]} bytes",
            ),
        )
    elif item.format not in _FORMATS.get(item.text, (item.format,)):
        formats = _FORMATS[item.text]
        yield (
            (*loc, "text"),
            Text(
                f"{item.text} 须为 {'、'.join(formats)}", f"{item.text} is {' or '.join(formats)}"
            ),
        )
    if item.align == "right" and item.format != "cn":
        yield (*loc, "align"), Text("只有 cn 可以右对齐", "only cn is aligned to the right")


_FORMS: dict[str, tuple[str, int]] = {
    "identification": ("cn", 16),
    "version": ("an", 4),
    **{form: ("cn", length) for form, length in CALENDAR_LENGTHS.items()},
}
_FORMATS = {"name": ("an",), "amount": ("cn", "b"), "number": ("an", "cn", "b")}


def _is_source(source: str) -> bool:
    return source in COMPUTED_SOURCES or bool(FIELD_CODE.fullmatch(source))


def _check_parts(loc: Loc, item: Item, codes: Mapping[str, CodeTable]) -> Iterator[Finding]:
    tagged, constructed = item.format == "btlv", item.format in ("btlv", "record")
    if constructed != bool(item.items):
        yield (
            loc,
            Text(
                "只有 btlv 和 record 有 items，且必须有",
                "btlv and record items have parts, and only they",
            ),
        )
        return
    names: dict[str, int] = {}
    for position, part in enumerate(item.items):
        part_loc = (*loc, "items", position)
        if (part.tag is not None) != tagged or part.items or part.repeat != 1:
            yield (
                part_loc,
                Text(
                    "btlv 的组成部分须有 tag，record 的没有；不得再分，不得重复",
                    "a part of btlv has a tag, one of record has none; it is not constructed "
                    "and does not repeat",
                ),
            )
        elif names.setdefault(part_name(part), position) != position:
            yield (*part_loc, "tag" if tagged else "zh"), Text("重复", "used twice")
        if part.read is not None or part.update is not None:
            yield part_loc, Text("组成部分没有自己的规则", "a part has no rules of its own")
        yield from _check_item(part_loc, part, codes)
    total = sum(part.length + 2 * tagged for part in item.items)
    if item.items and total != item.length:
        yield (
            (*loc, "length"),
            Text(f"各组成部分共 {total} 字节", f"its parts have {total} bytes together"),
        )


def _check_example(loc: Loc, item: Item, example: str) -> Iterator[Finding]:
    try:
        value = decode(item, encode(item, example))
    except InputError as error:
        yield loc, error.what
        return
    if value.text != example:
        yield loc, Text("读回的写法不同", "it reads back differently")


def check_region(region: Region) -> Iterator[Finding]:
    """Encoding and columns of the return file, range of the serials."""
    file = region.return_file
    try:
        codecs.lookup(file.encoding)
    except LookupError:
        yield ("return_file", "encoding"), Text("未知的编码", "unknown encoding")
    for position, (_, value) in enumerate(file.columns):
        if value not in RETURN_VALUES:
            yield _unknown(("return_file", "columns", position), value, RETURN_VALUES)
    first, last = region.identity.serial_first, region.identity.serial_last
    if not 0 <= first <= last <= 0xFFFFFFFF:
        yield (
            ("identity", "serial_last"),
            Text("流水号范围应在 00000000 至 FFFFFFFF", "serials run from 00000000 to FFFFFFFF"),
        )


def check_import(form: ImportFormat) -> Iterator[Finding]:
    """Separator and field codes of a holder file."""
    if len(form.separator) != 1:
        yield ("separator",), Text("应为一个字符", "one character is expected")
    owners: dict[str, str] = {}
    for header, code in form.columns.items():
        if not FIELD_CODE.fullmatch(code):
            yield ("columns", header), Text(f"{code!r} 不是字段代码", f"{code!r} is no field code")
        elif (owner := owners.setdefault(code, header)) != header:
            yield ("columns", header), Text(f"与 {owner} 列重复", f"the same field as {owner}")
    for position, code in enumerate(form.required):
        if code not in owners:
            yield _unknown(("required", position), code, owners, "列", "column ")


def _unknown(loc: Loc, name: str, known: Iterable[str], zh: str = "", en: str = "") -> Finding:
    names = sorted(known)
    if len(names) > _LISTED:
        near = ", ".join(difflib.get_close_matches(name, names, n=5)) or "-"
        return loc, Text(
            f"没有{zh} {name}；相近的有：{near}", f"there is no {en}{name}; similar ones: {near}"
        )
    listed = ", ".join(names) or "-"
    return loc, Text(f"没有{zh} {name}；已有：{listed}", f"there is no {en}{name}; known: {listed}")
