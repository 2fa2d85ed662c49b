"""Directories and elementary files of the card's file system (ref 01 §2, §11; 11 §5.2).

Each knows the path of its state in the memory and writes what changes there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.memory import Memory, State, damaged
from sscard_ic.simulator.rules import NO_RECORD_RULES, RecordRules, Rule

if TYPE_CHECKING:
    from sscard_ic.simulator.keys import KeyFile

MF_FID = 0x3F00
MAX_RECORDS = 255
_CHUNK = 256
"""Bytes of a transparent file in one state, so that a write stores what it changed."""

Structure = Literal["transparent", "variable", "fixed", "cyclic", "internal"]


@dataclass(frozen=True, slots=True)
class DirectorySpec:
    """What CREATE FILE says about a directory."""

    fid: int
    kind: Literal["MF", "DDF", "ADF"]
    name: bytes
    lock_level: int
    create: Rule
    delete: Rule
    fci_sfi: int
    key_sfi: int


@dataclass(frozen=True, slots=True)
class FileSpec:
    """What CREATE FILE says about an elementary file."""

    fid: int
    sfi: int
    structure: Structure
    size: int
    record_length: int
    read: Rule
    write: Rule


class Directory:
    """MF, DDF or ADF."""

    __slots__ = ("children", "ended", "key_file", "memory", "parent", "path", "spec")

    def __init__(self, memory: Memory, parent: Directory | None, spec: DirectorySpec) -> None:
        self.memory = memory
        self.parent = parent
        self.spec = spec
        self.path: str = f"{parent.path if parent else ROOT}/{spec.fid:04X}"
        self.children: dict[int, Directory | ElementaryFile] = {}
        self.key_file: KeyFile | None = None
        self.ended = False

    @property
    def name(self) -> bytes:
        """DF name."""
        return self.spec.name

    def end(self) -> None:
        """Personalization of this directory is over."""
        self.ended = True
        self.memory.put(f"{self.path}/ended", 1)

    def restore(self, leaf: str, state: State) -> None:
        """Take back what :meth:`end` wrote."""
        if leaf != "ended":
            raise damaged(f"{self.path}/{leaf}")
        self.ended = bool(state)

    def file_by_sfi(self, sfi: int) -> ElementaryFile | None:
        """The file with short identifier ``sfi`` that commands may use; the first one wins."""
        for child in self.children.values():
            if (
                isinstance(child, ElementaryFile)
                and child.spec.sfi == sfi
                and child.spec.structure != "internal"
            ):
                return child
        return None

    def internal_file(self, sfi: int) -> ElementaryFile | None:
        """The internal file with short identifier ``sfi``."""
        for child in self.children.values():
            if (
                isinstance(child, ElementaryFile)
                and child.spec.sfi == sfi
                and child.spec.structure == "internal"
            ):
                return child
        return None

    def directories(self) -> Iterator[Directory]:
        """This directory and all below it, in order of creation."""
        yield self
        for child in self.children.values():
            if isinstance(child, Directory):
                yield from child.directories()


class ElementaryFile:
    """Base of the files; by itself an internal file that no command reads."""

    __slots__ = ("directory", "memory", "path", "record_rules", "spec")

    def __init__(self, directory: Directory, spec: FileSpec) -> None:
        self.memory = directory.memory
        self.directory = directory
        self.spec = spec
        self.path = f"{directory.path}/{spec.fid:04X}"
        self.record_rules: RecordRules = NO_RECORD_RULES

    def restore(self, leaf: str, state: State) -> None:
        """Take back one state written below the file's path."""
        raise damaged(f"{self.path}/{leaf}")


