"""Directories, files and keys of a PSAM (ref 12 §5.1, §5.2, 02 §7.5).

Each knows the path of its state in the memory: a directory and a file keep the header they were
created with, a file its body or records below it, a key its record and the tries left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sscard_ic.apdu.psam import KeyHeader, type_of
from sscard_ic.apdu.psam_ksa import DirectoryHeader, FileHeader
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.memory import Memory, State, damaged

ROOT = "psam"
"""Path of the file system in the memory."""

MF_FID = 0x3F00
KEY_RECORD = 24
"""Bytes that every key takes in a key file."""

_ENDED, _TRIES, _BODY = "ended", "tries", "body"


class Directory:
    """MF, DDF or ADF."""

    __slots__ = ("children", "ended", "header", "memory", "parent", "path")

    def __init__(self, memory: Memory, parent: Directory | None, header: DirectoryHeader) -> None:
        self.memory = memory
        self.parent = parent
        self.header = header
        self.path: str = f"{parent.path if parent else ROOT}/{header.fid:04X}"
        self.children: dict[int, Directory | File] = {}
        self.ended = False

    @property
    def name(self) -> bytes:
        """DF name."""
        return self.header.name

    def end(self) -> None:
        """Its personalization is over."""
        self.ended = True
        self.memory.put(f"{self.path}/{_ENDED}", 1)

    def restore(self, leaf: str, state: State) -> None:
        """Take back what :meth:`end` wrote."""
        if leaf != _ENDED:
            raise damaged(f"{self.path}/{leaf}")
        self.ended = bool(state)

    def directories(self) -> Iterator[Directory]:
        """This directory and all below it, in order of creation."""
        yield self
        for child in self.children.values():
            if isinstance(child, Directory):
                yield from child.directories()

    def key_files(self) -> Iterator[KeyFile]:
        """Its key files, in order of creation."""
        for child in self.children.values():
            if isinstance(child, KeyFile):
                yield child

    def key_file(self, low: int) -> KeyFile | None:
        """The key file whose identifier ends in ``low``, the P2 of WRITE KEY."""
        return next((file for file in self.key_files() if file.fid & 0xFF == low), None)

    def by_sfi(self, sfi: int) -> File | None:
        """The file with the short identifier ``sfi``; no key file."""
        for child in self.children.values():
            if isinstance(child, BinaryFile | RecordFile) and child.fid & 0x1F == sfi:
                return child
        return None

    def held_keys(self) -> Iterator[PsamKey]:
        """Every key of its key files."""
        for file in self.key_files():
            yield from file.keys.values()


class File:
    """Base of the elementary files."""

    __slots__ = ("directory", "header", "memory", "path")

    def __init__(self, directory: Directory, header: FileHeader) -> None:
        self.directory = directory
        self.memory = directory.memory
        self.header = header
        self.path = f"{directory.path}/{header.fid:04X}"

    @property
    def fid(self) -> int:
        """File identifier; its low five bits are the short one."""
        return self.header.fid

    def restore(self, leaf: str, state: State) -> None:
        """Take back one state written below the file's path."""
        raise damaged(f"{self.path}/{leaf}")


class BinaryFile(File):
    """Plain bytes, 00 until written."""

    __slots__ = ("body",)

    def __init__(self, directory: Directory, header: FileHeader) -> None:
        super().__init__(directory, header)
        self.body = bytes(header.size)

    def restore(self, leaf: str, state: State) -> None:
        """Take back the body."""
        body = bytes.fromhex(str(state))
        if leaf != _BODY or len(body) != len(self.body):
            raise damaged(f"{self.path}/{leaf}")
        self.body = body

    def write(self, offset: int, data: bytes) -> None:
        """Overwrite; refuses 6B00 beyond the end, 6700 when ``data`` do not fit."""
        if offset >= len(self.body):
            raise Refusal(0x6B00)
        if offset + len(data) > len(self.body):
            raise Refusal(0x6700)
        self.body = self.body[:offset] + data + self.body[offset + len(data) :]
        self.memory.put(f"{self.path}/{_BODY}", self.body.hex().upper())


class RecordFile(File):
    """TLV records 1 to N of the directory file."""

    __slots__ = ("records",)

    def __init__(self, directory: Directory, header: FileHeader) -> None:
        super().__init__(directory, header)
        self.records: list[bytes] = []

    def restore(self, leaf: str, state: State) -> None:
        """Take back one record."""
        if leaf != str(len(self.records) + 1):
            raise damaged(f"{self.path}/{leaf}")
        self.records.append(bytes.fromhex(str(state)))

    def store(self, number: int, record: bytes) -> None:
        """Replace a record, or add the next one: 6A83, 6A85 (no TLV), 6A84 (no room)."""
        if not 1 <= number <= len(self.records) + 1:
            raise Refusal(0x6A83)
        if len(record) < 2 or record[1] != len(record) - 2:
            raise Refusal(0x6A85)
        others = self.records[: number - 1] + self.records[number:]
        if sum(map(len, others)) + len(record) > self.header.size:
            raise Refusal(0x6A84)
        self.records[number - 1 :] = [record, *self.records[number:]]
        self.memory.put(f"{self.path}/{number}", record.hex().upper())


@dataclass(slots=True)
class PsamKey:
    """A key with its header; one of the PSAM's own counts wrong authentications."""

    file: KeyFile
    header: KeyHeader
    value: bytes = field(repr=False)
    tries: int

    @property
    def path(self) -> str:
        """Usage and identifier below the key file."""
        return f"{self.file.path}/{self.header.usage:02X}{self.header.id:02X}"

    def count(self, tries: int) -> None:
        """Set the tries left."""
        if tries != self.tries:
            self.tries = tries
            self.file.memory.put(f"{self.path}/{_TRIES}", tries)


class KeyFile(File):
    """Keys by usage and identifier; no command reads it."""

    __slots__ = ("keys",)

    def __init__(self, directory: Directory, header: FileHeader) -> None:
        super().__init__(directory, header)
        self.keys: dict[tuple[int, int], PsamKey] = {}

    def take(self, record: bytes, tries: int) -> PsamKey:
        """Hold a record without writing it."""
        header = KeyHeader.parse(record)
        key = PsamKey(self, header, record[KeyHeader.LENGTH :], tries)
        self.keys[header.usage, header.id] = key
        return key

    def add(self, record: bytes, tries: int) -> None:
        """Add a record: 6A84 when the file is full."""
        if (len(self.keys) + 1) * KEY_RECORD > self.header.size:
            raise Refusal(0x6A84)
        key = self.take(record, tries)
        self.memory.put(key.path, record.hex().upper())

    def change(self, key: PsamKey, value: bytes) -> None:
        """Give a key another value of the same length."""
        key.value = value
        self.memory.put(key.path, (bytes(key.header) + value).hex().upper())


def find_key(directory: Directory, usage: int, key_id: int, *, whole: bool = False) -> PsamKey:
    """The key that a usage byte and an identifier mean: an exact one, else one of the same type.

    Refuses 6A88 when there is none; ``whole`` takes exact ones alone.
    """
    of_type = None
    for key in directory.held_keys():
        if key.header.id == key_id and type_of(key.header.usage) == type_of(usage):
            if key.header.usage == usage:
                return key
            of_type = of_type or key
    if of_type is None or whole:
        raise Refusal(0x6A88)
    return of_type
