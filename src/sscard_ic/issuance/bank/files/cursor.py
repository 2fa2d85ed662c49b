"""Reading bytes one behind the other, with errors that say where."""

from __future__ import annotations

from sscard_ic.base.errors import Text
from sscard_ic.issuance.bank.files.raw import Flaw, Place, RawGroup
from sscard_ic.profile.bank_data import ByteOrder, GroupLength

_ESCAPE = 0xFF
_BER_LONG = {0x81: 1, 0x82: 2, _ESCAPE: 2}
_BER_SHORT = 0x7F

GROUP = Text("数据分组", "data group")


class Cursor:
    """A part of a file that is read from its beginning to its end."""

    def __init__(self, data: bytes, start: int = 0, end: int | None = None, record: int = 0):
        self.data = data
        self.at = start
        self.end = len(data) if end is None else end
        self.record = record
        self.group = ""
        """Named in errors."""

    @property
    def left(self) -> int:
        """Bytes that were not read yet."""
        return self.end - self.at

    @property
    def place(self) -> Place:
        """Where the next byte stands."""
        return Place(self.record, self.at, group=self.group)

    def flaw(self, zh: str, en: str) -> Flaw:
        """Something wrong here."""
        return Flaw(self.place, Text(zh, en))

    def take(self, count: int, what: Text) -> bytes:
        """The next bytes."""
        self._need(count, what)
        taken = self.data[self.at : self.at + count]
        self.at += count
        return taken

    def part(self, count: int, what: Text, record: int | None = None) -> Cursor:
        """The next bytes, to be read by themselves."""
        self._need(count, what)
        part = Cursor(self.data, self.at, self.at + count, self.record)
        part.record = self.record if record is None else record
        part.group = self.group
        self.at += count
        return part

    def number(self, count: int, what: Text, order: ByteOrder = "big") -> int:
        """A binary number of ``count`` bytes."""
        return int.from_bytes(self.take(count, what), order)

    def digits(self, count: int, what: Text) -> int:
        """A number in ASCII digits."""
        place = self.place
        text = self.take(count, what)
        if not text.isdigit():
            raise Flaw(
                place, Text(f"{what.zh}应为 {count} 位数字", f"{what.en}: no {count} digits")
            )
        return int(text)

    def ber_length(self, what: Text) -> int:
        """A length in BER, or FF and two bytes."""
        place = self.place
        first = self.number(1, what)
        if first <= _BER_SHORT:
            return first
        if first not in _BER_LONG:
            raise Flaw(
                place,
                Text(f"{what.zh}的形式 {first:02X} 未知", f"{what.en}: unknown form {first:02X}"),
            )
        return self.number(_BER_LONG[first], what)

    def data_group(self, form: GroupLength, name: str = "") -> RawGroup:
        """DGI, length, value."""
        place = self.place
        number = self.number(2, GROUP)
        self.group = f"{number:04X}"
        size = self.number(2 if form == "two" else 1, GROUP)
        if form == "escaped" and size == _ESCAPE:
            size = self.number(2, GROUP)
        value = self.take(size, GROUP)
        found = RawGroup(number, value, Place(place.record, place.at, group=self.group), name)
        self.group = ""
        return found

    def data_groups(self, form: GroupLength) -> list[RawGroup]:
        """All that follow."""
        groups = []
        while self.left:
            groups.append(self.data_group(form))
        return groups

    def finish(self, what: Text) -> None:
        """Refuse bytes that follow ``what``."""
        if self.left:
            raise self.flaw(
                f"{what.zh}之后多出 {self.left} 字节",
                f"{self.left} bytes too many behind the {what.en}",
            )

    def _need(self, count: int, what: Text) -> None:
        if count > self.left:
            raise self.flaw(
                f"{what.zh}不完整：应有 {count} 字节，只剩 {self.left}",
                f"the {what.en} is cut: {count} bytes are expected, {self.left} are left",
            )