class TransparentFile(ElementaryFile):
    """Plain bytes, 00 until written."""

    __slots__ = ("_body",)

    def __init__(self, directory: Directory, spec: FileSpec) -> None:
        super().__init__(directory, spec)
        self._body = bytearray(spec.size)

    def restore(self, leaf: str, state: State) -> None:
        """Take back one chunk."""
        at = int(leaf) * _CHUNK
        chunk = bytes.fromhex(str(state))
        if not 0 <= at <= len(self._body) - len(chunk):
            raise damaged(f"{self.path}/{leaf}")
        self._body[at : at + len(chunk)] = chunk

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``; refuses 6B00 beyond the end."""
        if offset >= len(self._body):
            raise Refusal(0x6B00)
        return bytes(self._body[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        """Overwrite; refuses 6B00 beyond the end, 6700 when ``data`` does not fit."""
        if offset >= len(self._body):
            raise Refusal(0x6B00)
        end = offset + len(data)
        if end > len(self._body):
            raise Refusal(0x6700)
        if self._body[offset:end] == data:
            return
        self._body[offset:end] = data
        for index in range(offset // _CHUNK, (end - 1) // _CHUNK + 1):
            chunk = self._body[index * _CHUNK : (index + 1) * _CHUNK]
            self.memory.put(f"{self.path}/{index}", chunk.hex().upper())


class RecordFile(ElementaryFile):
    """Records 1 to N of a linear file, tag and length included where they carry them."""

    __slots__ = ("records", "used")

    def __init__(self, directory: Directory, spec: FileSpec) -> None:
        super().__init__(directory, spec)
        self.records: list[bytes] = []
        self.used = 0

    @property
    def capacity(self) -> int:
        """Bytes for records: the size without its two administrative bytes (ref 11 §5.2)."""
        return self.spec.size - 2

    def restore(self, leaf: str, state: State) -> None:
        """Take back one record."""
        number, record = int(leaf), bytes.fromhex(str(state))
        if number != len(self.records) + 1:
            raise damaged(f"{self.path}/{leaf}")
        self.records.append(record)
        self.used += len(record)

    def record(self, number: int) -> bytes:
        """Record ``number``, refuses 6A83."""
        if not 1 <= number <= len(self.records):
            raise Refusal(0x6A83)
        return self.records[number - 1]

    def find(self, tag: int) -> int | None:
        """Number of the first record with ``tag``."""
        for number, record in enumerate(self.records, start=1):
            if record[0] == tag:
                return number
        return None

    def check(self, record: bytes) -> None:
        """Refuse what cannot be a record of this file: 6A85 (TLV), 6700 (fixed length)."""
        if self.spec.structure == "fixed":
            if len(record) != self.spec.record_length:
                raise Refusal(0x6700)
        elif len(record) < 2 or record[1] != len(record) - 2:
            raise Refusal(0x6A85)

    def update(self, number: int, record: bytes) -> None:
        """Replace a record by one of the same length: 6A83, 6A85, 6700."""
        stored = self.record(number)
        self.check(record)
        if len(record) != len(stored):
            raise Refusal(0x6700)
        self._store(number, record)

    def append(self, record: bytes) -> None:
        """Add a record at the end: 6A85, 6700, 6A84 when it does not fit."""
        self.check(record)
        if self.used + len(record) > self.capacity or len(self.records) == MAX_RECORDS:
            raise Refusal(0x6A84)
        self.records.append(b"")
        self.used += len(record)
        self._store(len(self.records), record)

    def replace(self, number: int, record: bytes) -> None:
        """Replace a record by one of any length that fits, or add the next one (ref 11 §5.1)."""
        if number == len(self.records) + 1:
            self.append(record)
            return
        growth = len(record) - len(self.record(number))
        self.check(record)
        if self.used + growth > self.capacity:
            raise Refusal(0x6A84)
        self.used += growth
        self._store(number, record)

    def _store(self, number: int, record: bytes) -> None:
        self.records[number - 1] = record
        self.memory.put(f"{self.path}/{number}", record.hex().upper())


class CyclicFile(ElementaryFile):
    """A ring of records without tags; the newest is number 1 (ref 01 §11.1)."""

    __slots__ = ("_newest", "_slots")

    def __init__(self, directory: Directory, spec: FileSpec) -> None:
        super().__init__(directory, spec)
        count = (spec.size - 2) // spec.record_length
        self._slots: list[bytes | None] = [None] * count
        self._newest = -1

    def restore(self, leaf: str, state: State) -> None:
        """Take back one slot or the place of the newest."""
        if leaf == "newest":
            self._newest = int(state)
        else:
            self._slots[int(leaf)] = bytes.fromhex(str(state))

    @property
    def records(self) -> list[bytes]:
        """The records, newest first."""
        count = len(self._slots)
        ring = (self._slots[(self._newest - age) % count] for age in range(count))
        return [record for record in ring if record is not None]

    def record(self, number: int) -> bytes:
        """Record ``number``, refuses 6A83."""
        record = None
        if 1 <= number <= len(self._slots):
            record = self._slots[(self._newest - number + 1) % len(self._slots)]
        if record is None:
            raise Refusal(0x6A83)
        return record

    def add(self, record: bytes) -> None:
        """Write the newest record over the oldest: 6700 for another length."""
        if len(record) != self.spec.record_length:
            raise Refusal(0x6700)
        self._newest = (self._newest + 1) % len(self._slots)
        self.memory.put(f"{self.path}/newest", self._newest)
        self._store(self._newest, record)

    def update(self, number: int, record: bytes) -> None:
        """Overwrite record ``number`` in its place: 6A83, 6700."""
        self.record(number)
        if len(record) != self.spec.record_length:
            raise Refusal(0x6700)
        self._store((self._newest - number + 1) % len(self._slots), record)

    def _store(self, slot: int, record: bytes) -> None:
        self._slots[slot] = record
        self.memory.put(f"{self.path}/{slot}", record.hex().upper())


ROOT = "ssc"
"""Path of the file system in the memory."""
