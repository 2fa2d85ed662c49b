"""Files of modules 000PRN, 000MAG and 000EMV (华腾; ref 04 §7.10 b)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from sscard_ic.base.errors import Text
from sscard_ic.issuance.bank.files.cursor import Cursor
from sscard_ic.issuance.bank.files.raw import Flaw, RawApplication
from sscard_ic.profile.bank_data import BankData

CHIP = b"000EMV"
OTHERS = (b"000PRN", b"000MAG")
"""Embossing and magnetic stripe: nothing for the chip."""
HEAD = 15
"""Bytes of sequence, mark and type of a record."""
_LENGTH, _LIST_LENGTH, _IDENTIFIER = 4, 2, 6

_CARD = Text("卡记录", "record of a card")
_MODULE = Text("模块", "module")
_APPLICATION = Text("应用", "application")
_LIST = Text("分组清单", "list of groups")


class ModuleReader:
    """Reader of such files."""

    def __init__(self, data: bytes, rules: BankData) -> None:
        self._file = Cursor(data)
        self._layout = rules.modules

    def records(self) -> Iterator[Cursor]:
        """Sequence, mark, type, length, modules."""
        record = 0
        while self._file.left:
            record += 1
            self._file.record = record
            self._file.take(HEAD, _CARD)
            yield self._file.part(self._number(self._file, _LENGTH, _CARD), _CARD)

    def card(self, record: Cursor) -> list[RawApplication]:
        """The applications in the module of the chip; one must be there."""
        start = record.place
        applications: list[RawApplication] | None = None
        while record.left:
            place = record.place
            name = record.take(_IDENTIFIER, _MODULE)
            module = record.part(self._number(record, _LENGTH, _MODULE), _MODULE)
            if name == CHIP and applications is None:
                count = module.number(1, _APPLICATION)
                applications = [self._application(module) for _ in range(count)]
                module.finish(Text(f"{count} 个应用", f"{count} applications"))
            elif name not in OTHERS:
                raise Flaw(place, Text("模块未知或重复", "the module is unknown or stands twice"))
        if applications is None:
            raise Flaw(start, Text("没有模块 000EMV", "there is no module 000EMV"))
        return applications

    def _application(self, module: Cursor) -> RawApplication:
        place = module.place
        aid = module.take(module.number(1, _APPLICATION), _APPLICATION)
        part = module.part(self._number(module, _LENGTH, _APPLICATION), _APPLICATION)
        listed, enciphered, _ = (self._list(part) for _ in range(3))
        groups = part.data_groups(self._layout.group_length)
        there = Counter(group.number for group in groups)
        odd = sorted(
            (Counter(listed) - there)
            + (there - Counter(listed))
            + Counter(set(enciphered) - set(listed))
        )
        if odd:
            names = ", ".join(f"{number:04X}" for number in odd)
            raise Flaw(
                place,
                Text(
                    f"分组清单与分组不符：{names}",
                    f"the lists of groups and the groups do not agree: {names}",
                ),
            )
        marked = [replace(group, enciphered=group.number in enciphered) for group in groups]
        return RawApplication(marked, place, aid=aid)

    def _list(self, part: Cursor) -> list[int]:
        """Numbers of groups."""
        place = part.place
        size = self._number(part, _LIST_LENGTH, _LIST)
        size *= 2 if self._layout.list_unit == "groups" else 1
        if size % 2:
            raise Flaw(place, Text("分组清单长度为奇数", "the length of a list of groups is odd"))
        entries = part.part(size, _LIST)
        return [entries.number(2, _LIST) for _ in range(size // 2)]

    def _number(self, cursor: Cursor, count: int, what: Text) -> int:
        return cursor.number(count, what, self._layout.byte_order)
