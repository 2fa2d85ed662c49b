"""Directories and elementary files of the card's file system (ref 01 §2, §11; 11 §5.2).

Each knows the path of its state in the memory and writes what changes there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.memory import Memory, State, damaged
from sscard_ic.simulator.rules import FREE, NO_RECORD_RULES, RecordRules, Rule

if TYPE_CHECKING:
    from sscard_ic.simulator.keys import KeyFile, StoredKey

MF_FID = 0x3F00
_ENDED, _LOCKED = "ended", "locked"
MAX_RECORDS = 255
_CHUNK = 256
"""Bytes of a transparent file in one state, so that a write stores what it changed."""

Structure = Literal["transparent", "variable", "fixed", "cyclic", "internal"]
"""``internal``: no command addresses it."""

Role = Literal["data", "keys", "fci", "directory", "amount", "atr"]
"""What the COS itself does with a file; ``amount`` is that of the medical account (ref 12)."""

Lock = Literal["none", "temporary", "permanent", "card"]
"""``card``: by CARD BLOCK."""


@dataclass(frozen=True, slots=True)
class DirectorySpec:
    """What CREATE FILE says about a directory; a dialect may know more."""

    fid: int
    kind: Literal["MF", "DDF", "ADF"]
    name: bytes
    create: Rule
    delete: Rule
    lock: Rule = FREE
    """What must hold besides the MAC before the directory is locked or unlocked."""
    locked_with_card: bool = True
    """Whether CARD BLOCK in a directory of it locks it, too."""
    key_bit: int = 0
    """What P2 adds to the identifiers that the directory's keys are stored under."""


@dataclass(frozen=True, slots=True)
class FileSpec:
    """What CREATE FILE says about an elementary file; a dialect may know more."""

    fid: int
    sfi: int
    structure: Structure
    size: int
    """Bytes for contents: of the file, of all records together, of all key records together."""
    record_length: int
    read: Rule
    write: Rule
    append: Rule | None = None
    """Rule for adding a record; None: that of writing."""
    role: Role = "data"
    tagged: bool = True
    """Whether records of a linear file are tag, length and value."""
    opened: tuple[int, ...] = ()
    """Lengths of the records that a file is created with, all 00."""


class Directory:
    """MF, DDF or ADF."""

    __slots__ = ("children", "ended", "key_files", "locked", "memory", "parent", "path", "spec")

    def __init__(self, memory: Memory, parent: Directory | None, spec: DirectorySpec) -> None:
        self.memory = memory
        self.parent = parent
        self.spec = spec
        self.path: str = f"{parent.path if parent else ROOT}/{spec.fid:04X}"
        self.children: dict[int, Directory | ElementaryFile] = {}
        self.key_files: list[KeyFile] = []
        self.ended = False
        self.locked: Lock = "none"

    @property
    def name(self) -> bytes:
        """DF name."""
        return self.spec.name

    @property
    def lock_rule(self) -> Rule:
        """What must hold besides the MAC before the directory is locked or unlocked."""
        return self.spec.lock

    @property
    def amount_file(self) -> TransparentFile | None:
        """The file of the medical account's amounts (ref 12), where there is one."""
        file = self.file_of_role("amount")
        return file if isinstance(file, TransparentFile) else None

    def end(self) -> None:
        """Personalization of this directory is over."""
        self.ended = True
        self.memory.put(f"{self.path}/{_ENDED}", 1)

    @property
    def standing(self) -> Lock:
        """The strongest lock on it and on the directories above it."""
        above: Lock = self.parent.standing if self.parent is not None else "none"
        return max(self.locked, above, key=get_args(Lock).index)

    def lock(self, lock: Lock) -> None:
        """Lock the directory, or unlock it (``none``)."""
        self.locked = lock
        self.memory.put(f"{self.path}/{_LOCKED}", lock)

    @staticmethod
    def knows(leaf: str) -> bool:
        """Whether a state of this name is the directory's own and not a child."""
        return leaf in (_ENDED, _LOCKED)

    def restore(self, leaf: str, state: State) -> None:
        """Take back what :meth:`end` or :meth:`lock` wrote."""
        if leaf == _ENDED:
            self.ended = bool(state)
        elif leaf == _LOCKED and state in get_args(Lock):
            self.locked = cast(Lock, state)
        else:
            raise damaged(f"{self.path}/{leaf}")

    def remove(self, fid: int) -> None:
        """Take a child away."""
        child = self.children.pop(fid)
        self.key_files = [file for file in self.key_files if file is not child]

    def find_key(self, type_: int, id_: int, version: int | None = None) -> StoredKey | None:
        """The key with type, stored identifier and version; no version: the lowest present."""
        for file in self.key_files:
            key = file.find(type_, id_, version)
            if key is not None:
                return key
        return None

    def file_of_role(self, role: Role) -> ElementaryFile | None:
        """The first file that the COS itself uses so."""
        for child in self.children.values():
            if isinstance(child, ElementaryFile) and child.spec.role == role:
                return child
        return None

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
        self.records = [bytes(length) for length in spec.opened]
        self.used = sum(spec.opened)

    def restore(self, leaf: str, state: State) -> None:
        """Take back one record."""
        number, record = int(leaf), bytes.fromhex(str(state))
        if not 1 <= number <= len(self.records) + 1:
            raise damaged(f"{self.path}/{leaf}")
        if number > len(self.records):
            self.records.append(b"")
        self.used += len(record) - len(self.records[number - 1])
        self.records[number - 1] = record

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
        if self.spec.structure == "fixed" and len(record) != self.spec.record_length:
            raise Refusal(0x6700)
        if self.spec.tagged and (len(record) < 2 or record[1] != len(record) - 2):
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
        if self.used + len(record) > self.spec.size or len(self.records) == MAX_RECORDS:
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
        if self.used + growth > self.spec.size:
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
        count = spec.size // spec.record_length
        self._slots: list[bytes | None] = [bytes(length) for length in spec.opened]
        self._newest = len(self._slots) - 1
        self._slots += [None] * (count - len(self._slots))

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
