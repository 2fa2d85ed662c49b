"""Reads items with the fewest exchanges that a card allows, and learns from refusals."""

from __future__ import annotations

from collections.abc import Sequence

from sscard_ic.apdu import Response, iso
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import CardError, Text
from sscard_ic.card.channel import Channel, Refused
from sscard_ic.card.habits import Habits
from sscard_ic.codec.tlv import Record, TlvError, iter_records
from sscard_ic.profile import Located

_CLOSED = frozenset({0x6982, 0x6983})
_NOT_OFFERED = frozenset({0x6700, 0x6981, 0x6986, 0x6A81, 0x6A82, 0x6A86, 0x6B00, 0x6D00, 0x6E00})
"""Statuses that say of a way of reading that the card does not know it."""

_RECORD_NOT_FOUND = 0x6A83
_BLOCK = 256


class FileReader:
    """Reads the files of the directory that is selected.

    A way of reading that the card refuses for another reason than its access rules is not tried
    again on cards of this type. Order: all records by SFI, single records by SFI, then the same
    two after a SELECT.
    """

    def __init__(self, channel: Channel, habits: Habits) -> None:
        self._channel = channel
        self._habits = habits

    def select(self, located: Located) -> None:
        """Make the file of ``located`` the current one."""
        what = Text(f"选择文件 {located.file_name}", f"select file {located.file_name}")
        self._channel.send(iso.select_fid(located.fid, 0x02), what)

    def probe(self, located: Located) -> StatusWord:
        """The status of reading a little of an item, whatever it is."""
        self.select(located)
        if located.file.structure == "transparent":
            return self._channel.ask(iso.read_binary(0, 1)).sw
        return self._ask_record(located, 0).sw

    def read_transparent(self, located: Located) -> bytes:
        """The whole of a transparent file, block by block."""
        self.select(located)
        length, data = located.item.length, b""
        while len(data) < length:
            wanted = min(_BLOCK, length - len(data))
            block = self._channel.send(iso.read_binary(len(data), wanted), _what(located)).data
            if not block:
                break
            data += block
        return data

    def read_records(self, wanted: Sequence[Located], total: int = 0) -> dict[str, bytes]:
        """Values by path of items of one record file.

        ``total`` is the length of all its records together, or 0 where one of them is closed and
        "all records" would be refused. Raises :class:`Refused` when the card keeps one closed.
        """
        if self._habits.sfi is not False and (values := self._by_sfi(wanted, total)) is not None:
            return values
        self.select(wanted[0])
        if self._may_read_all(wanted, total):
            if (values := self._read_all(wanted, total, 0)) is not None:
                self._habits.all_records = True
                return values
            self._habits.all_records = False
        return self._read_each(wanted, 0)

    def _by_sfi(self, wanted: Sequence[Located], total: int) -> dict[str, bytes] | None:
        """The values, or None (and learned) when the card does not know short identifiers."""
        habits, sfi = self._habits, wanted[0].sfi
        if self._may_read_all(wanted, total):
            if (values := self._read_all(wanted, total, sfi)) is not None:
                habits.sfi = habits.all_records = True
                return values
            if habits.sfi:
                habits.all_records = False
        first = self._ask_record(wanted[0], sfi)
        if first.sw in _NOT_OFFERED:
            # Also a card unlike the others of its type: it is read in the way that always works.
            habits.sfi = False
            return None
        if habits.sfi is None:
            habits.sfi = True
            if self._may_read_all(wanted, total):
                habits.all_records = False
        return self._value(wanted[0], first) | self._read_each(wanted[1:], sfi)

    def _may_read_all(self, wanted: Sequence[Located], total: int) -> bool:
        return self._habits.all_records is not False and len(wanted) > 1 and 0 < total <= _BLOCK

    def _read_all(self, wanted: Sequence[Located], total: int, sfi: int) -> dict[str, bytes] | None:
        """All records in one exchange; None when the card does not offer that."""
        response = self._channel.ask(iso.read_all_records(1, total, sfi))
        if response.sw in _NOT_OFFERED:
            return None
        if not response.sw.ok:
            raise Refused(_what(wanted[0]), response.sw)
        records = _records(wanted[0], response.data)
        return {
            located.path: records[located.number - 1].value
            for located in wanted
            if located.number <= len(records)
        }

    def _read_each(self, wanted: Sequence[Located], sfi: int) -> dict[str, bytes]:
        values: dict[str, bytes] = {}
        for located in wanted:
            values |= self._value(located, self._ask_record(located, sfi))
        return values

    def _ask_record(self, located: Located, sfi: int) -> Response:
        command = iso.read_record(located.number, located.item.length + 2, sfi)
        return self._channel.ask(command)

    def _value(self, located: Located, response: Response) -> dict[str, bytes]:
        """The value of one answered record; a record that the card does not have is left out."""
        if response.sw == _RECORD_NOT_FOUND:
            return {}
        if not response.sw.ok:
            raise Refused(_what(located), response.sw)
        return {located.path: _records(located, response.data)[0].value}


def _records(located: Located, data: bytes) -> list[Record]:
    try:
        records = list(iter_records(data))
    except TlvError as error:
        raise CardError(
            Text(f"记录格式错误：{error}", f"malformed records: {error}"), where=located.path
        ) from None
    if not records:
        raise CardError(Text("记录为空", "the record is empty"), where=located.path)
    return records


def _what(located: Located) -> Text:
    return Text(
        f"读取 {located.path}（{located.item.zh}）", f"read {located.path} {located.item.en}"
    )
