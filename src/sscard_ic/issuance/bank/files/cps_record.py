"""The machine-independent record of EMV CPS, a record for each card (ref 04 §7.10 a, 15 §4)."""

from __future__ import annotations

from collections.abc import Iterator

from sscard_ic.base.errors import Text
from sscard_ic.issuance.bank.files.cursor import Cursor
from sscard_ic.issuance.bank.files.raw import RawApplication
from sscard_ic.profile.bank_data import BankData

VERSION = b"02.1"
_LENGTH = 2
_STATUS = 2
_ACTION, _REQUIRED, _DATA = 0x0F, 0x01, 0xEF
_LISTS = ("ORDER", "VERCNTL", "ENC", "RANDOM", "GROUP")
_LEVELS = 2
"""Bytes of security level and of the order to update life-cycle data."""

_RECORD = Text("卡记录", "record of a card")
_HEADER = Text("记录头", "header of the record")
_APPLICATION = Text("应用", "application")
_IDENTITY = Text("应用标识（3a.1）", "identity of the application (3a.1)")
_STEPS = Text("处理步骤（3a.2）", "processing steps (3a.2)")
_LOG = Text("日志数据（3b）", "log data (3b)")
_GROUPS = Text("IC 数据（3c）", "ICC data (3c)")
_MAC = Text("MAC 数据（3d）", "MAC input (3d)")


class CpsReader:
    """Reader of such files."""

    def __init__(self, data: bytes, rules: BankData) -> None:
        self._file = Cursor(data)
        self._layout = rules.record

    def records(self) -> Iterator[Cursor]:
        """Version, length, the rest."""
        record = 0
        while self._file.left:
            record += 1
            self._file.record = record
            if not self._file.data.startswith(VERSION[: self._file.left], self._file.at):
                raise self._file.flaw("版本不是 02.1", "the version is not 02.1")
            self._file.take(len(VERSION), _RECORD)
            yield self._file.part(self._file.number(_LENGTH, _RECORD), _RECORD)

    def card(self, record: Cursor) -> list[RawApplication]:
        """The applications; as many, and of the same AIDs, as the header says."""
        aids = self._aids(record)
        found = [self._application(record, aid) for aid in aids]
        record.finish(Text(f"{len(aids)} 个应用", f"{len(aids)} applications"))
        return found

    def _aids(self, record: Cursor) -> list[bytes]:
        head = record.part(record.number(_LENGTH, _HEADER), _HEADER)
        head.take(head.number(1, _HEADER), _HEADER)  # reference number of the card
        head.take(_STATUS, _HEADER)
        if head.number(1, _HEADER):
            head.at -= 1
            raise head.flaw(
                "含有 PID 清单，其形式未公开", "there is a list of PIDs, whose form is not public"
            )
        count = head.number(1, _HEADER)
        aids = [head.take(head.number(1, _HEADER), _HEADER) for _ in range(count)]
        head.finish(_HEADER)
        return aids

    def _application(self, record: Cursor, listed: bytes) -> RawApplication:
        place = record.place
        part = record.part(record.number(_LENGTH, _APPLICATION), _APPLICATION)
        aid = self._identity(part)
        if aid != listed:
            raise Cursor(record.data, place.at, record=place.record).flaw(
                f"应用为 {aid.hex().upper()}，记录头写明 {listed.hex().upper()}",
                f"the application is {aid.hex().upper()}, the header says {listed.hex().upper()}",
            )
        self._steps(part)
        part.take(part.number(_LENGTH, _LOG), _LOG)
        data = part.part(part.number(_LENGTH, _GROUPS), _GROUPS)
        _expect(data, _DATA, _GROUPS)
        inner = data.part(data.ber_length(_GROUPS), _GROUPS)
        data.finish(_GROUPS)
        groups = inner.data_groups(self._layout.group_length)
        _expect(part, 0, _MAC)
        part.finish(_MAC)
        return RawApplication(groups, place, aid=aid)

    def _identity(self, part: Cursor) -> bytes:
        own = part.part(part.number(1, _IDENTITY), _IDENTITY)
        aid = own.take(own.number(1, _IDENTITY), _IDENTITY)
        own.take(own.number(1, _IDENTITY), _IDENTITY)  # data of the transport key
        own.finish(_IDENTITY)
        return aid

    def _steps(self, part: Cursor) -> None:
        whole = part.part(part.number(_LENGTH, _STEPS), _STEPS)
        whole.take(whole.number(1, _STEPS), _STEPS)  # owner
        steps = whole.part(whole.number(_LENGTH, _STEPS), _STEPS)
        whole.finish(_STEPS)
        while steps.left:
            step = steps.part(steps.number(1, _STEPS), _STEPS)
            for expected in (_ACTION, _REQUIRED, _DATA):
                _expect(step, expected, _STEPS)
            self._processing(step.part(step.number(_LENGTH, _STEPS), _STEPS))
            step.take(step.number(_LENGTH, _STEPS), _STEPS)  # pointer
            step.finish(_STEPS)

    def _processing(self, data: Cursor) -> None:
        for name in _LISTS:
            place = data.at
            size = data.number(_LENGTH, _STEPS)
            data.take(size, _STEPS)
            if size and self._layout.processing == "empty":
                raise Cursor(data.data, place, record=data.record).flaw(
                    f'处理步骤含有 {name} 清单，其形式未公开；可设 record.processing = "unread"',
                    f"the processing steps have a list {name}, whose form is not public; "
                    'record.processing = "unread" passes it over',
                )
        data.take(_LEVELS, _STEPS)
        data.finish(_STEPS)


def _expect(cursor: Cursor, value: int, what: Text) -> None:
    """Take one byte; refuse another than ``value``."""
    place = cursor.at
    found = cursor.number(1, what)
    if found != value:
        cursor.at = place
        raise cursor.flaw(
            f"{what.zh}：应为 {value:02X}，实为 {found:02X}",
            f"{what.en}: {value:02X} is expected, {found:02X} stands there",
        )
