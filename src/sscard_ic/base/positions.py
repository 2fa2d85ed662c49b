"""On which line each key of a TOML file stands: ``tomllib`` says what, this says where."""

from __future__ import annotations

import bisect
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from sscard_ic.base.errors import Text, os_reason
from sscard_ic.base.problems import DocumentError, Place, Problem

Key = tuple[str | int, ...]
"""Way from the root of a document: keys, and positions in arrays."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_FIRST_TABLE = re.compile(r"^\[", re.MULTILINE)
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_PLAIN = re.compile(r"[^,\]}\n#]+")
_STRINGS = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL
)


class Source:
    """The text of a file, walked for its lines only when somebody asks for one."""

    def __init__(self, file: Path, text: str) -> None:
        self.file = file
        self._text = text

    def place(self, key: Key) -> Place:
        """Where ``key`` stands, or the deepest table above it that stands anywhere."""
        while key and key not in self._lines:
            key = key[:-1]
        return Place(self.file, self._lines.get(key, 1))

    @cached_property
    def _lines(self) -> dict[Key, int]:
        return _Scanner(self._text).scan()


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a TOML file together with its place; tables and arrays hold nodes."""

    value: Any
    source: Source
    key: Key

    @property
    def place(self) -> Place:
        """File and line."""
        return self.source.place(self.key)

    def get(self, key: str) -> Node | None:
        """The node under ``key`` of a table; ``None`` elsewhere."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def part(self, name: str | int) -> Node | None:
        """The node under a key of a table, or at a position of an array; ``None`` elsewhere."""
        if isinstance(name, str):
            return self.get(name)
        within = isinstance(self.value, tuple) and name < len(self.value)
        part: Node | None = self.value[name] if within else None
        return part

    def plain(self) -> Any:
        """The bare value; arrays become tuples, as strict validation wants them."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return tuple(node.plain() for node in self.value)
        return self.value


def read_toml(file: Path, *, head: bool = False) -> Node:
    """The document, every key with its place; ``head`` reads only what precedes its first table.

    A file that has not changed is read once. Raises :class:`DocumentError` with the line.
    """
    try:
        state = file.stat()
        return _read(file, head, state.st_mtime_ns, state.st_size)
    except OSError as error:
        reason = os_reason(error)
        told = f"无法读取：{reason.zh}", f"cannot be read: {reason.en}"
        raise _unreadable(file, 1, *told) from None


_MANY_DIGITS = re.compile(r"[0-9_]{4000}")


@lru_cache(maxsize=64)
def _read(file: Path, head: bool, changed: int, size: int) -> Node:
    """The document of a file in the state that ``changed`` and ``size`` tell apart from others."""
    try:
        text = file.read_bytes().decode("utf-8").replace("\r\n", "\n")
        if head:
            text = _FIRST_TABLE.split(text, 1)[0]
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _unreadable(file, line, "不是 UTF-8 文字", "not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found.group(1)) if found else text.rstrip("\n").count("\n") + 1
        raise _unreadable(file, line, f"TOML 语法错误：{error}", f"TOML syntax: {error}") from None
    except ValueError:  # Python refuses to convert thousands of digits
        long = _MANY_DIGITS.search(text)
        line = text.count("\n", 0, long.start()) + 1 if long else 1
        raise _unreadable(file, line, "数字位数过多", "a number with too many digits") from None
    return _node(document, Source(file, text), ())


def _unreadable(file: Path, line: int, zh: str, en: str) -> DocumentError:
    return DocumentError([Problem(Place(file, line), "", Text(zh, en))])


def _node(value: Any, source: Source, key: Key) -> Node:
    if isinstance(value, dict):
        value = {name: _node(part, source, (*key, name)) for name, part in value.items()}
    elif isinstance(value, list):
        value = tuple(_node(part, source, (*key, n)) for n, part in enumerate(value))
    return Node(value, source, key)


class _Scanner:
    """Walks a document that ``tomllib`` has accepted and notes where each key begins."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self.lines: dict[Key, int] = {}
        self.arrays: dict[Key, int] = {}

    def scan(self) -> dict[Key, int]:
        """Key → line."""
        table: Key = ()
        while self._skip() < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self.lines

    def _skip(self) -> int:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at

    def _take(self, expected: str) -> bool:
        """Step over ``expected`` if it comes next, blanks aside."""
        self._skip()
        if not self.text.startswith(expected, self.at):
            return False
        self.at += len(expected)
        return True

    def _note(self, key: Key) -> None:
        self.lines.setdefault(key, bisect.bisect_right(self.starts, self.at))

    def _names(self) -> list[str]:
        """The names of a dotted key."""
        names = []
        while True:
            start = self._skip()
            if match := _STRINGS.match(self.text, start):
                name = tomllib.loads(f"x = {match.group()}")["x"]
            else:
                match = _BARE.match(self.text, start)
                assert match is not None
                name = match.group()
            self.at = match.end()
            names.append(name)
            if not self._take("."):
                return names

    def _header(self) -> Key:
        array = self._take("[[")
        if not array:
            self._take("[")
        key: Key = ()
        *parents, last = self._names()
        for name in parents:
            key = (*key, name)
            self._note(key)
            if key in self.arrays:
                key = (*key, self.arrays[key])
        key = (*key, last)
        self._note(key)
        if array:
            self.arrays[key] = self.arrays.get(key, -1) + 1
            key = (*key, self.arrays[key])
            self._note(key)
        self._take("]]" if array else "]")
        return key

    def _pair(self, table: Key) -> None:
        key = table
        self._skip()
        line = bisect.bisect_right(self.starts, self.at)
        for name in self._names():
            key = (*key, name)
            self.lines.setdefault(key, line)
        self._take("=")
        self._value(key)

    def _value(self, key: Key) -> None:
        self._skip()
        if match := _STRINGS.match(self.text, self.at):
            self.at = match.end()
        elif self._take("["):
            position = 0
            while not self._take("]"):
                self._note((*key, position))
                self._value((*key, position))
                self._take(",")
                position += 1
        elif self._take("{"):
            while not self._take("}"):
                self._pair(key)
                self._take(",")
        else:
            match = _PLAIN.match(self.text, self.at)
            assert match is not None
            self.at = match.end()
