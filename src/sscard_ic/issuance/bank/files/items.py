"""Files of a list of names and of items by these names (银联数据, 中信; ref 04 §7.10 b)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sscard_ic.base.errors import Text
from sscard_ic.issuance.bank.files.cursor import Cursor
from sscard_ic.issuance.bank.files.raw import RawApplication, RawGroup
from sscard_ic.profile.bank_data import BankData
from sscard_ic.profile.financial import Instance

_ITEM = 0x86
_COUNT, _NAME_LENGTH, _SEQUENCE, _RECORD_LENGTH, _HEADER_LENGTH = 4, 2, 4, 2, 8
_NUMBERED = re.compile(r"DGI([0-9A-Fa-f]{4})")

_HEADER = Text("文件头", "header of the file")
_NAMES = Text("分组名称表", "list of names")
_CARD = Text("卡记录", "record of a card")
_LENGTH = Text("数据项长度", "length of an item")
_ITEMS = Text("数据项", "item")


class ItemReader:
    """Reader of such files."""

    def __init__(self, data: bytes, rules: BankData) -> None:
        self._file = Cursor(data)
        self._rules = rules
        self._layout = rules.items
        self._names: list[str] = []

    def records(self) -> Iterator[Cursor]:
        """Header and names are read first; then for each card sequence, length, items."""
        self._read_header()
        self._names = list(self._read_names())
        order, record = self._layout.byte_order, 0
        while self._file.left:
            record += 1
            self._file.record = record
            self._file.take(_SEQUENCE, _CARD)
            size = self._file.number(_RECORD_LENGTH, _CARD, order)
            yield self._file.part(size, _CARD)

    def card(self, record: Cursor) -> list[RawApplication]:
        """One item for each name; the name says whose group it is."""
        place = record.place
        groups: dict[Instance, list[RawGroup]] = {}
        for name in self._names:
            group = self._item(record, name)
            if group is not None:
                instance = self._rules.applications.get(name, "payment")
                groups.setdefault(instance, []).append(group)
        record.finish(Text(f"{len(self._names)} 个数据项", f"{len(self._names)} items"))
        return [RawApplication(found, place, instance) for instance, found in groups.items()]

    def _read_header(self) -> None:
        layout, file = self._layout, self._file
        magic = layout.magic.encode("ascii")
        rest = layout.header - len(magic)
        if file.take(len(magic), _HEADER) != magic:
            raise Cursor(file.data).flaw(
                f"文件不以 {layout.magic} 开头", f"the file does not begin with {layout.magic}"
            )
        if layout.header_length == "unread":
            file.take(rest, _HEADER)
            return
        file.take(rest - _HEADER_LENGTH, _HEADER)
        place = file.place
        told = file.number(_HEADER_LENGTH, _HEADER, layout.byte_order)
        found = len(file.data) if layout.header_length == "file" else file.left
        if told != found:
            raise Cursor(file.data, place.at).flaw(
                f"文件头写明 {told} 字节，实有 {found}",
                f"the header says {told} bytes, there are {found}",
            )

    def _read_names(self) -> Iterator[str]:
        file, order = self._file, self._layout.byte_order
        count = file.number(_COUNT, _NAMES, order)
        if not count:
            raise file.flaw("分组名称表为空", "the list of names is empty")
        seen: set[str] = set()
        for _ in range(count):
            start = file.place
            raw = file.take(file.number(_NAME_LENGTH, _NAMES, order), _NAMES)
            try:
                name = raw.decode(self._rules.encoding)
            except UnicodeDecodeError:
                name = ""
            if not name.isprintable() or not name or name in seen:
                raise Cursor(file.data, start.at).flaw(
                    "分组名称无法辨认或重复", "a name is unreadable or stands twice"
                )
            seen.add(name)
            yield name

    def _item(self, record: Cursor, name: str) -> RawGroup | None:
        """One item; None for what does not go on a card, which is not looked into."""
        record.group = name.removeprefix("DGI")
        if record.number(1, _ITEMS) != _ITEM:
            record.at -= 1
            raise record.flaw(
                f"数据项不以 {_ITEM:02X} 开头", f"the item does not begin with {_ITEM:02X}"
            )
        item = record.part(record.ber_length(_LENGTH), _ITEMS)
        record.group = ""
        if self._rules.dropped(name, name.removeprefix("DGI")):
            return None
        group = item.data_group(self._layout.group_length, name)
        item.group = group.place.group
        item.finish(Text("数据分组", "data group"))
        told = _NUMBERED.fullmatch(name)
        if told and self._layout.names == "binding" and int(told[1], 16) != group.number:
            raise Cursor(record.data, group.place.at, record=record.record).flaw(
                f"{name} 一项的分组编号为 {group.number:04X}",
                f"the item {name} holds the group {group.number:04X}",
            )
        return group
