"""Code tables: code → meaning in both languages (ref 01 §5, 05 §7)."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from sscard_ic.base.errors import Text
from sscard_ic.profile.fields import Strict, Title


class CodeTable(Title):
    """One table; ``entries`` maps a code to its meaning."""

    entries: dict[str, Title]
    digits: int = Field(ge=1)
    """Digits of every code."""
    stored: Literal["an", "cn"]
    """Format of the items that hold the codes."""
    prefix: tuple[int, ...] = ()
    """Leading digits that decide when a code is not listed, one try after the other: the rest
    then counts as zeros (GB/T 2260: the city, else the province)."""
    open: bool = False
    """Codes beyond the table are in use; they are accepted without a remark."""

    def meaning(self, code: str) -> Title | None:
        """What ``code`` says, or ``None`` when the table does not know it."""
        if code in self.entries:
            return self.entries[code]
        wider = (code[:length].ljust(self.digits, "0") for length in self.prefix)
        return next((self.entries[known] for known in wider if known in self.entries), None)

    def contains(self, code: str) -> bool:
        """Whether ``code`` may be written: listed, or of the right form in an open table."""
        return code in self.entries or (self.open and self._well_formed(code))

    def nearest(self, text: str, count: int = 3) -> tuple[str, ...]:
        """At most ``count`` codes whose meaning, or whose digits, come closest to ``text``.

        Digits: codes with the same first digit, by value. Words: first the codes with a meaning,
        Chinese or English, that ``text`` is a part of or that is a part of ``text``; then those
        that look alike.
        """
        wanted = text.strip().casefold()
        if not wanted:
            return ()
        if wanted.isdecimal():
            same = [code for code in self.entries if code[0] == wanted[0]]
            digits = wanted[: self.digits]
            return tuple(sorted(same, key=lambda code: _apart(code, digits))[:count])
        words = {code: (entry.zh, entry.en.casefold()) for code, entry in self.entries.items()}
        hits = [
            code
            for code, meanings in words.items()
            if any(wanted in meaning or meaning in wanted for meaning in meanings)
        ]
        named = {meaning: code for code, meanings in words.items() for meaning in meanings}
        near = difflib.get_close_matches(wanted, named, n=count, cutoff=0.5)
        return tuple(dict.fromkeys([*hits, *(named[word] for word in near)]))[:count]

    def faults(self) -> Iterator[tuple[str, Text]]:
        """The codes that have not the form of the table."""
        for code in self.entries:
            if not self._well_formed(code):
                yield code, Text(f"代码应为 {self.digits} 位数字", f"{self.digits} digits expected")

    def _well_formed(self, code: str) -> bool:
        return len(code) == self.digits and code.isascii() and code.isdigit()


def _apart(code: str, digits: str) -> int:
    """How far two codes are from each other, the shorter one filled with zeros."""
    size = max(len(code), len(digits))
    return abs(int(code.ljust(size, "0")) - int(digits.ljust(size, "0")))


class CodeFile(Strict):
    """What a file of code tables declares."""

    tables: dict[str, CodeTable] = Field(default={})
    files: dict[str, tuple[str, ...]] = Field(default={})
    """Files with further tables, and which; one is read when a table of it is first asked for."""


class CodeTables(Mapping[str, CodeTable]):
    """The tables of a card by name, some of them still unread."""

    def __init__(
        self,
        tables: Mapping[str, CodeTable],
        elsewhere: Mapping[str, Path],
        read: Callable[[Path, Collection[str]], Mapping[str, CodeTable]],
    ) -> None:
        self._tables = dict(tables)
        self._elsewhere = {name: file for name, file in elsewhere.items() if name not in tables}
        self._read = read

    def __getitem__(self, name: str) -> CodeTable:
        """The table ``name``; raises ``ProfileError`` when its file cannot be used."""
        if name not in self._tables:
            file = self._elsewhere[name]
            names = [other for other, its_file in self._elsewhere.items() if its_file == file]
            self._tables |= self._read(file, names)
        return self._tables[name]

    def __contains__(self, name: object) -> bool:
        return name in self._tables or name in self._elsewhere

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys([*self._tables, *self._elsewhere])

    def __len__(self) -> int:
        return len(self._tables.keys() | self._elsewhere.keys())
