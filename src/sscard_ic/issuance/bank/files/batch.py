"""Files of a header and of records of modules (深圳华信; ref 04 §7.10 b).

MACs and the hash of the header are not checked: their keys come under the transport key, and what
they cover is not known.
"""

from __future__ import annotations

from collections.abc import Iterator

from sscard_ic.base.errors import Text
from sscard_ic.issuance.bank.files.cursor import Cursor
from sscard_ic.issuance.bank.files.raw import RawApplication
from sscard_ic.profile.bank_data import BankData

BEFORE_COUNT = 212
"""File, version, MAC key, hash, key, MAC, batch, time, mark: 10, 4, 12, 20, 16, 4, 4, 14, 128."""
COUNT, RECORD_LENGTH, IDENTIFIER, DIGITS = 4, 4, 7, 7
_TRANSPORT_KEY, _ALGORITHM, _LENGTH = 12, 1, 2

_HEADER = Text("文件头", "header of the file")
_CARD = Text("卡记录", "record of a card")
_MODULE = Text("模块", "module")
_APPLICATION = Text("应用", "application")
_LOG = Text("日志数据", "log data")
_GROUPS = Text("IC 数据", "IC data")
_MAC = Text("MAC", "MAC")


class BatchReader:
    """Reader of such files."""

    def __init__(self, data: bytes, rules: BankData) -> None:
        self._file = Cursor(data)
        self._layout = rules.batch

    def records(self) -> Iterator[Cursor]:
        """As many as the header says."""
        file, order = self._file, self._layout.byte_order
        file.take(BEFORE_COUNT, _HEADER)
        count = file.number(COUNT, _HEADER, order)
        for record in range(1, count + 1):
            if not file.left:
                raise file.flaw(
                    f"文件头写明 {count} 条记录，实有 {record - 1}",
                    f"the header says {count} records, there are {record - 1}",
                )
            file.record = record
            yield file.part(file.number(RECORD_LENGTH, _CARD, order), _CARD)
        file.record = 0
        file.finish(Text(f"{count} 条记录", f"{count} records"))

    def card(self, record: Cursor) -> list[RawApplication]:
        """The applications in the module of the chip, which is the second one."""
        self._module(record, IDENTIFIER, DIGITS)
        module = self._module(record, self._layout.chip_identifier, self._layout.chip_digits)
        while record.left:
            self._module(record, IDENTIFIER, DIGITS)
        count = module.number(1, _APPLICATION)
        found = [self._application(module) for _ in range(count)]
        module.finish(Text(f"{count} 个应用", f"{count} applications"))
        return found

    def _module(self, record: Cursor, identifier: int, digits: int) -> Cursor:
        record.take(identifier, _MODULE)
        return record.part(record.digits(digits, _MODULE), _MODULE)

    def _application(self, module: Cursor) -> RawApplication:
        place, order = module.place, self._layout.byte_order
        part = module.part(module.number(_LENGTH, _APPLICATION, order), _APPLICATION)
        aid = part.take(part.number(1, _APPLICATION), _APPLICATION)
        part.take(_TRANSPORT_KEY + _ALGORITHM, _APPLICATION)
        part.take(part.number(_LENGTH, _LOG, order), _LOG)
        data = part.part(part.number(_LENGTH, _GROUPS, order), _GROUPS)
        groups = data.data_groups(self._layout.group_length)
        part.take(part.number(1, _MAC), _MAC)
        part.finish(_MAC)
        return RawApplication(groups, place, aid=aid)
