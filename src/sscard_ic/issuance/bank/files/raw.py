"""What stands in a bank's file before anything is made of it, and what is wrong with a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from sscard_ic.base.errors import InputError, Text
from sscard_ic.profile.financial import Instance

if TYPE_CHECKING:
    from sscard_ic.issuance.bank.files.cursor import Cursor


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file."""

    record: int
    """Counted from 1; 0 before the first card."""
    at: int
    """Offset of a byte counted from 0, or line counted from 1."""
    unit: Literal["offset", "line"] = "offset"
    group: str = ""
    """DGI, or the name of an item or section."""

    @property
    def words(self) -> Text:
        """``record 3, offset 8610, DGI 0101``."""
        zh, en = [], []
        if self.record:
            zh.append(f"第 {self.record} 条记录")
            en.append(f"record {self.record}")
        line = self.unit == "line"
        zh.append(f"第 {self.at} 行" if line else f"偏移 {self.at}")
        en.append(f"{self.unit} {self.at}")
        if self.group:
            zh.append(f"DGI {self.group}")
            en.append(f"DGI {self.group}")
        return Text("，".join(zh), ", ".join(en))


class Flaw(Exception):
    """One thing that is wrong with a file, and where."""

    def __init__(self, place: Place, what: Text) -> None:
        super().__init__(what.en)
        self.place = place
        self.what = what

    @property
    def message(self) -> Text:
        """Place and fact."""
        words = self.place.words
        return Text(f"{words.zh}：{self.what.zh}", f"{words.en}: {self.what.en}")


class BankFileError(InputError):
    """A file of a bank's data preparation cannot be used; no card of it was taken."""

    def __init__(self, file: Path, name: str, flaws: Iterable[Flaw]) -> None:
        self.flaws = tuple((flaw.place, flaw.what) for flaw in flaws)
        messages = [Flaw(*each).message for each in self.flaws]
        super().__init__(
            Text("\n".join(each.zh for each in messages), "\n".join(each.en for each in messages)),
            where=str(file),
            hint=Text(
                f"按 {name} 的格式读取，未取用任何一张卡的数据：核对格式，"
                "或向数据准备方索取正确的文件",
                f"it was read as {name}, and no card of it was taken: compare the format, or ask "
                "the data preparation for a correct file",
            ),
        )


@dataclass(frozen=True, slots=True)
class RawGroup:
    """One data group as the file has it."""

    number: int
    value: bytes = field(repr=False)
    place: Place
    name: str = ""
    """Of its item or section."""
    enciphered: bool | None = None
    """Whether the file says that it is under the transport key; None where it says nothing."""


@dataclass(frozen=True, slots=True)
class RawApplication:
    """Groups of one application, in the order of the file."""

    groups: Sequence[RawGroup]
    place: Place
    instance: Instance | None = None
    """Where the file does not say by an AID which application it is."""
    aid: bytes | None = None


class Reader(Protocol):
    """Reads files of one container."""

    def records(self) -> Iterator[Cursor]:
        """The bytes of each card; raises :class:`Flaw` where the next one cannot be found."""
        ...

    def card(self, record: Cursor) -> Sequence[RawApplication]:
        """What stands in one of them; raises :class:`Flaw`."""
        ...
