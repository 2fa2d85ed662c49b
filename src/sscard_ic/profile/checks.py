"""What must hold between the parts of a profile; types alone cannot say it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping

from sscard_ic.base.errors import InputError, Text
from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.codes import CodeTable
from sscard_ic.profile.imports import ImportFormat
from sscard_ic.profile.positions import Key as Loc
from sscard_ic.profile.region import Region
from sscard_ic.profile.structure import Directory, File, Item, Structure
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


def check_structure(structure: Structure, codes: Mapping[str, CodeTable]) -> Iterator[Finding]:
    """Dangling references, duplicates and impossible lengths of a card structure."""
    if structure.pin_directory not in structure.directories:
        yield _unknown(("pin_directory",), structure.pin_directory, structure.directories)
    yield from _check_keys(structure)
    names: dict[tuple[str | None, object], str] = {}
    for name, directory in structure.directories.items():
        loc: Loc = ("directories", name)
        yield from _check_directory(structure, name, directory)
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
    for name, key in structure.keys.items():
        loc: Loc = ("keys", name)
        if key.directory not in structure.directories:
            yield _unknown((*loc, "directory"), key.directory, structure.directories)
        owner = seen.setdefault((key.directory, key.use, key.id), name)
        if owner != name:
            yield (*loc, "id"), Text(f"与密钥 {owner} 的相同", f"the same as that of key {owner}")
        if (key.psam_usage is None) != (key.psam_id is None):
            yield (
                loc,
                Text("psam_usage 与 psam_id 须同时给出", "psam_usage and psam_id belong together"),
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


def _check_rules(structure: Structure, loc: Loc, holder: File | Item) -> Iterator[Finding]:
    for operation in ("read", "update"):
        rule: AccessRule | None = getattr(holder, operation)
        if rule is None:
            continue
        for name in rule.names:
            key = structure.keys.get(name)
            if key is None:
                yield _unknown((*loc, operation), name, structure.keys, "密钥", "key ")
            elif key.use != ("mac" if name == rule.mac else "external"):
                yield (
                    (*loc, operation),
                    Text(
                        f"密钥 {name} 的用途是 {key.use}，不能用于此规则",
                        f"key {name} is for {key.use} and cannot stand in this rule",
                    ),
                )


def _check_file(loc: Loc, name: str, file: File) -> Iterator[Finding]:
    tagged = file.structure == "variable"
    tags: dict[int, int] = {}
    for position, item in enumerate(file.items):
        item_loc = (*loc, "items", position)
        if tagged and item.tag is None:
            yield item_loc, Text("变长记录须有 tag", "a record of variable length needs a tag")
        if not tagged and file.structure != "fixed" and item.tag is not None:
            yield (*item_loc, "tag"), Text(f"{file.structure} 文件没有 tag", "no tags in this file")
        if item.tag is not None and tags.setdefault(item.tag, position) != position:
            yield (*item_loc, "tag"), Text(f"{name} 中的 tag 重复", f"used twice in {name}")
        if item.tag is not None and item.length > 0xFF:
            yield (*item_loc, "length"), Text("记录最长 255 字节", "a record has at most 255 bytes")
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
    if item.codes is not None and item.codes not in codes:
        yield _unknown((*loc, "codes"), item.codes, codes, "代码表", "code table ")
    if item.source is not None and not _is_source(item.source):
        yield _unknown((*loc, "source"), item.source, COMPUTED_SOURCES)
    expected = _FORMS.get(item.text)
    if expected is not None and (item.format, item.length) != expected:
        yield (
            (*loc, "text"),
            Text(
                f"{item.text} 须为 {expected[0]}，{expected[1]} 字节",
                f"{item.text} is {expected[0]} of {expected[1]} bytes",
            ),
        )
    elif sound := list(_check_parts(loc, item, codes)):
        yield from sound
    elif item.example is not None:
        yield from _check_example((*loc, "example"), item, item.example)


_FORMS = {"date": ("cn", 4), "identification": ("cn", 16), "version": ("an", 4)}


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
    names = ", ".join(sorted(known)) or "-"
    return loc, Text(f"没有{zh} {name}；已有：{names}", f"there is no {en}{name}; known: {names}")
