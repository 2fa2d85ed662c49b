"""Reads items with the fewest exchanges that a card allows, and learns from refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sscard_ic.apdu import Response, iso
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import CardError, Text
from sscard_ic.card.channel import Channel, Refused
from sscard_ic.card.habits import Habits
from sscard_ic.codec.tlv import Record, TlvError, parse_record
from sscard_ic.profile import AccessRule, Located

_NOT_OFFERED = frozenset({0x6700, 0x6981, 0x6986, 0x6A81, 0x6A82, 0x6A86, 0x6B00, 0x6D00, 0x6E00})
"""Statuses that say of a way of reading that the card does not know it."""

FILE_NOT_FOUND, RECORD_NOT_FOUND, _END_OF_FILE = 0x6A82, 0x6A83, 0x6B00
_BLOCK = 256
_FIRST = 255
"""Bytes before the last offset that a command with a short identifier can name."""


@dataclass(slots=True)
class Reading:
    """What was read: raw values by item path, and the rules that kept others closed."""

    values: dict[str, bytes] = field(default_factory=dict, repr=False)
    closed: dict[str, AccessRule] = field(default_factory=dict)
    lacking: dict[str, Text] = field(default_factory=dict)
    """The keys that would have opened some of them, and why the key service cannot use them."""


class FileReader:
    """Reads the files of the directory that is selected.

    A way of reading that the card refuses for another reason than its access rules is not tried
    again on cards of this type. Order: all records by SFI, single records by SFI, then the same
    two after a SELECT.
    """

    def __init__(self, channel: Channel, habits: Habits) -> None:
        self._channel = channel
        self._habits = habits
        self._longest = 0
        """Bytes of the longest answer that this card gave: it may have less room than 256."""
        self.elsewhere: dict[str, int] = {}
        """Paths that this card has in another record than the profile says (ref 01 §4.5, tag 60),
        and the number of that record; 0 where only its tag finds it."""

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
        """The whole of a transparent file, block by block.

        A short identifier saves the SELECT where it reaches all of the file: whether it makes the
        file the current one, too, is left to the card.
        """
        length, data, habits = located.item.length, b"", self._habits
        by_sfi = habits.sfi and habits.binary_sfi is not False and length < _FIRST + _BLOCK
        if by_sfi and (whole := self._read_binary_by_sfi(located)) is not None:
            habits.binary_sfi = True
            return whole
        self.select(located)
        if by_sfi:
            habits.binary_sfi = False
        while len(data) < length:
            wanted = min(_BLOCK, length - len(data))
            response = self._channel.ask(iso.read_binary(len(data), wanted))
            if data and response.sw == _END_OF_FILE:
                break  # shorter than the profile says
            if not response.sw.ok:
                raise Refused(_what(located), response.sw)
            if not response.data:
                break
            data += response.data
            self._longest = max(self._longest, len(response.data))
        return data

    def _read_binary_by_sfi(self, located: Located) -> bytes | None:
        """Two blocks at most; None where the card does not offer it, or has not the file."""
        length, data = located.item.length, b""
        for offset, most in ((0, _FIRST), (_FIRST, _BLOCK)):
            size = min(most, length - offset)
            response = self._channel.ask(iso.read_binary(offset, size, located.sfi))
            if response.sw in _NOT_OFFERED and not data and not self._habits.binary_sfi:
                return None
            if data and response.sw == _END_OF_FILE:
                break
            if not response.sw.ok:
                raise Refused(_what(located), response.sw)
            data += response.data
            if len(data) != offset + size or len(data) == length:
                break
        return data

    def read_records(
        self, wanted: Sequence[Located], whole: Sequence[Located] = ()
    ) -> dict[str, bytes]:
        """Values by path of items of one record file, in card order.

        ``whole`` are all items of the file, or none where one of them is closed and "all records"
        would be refused. Items that the card does not have are left out: the records of a log
        that were never written, or a record with another tag than the profile says. Raises
        :class:`Refused` when the card keeps one closed, or has no such file.
        """
        wanted = sorted(wanted, key=lambda located: located.number)
        if self._habits.sfi is not False and (values := self._by_sfi(wanted, whole)) is not None:
            return values
        self.select(wanted[0])
        # The file is there, so that it was the short identifier; also on a card unlike the others
        # of its type: it is read in the way that always works.
        self._habits.sfi = False
        if self._may_read_all(wanted, whole):
            if (values := self._read_all(wanted, whole, 0)) is not None:
                self._habits.all_records = bool(values) or None
                return values
            self._habits.all_records = False
        return self._read_each(wanted, 0)

    def _by_sfi(
        self, wanted: Sequence[Located], whole: Sequence[Located]
    ) -> dict[str, bytes] | None:
        """The values, or None when the card does not know short identifiers, or not the file."""
        habits, sfi = self._habits, wanted[0].sfi
        if self._may_read_all(wanted, whole):
            if (values := self._read_all(wanted, whole, sfi)) is not None:
                if values:
                    habits.sfi = habits.all_records = True
                return values
            if habits.sfi:
                habits.all_records = False
        first = self._ask_record(wanted[0], sfi)
        if first.sw == FILE_NOT_FOUND and habits.sfi:
            raise Refused(_what(wanted[0]), first.sw)
        if first.sw in _NOT_OFFERED:
            return None
        if habits.sfi is None:
            habits.sfi = True
            if self._may_read_all(wanted, whole):
                habits.all_records = False
        if first.sw == RECORD_NOT_FOUND and wanted[0].file.structure == "cyclic":
            return {}
        return self._value(wanted[0], first, sfi) | self._read_each(wanted[1:], sfi)

    def _may_read_all(self, wanted: Sequence[Located], whole: Sequence[Located]) -> bool:
        """Whether "all records" takes fewer exchanges than single ones."""
        if self._habits.all_records is False or not whole:
            return False
        exchanges = room = 0
        for located in whole[wanted[0].number - 1 : wanted[-1].number]:
            if room < located.record_length:
                exchanges, room = exchanges + 1, _BLOCK
            room -= located.record_length
        return exchanges < len(wanted)

    def _read_all(
        self, wanted: Sequence[Located], whole: Sequence[Located], sfi: int
    ) -> dict[str, bytes] | None:
        """Many records an exchange; None when the card does not offer that."""
        records: dict[int, bytes] = {}
        number, last = wanted[0].number, wanted[-1].number
        while number <= last:
            rest = whole[number - 1 :]
            total = sum(located.record_length for located in rest)
            # How many records a log holds is not known; a longer file gives its first 256 bytes.
            exact = total <= _BLOCK and rest[0].file.structure != "cyclic"
            command = iso.read_all_records(number, total if exact else iso.READ_ALL, sfi)
            response = self._channel.ask(command)
            if response.sw == FILE_NOT_FOUND and self._habits.all_records:
                raise Refused(_what(wanted[0]), response.sw)
            if response.sw in _NOT_OFFERED:
                return None
            if response.sw == RECORD_NOT_FOUND:
                break
            if not response.sw.ok:
                raise Refused(_what(wanted[0]), response.sw)
            found = _records(rest, response.data)
            if not found:
                break
            records |= dict(enumerate(found, number))
            number += len(found)
            log = rest[0].file.structure == "cyclic"
            if log and len(response.data) + rest[0].record_length <= self._longest:
                break  # there was room for one more record
            self._longest = max(self._longest, len(response.data))
        return self._by_path(wanted, whole, records)

    def _read_each(self, wanted: Sequence[Located], sfi: int) -> dict[str, bytes]:
        values: dict[str, bytes] = {}
        for located in wanted:
            response = self._ask_record(located, sfi)
            if response.sw == RECORD_NOT_FOUND and located.file.structure == "cyclic":
                break
            values |= self._value(located, response, sfi)
        return values

    def _ask_record(self, located: Located, sfi: int) -> Response:
        return self._channel.ask(iso.read_record(located.number, located.record_length, sfi))

    def _value(self, located: Located, response: Response, sfi: int) -> dict[str, bytes]:
        """The value of one answered record; a record that the card does not have is left out."""
        missing = response.sw == RECORD_NOT_FOUND
        if not missing and not response.sw.ok:
            raise Refused(_what(located), response.sw)
        if not located.file.tagged:
            return {} if missing else {located.path: response.data}
        record = None if missing else _record(located, response.data)
        if record is not None and record.tag == located.item.tag:
            return {located.path: record.value}
        return self._by_tag(located, sfi) if located.occurrence == 1 else {}

    def _by_tag(self, located: Located, sfi: int) -> dict[str, bytes]:
        """The record that stands elsewhere than the profile says (ref 01 §4.5, tag 60)."""
        assert located.item.tag is not None, "only records with tags are compared"
        command = iso.read_record_by_tag(located.item.tag, located.record_length, sfi)
        response = self._channel.ask(command)
        if not response.sw.ok:
            return {}
        record = _record(located, response.data)
        if record.tag != located.item.tag:
            return {}
        self.elsewhere[located.path] = 0
        return {located.path: record.value}

    def _by_path(
        self, wanted: Sequence[Located], whole: Sequence[Located], records: dict[int, bytes]
    ) -> dict[str, bytes]:
        """Values by path of records by number; those with tags are told apart by them."""
        if not whole[0].file.tagged:
            return {at.path: records[at.number] for at in wanted if at.number in records}
        seen: dict[tuple[int, int], tuple[int, bytes]] = {}
        counts: dict[int, int] = {}
        for located in whole[: min(records, default=1) - 1]:
            assert located.item.tag is not None
            counts[located.item.tag] = counts.get(located.item.tag, 0) + 1
        for number in sorted(records):
            record = _record(wanted[0], records[number])
            counts[record.tag] = counts.get(record.tag, 0) + 1
            seen[record.tag, counts[record.tag]] = number, record.value
        values = {}
        for at in wanted:
            assert at.item.tag is not None, "the loader refuses tagged files without tags"
            if (at.item.tag, at.occurrence) in seen:
                number, values[at.path] = seen[at.item.tag, at.occurrence]
                if number != at.number:
                    self.elsewhere[at.path] = number
        return values


def _records(expected: Sequence[Located], data: bytes) -> list[bytes]:
    """The whole records that "all records" gave; the last one may be cut at 256 bytes."""
    first = expected[0]
    if not first.file.tagged:
        length = first.record_length
        if len(data) % length and len(data) < _BLOCK:
            raise _malformed(first, Text("长度不符", "wrong length"))
        return [data[at : at + length] for at in range(0, len(data) - length + 1, length)]
    found: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 2 + (data[at + 1] if at + 1 < len(data) else 0)
        if end > len(data):
            break
        found.append(data[at:end])
        at = end
    if at < len(data) and (len(data) < _BLOCK or not found):
        raise _malformed(first, Text("记录被截断", "a record is cut"))
    return found


def _record(located: Located, data: bytes) -> Record:
    try:
        return parse_record(data)
    except TlvError as error:
        raise _malformed(located, Text(str(error), str(error))) from None


def _malformed(located: Located, why: Text) -> CardError:
    return CardError(
        Text(f"记录格式错误：{why.zh}", f"malformed records: {why.en}"), where=located.path
    )


def _what(located: Located) -> Text:
    return Text(
        f"读取 {located.path}（{located.item.zh}）", f"read {located.path} {located.item.en}"
    )
