"""Directories of the manual with their files and items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sscard_ic.base.errors import Text
from sscard_ic.codec.tlv import Record
from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.manual.commands import reading, updating
from sscard_ic.profile.manual.page import Page, anchor, code, link, spaced
from sscard_ic.profile.manual.tree import name_text
from sscard_ic.profile.manual.words import (
    FORMATS,
    file_words,
    form_words,
    rule_steps,
    rule_words,
)
from sscard_ic.profile.structure import Directory, File, Item, Located
from sscard_ic.profile.values import encode


class FilesPart:
    """The files of one card; ``tables`` says on which page a code table stands if not on this."""

    def __init__(self, page: Page, profile: CardProfile, tables: Mapping[str, str]) -> None:
        self._page = page
        self._profile = profile
        self._tables = tables

    def directory(self, name: str) -> None:
        """One directory with all its files."""
        page, directory = self._page, self._profile.structure.directories[name]
        page.heading(2, f"{name} {page.name(directory)}", anchor(name))
        page.points(self._directory_points(name, directory))
        for file_name in directory.files:
            self._file(name, file_name)

    def _directory_points(self, name: str, directory: Directory) -> Iterator[str]:
        of = self._page.of
        text = name_text(directory.name)
        by_name = code(f"00 A4 04 00 {len(directory.name):02X} {directory.name.hex(' ').upper()}")
        by_name += f" ({text})" if text else ""
        by_fid = _select(directory.fid)
        yield of(Text(f"按名称选择：{by_name}", f"Select by name: {by_name}"))
        yield of(Text(f"按标识符选择：{by_fid}", f"Select by identifier: {by_fid}"))
        create, erase = Text("建立文件", "To create files"), Text("删除", "To delete")
        for head, rule in ((create, directory.create), (erase, directory.erase)):
            if rule is not None:
                yield self._rule_point(head, rule, name)
            elif master := self._master_key(name):
                yield f"**{of(head)}**: {master}"

    def _master_key(self, directory: str) -> str:
        """The control key of a directory, which its own rules leave in charge."""
        keys = self._profile.structure.keys_of(directory).items()
        return next((name for name, key in keys if key.use == "master"), "")

    def _rule_point(self, head: Text, rule: AccessRule, directory: str) -> str:
        of = self._page.of
        steps = rule_steps(self._profile.structure, rule, directory)
        return f"**{of(head)}**: {of(rule_words(rule))} — {of(steps)}"

    def _file(self, directory: str, name: str) -> None:
        page, path = self._page, f"{directory}.{name}"
        file = self._profile.structure.directories[directory].files[name]
        places = self._profile.places_of(directory, name)
        page.heading(3, f"{path} {page.name(file)}", anchor(path))
        page.points(self._file_points(file, directory, int(name, 16), places))
        page.table(_ITEM_HEADS, self._item_rows(places))

    def _file_points(
        self, file: File, directory: str, fid: int, places: tuple[Located, ...]
    ) -> Iterator[str]:
        of, words = self._page.of, file_words(file)
        size, count = sum(place.record_length for place in places), len(places)
        if file.structure == "transparent":
            yield of(Text(f"{words.zh}；{size} 字节", f"{words.en}; {size} bytes"))
        else:
            yield of(
                Text(
                    f"{words.zh}；{count} 条记录，{size} 字节",
                    f"{words.en}; {count} records, {size} bytes",
                )
            )
        yield of(Text(f"选择：{_select(fid)}", f"Select: {_select(fid)}"))
        sfi, features = fid & 0x1F, self._profile.dialect.features
        yield of(reading(file, sfi, features))
        yield self._rule_point(Text("读的条件", "To read"), file.read, directory)
        if file.update.kind not in ("never", "internal"):
            yield of(updating(file, sfi, features))
        yield self._rule_point(Text("写的条件", "To update"), file.update, directory)
        if file.append is not None:
            yield self._rule_point(Text("追加的条件", "To append"), file.append, directory)

    def _item_rows(self, places: tuple[Located, ...]) -> Iterator[list[str]]:
        for place in places:
            if place.occurrence > 1:
                continue
            item, tagged = place.item, place.file.tagged
            yield self._item_row(_numbers(place), item, place.record(self._example(item)))
            offset = 2 * tagged
            for part in item.items:
                offset += 2 * (part.tag is not None)
                value = self._example(part)
                raw = value if part.tag is None else bytes(Record(part.tag, value))
                yield self._item_row(f"↳ {offset}", part, raw)
                offset += part.length

    def _example(self, item: Item) -> bytes:
        return encode(item, item.example or "", self._profile.codes)

    def _item_row(self, number: str, item: Item, raw: bytes) -> list[str]:
        return [
            number,
            "" if item.tag is None else f"{item.tag:02X}",
            item.zh,
            item.en,
            FORMATS[item.format],
            str(item.length),
            self._values(item),
            code(item.example or ""),
            code(spaced(raw)) if item.example else "",
            "; ".join(self._remarks(item)),
        ]

    def _values(self, item: Item) -> str:
        """What the values are: a code table, several, or a form."""
        if item.codes is not None:
            return self._table(item.codes)
        pieces, first = [], 1
        for piece in item.split:
            last = first + piece.length - 1
            span = str(first) if first == last else f"{first}–{last}"
            pieces.append(f"{span}: {self._table(piece.codes)}")
            first = last + 1
        return ", ".join(pieces) or self._page.of(form_words(item))

    def _table(self, name: str) -> str:
        return link(name, self._tables.get(name, ""))

    def _remarks(self, item: Item) -> Iterator[str]:
        of = self._page.of
        if item.read is not None:
            words = rule_words(item.read)
            yield of(Text(f"读：{words.zh}", f"read: {words.en}"))
        if item.update is not None:
            words = rule_words(item.update)
            yield of(Text(f"写：{words.zh}", f"update: {words.en}"))
        if item.source is not None and item.source.startswith("@"):
            yield of(Text("发卡时计算", "computed at issue"))
        elif item.source is not None:
            yield of(Text(f"持卡人字段 {item.source}", f"holder's field {item.source}"))
        if item.note is not None:
            yield item.note


def _select(fid: int) -> str:
    return code(f"00 A4 00 00 02 {fid.to_bytes(2, 'big').hex(' ').upper()}")


def _numbers(place: Located) -> str:
    """Record numbers of an item with all its repetitions; nothing in a transparent file."""
    if not place.number:
        return ""
    last = place.number + place.item.repeat - 1
    return str(place.number) if last == place.number else f"{place.number}–{last}"


_ITEM_HEADS = (
    Text("记录", "Record"),
    Text("标签", "Tag"),
    Text("数据项", "中文"),
    Text("English", "Item"),
    Text("格式", "Format"),
    Text("字节", "Bytes"),
    Text("值", "Values"),
    Text("示例", "Example"),
    Text("卡内字节", "On the card"),
    Text("备注", "Remarks"),
)
