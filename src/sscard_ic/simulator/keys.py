"""Keys and PIN in the card's key files (ref 11 §3.4, §5.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sscard_ic.crypto.suites import SUITES, Algorithm, Suite
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.files import Directory, ElementaryFile, FileSpec
from sscard_ic.simulator.memory import State, damaged
from sscard_ic.simulator.rules import FREE, Rule

UNLIMITED = 0xF
"""Answered as the number of tries left of a key whose failures are not counted."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key record taken apart."""

    type: int
    """Type byte of the dialect (``dialect.key_types``)."""
    id: int
    """Identifier as stored; see ``DirectorySpec.key_bit``."""
    version: int
    tries: int
    maximum: int
    """Tries after a success."""
    grant: int
    """What success gives, as the dialect's security state reads it."""
    value: bytes = field(repr=False)
    raw: bytes = field(repr=False)
    """The record as the dialect stores it."""
    algorithm: Algorithm = "3des"
    """What the key works by; single DES belongs to 3DES."""
    space: int = 24
    """Bytes that it takes in its key file."""
    usable: Rule = FREE
    """What must hold before the key is used."""
    unlock: Rule | None = None
    """Of a PIN: what must hold besides the MAC before it is unblocked or set anew; None: what the
    mask says."""
    service_id: int | None = None
    """Of a PIN: stored identifier of the key of that MAC; None: the directory's STK."""
    counted: bool = True
    """Whether failures are counted."""


class StoredKey:
    """One key or PIN, with its tries left."""

    __slots__ = ("_file", "_tries", "directory", "grant", "id", "path", "record")

    def __init__(self, file: KeyFile, record: KeyRecord) -> None:
        self._file = file
        self.directory: Directory = file.directory
        self.record = record
        self.id = record.id
        self.grant = record.grant
        self.path = f"{file.path}/{record.type:02X}{record.id:02X}{record.version:02X}"
        self._tries = record.tries

    @property
    def reference(self) -> int:
        """P2 by which commands address it from within its directory."""
        return self.directory.spec.key_bit | self.id

    @property
    def value(self) -> bytes:
        """Key bytes, or the PIN as BCD."""
        return self.record.value

    @property
    def suite(self) -> Suite:
        """The rules that the key is used by."""
        return SUITES[self.record.algorithm]

    @property
    def tries(self) -> int:
        """Tries left."""
        return self._tries

    def restore(self, leaf: str, state: State) -> None:
        """Take back the tries left."""
        if leaf != "tries":
            raise damaged(f"{self.path}/{leaf}")
        self._tries = int(state)

    def replace(self, record: KeyRecord) -> None:
        """Take a record with a new value; the tries left stay."""
        self.record = record
        self._file.memory.put(self.path, record.raw.hex().upper())

    def renew(self, record: KeyRecord) -> None:
        """Take a whole new record: with its follow-up state and its own tries."""
        self.replace(record)
        self.grant = record.grant
        self._tries = record.tries
        self._file.memory.drop(f"{self.path}/tries")

    def require_tries(self) -> None:
        """Refuse 6983 when locked."""
        if self._tries == 0 and self.record.counted:
            raise Refusal(0x6983)

    def failed(self) -> Refusal:
        """Count a failure; the refusal 63Cx to answer."""
        if not self.record.counted:
            return Refusal(0x63C0 | UNLIMITED)
        self._count(self._tries - 1)
        return Refusal(0x63C0 | self._tries)

    def succeeded(self) -> None:
        """All tries are there again."""
        self._count(self.record.maximum)

    def _count(self, tries: int) -> None:
        if tries != self._tries:
            self._tries = tries
            self._file.memory.put(f"{self.path}/tries", tries)


class KeyFile(ElementaryFile):
    """The internal file of a directory that holds its keys."""

    __slots__ = ("_keys",)

    def __init__(self, directory: Directory, spec: FileSpec) -> None:
        super().__init__(directory, spec)
        self._keys: dict[tuple[int, int], dict[int, StoredKey]] = {}

    def take(self, record: KeyRecord) -> StoredKey:
        """Hold ``record`` without writing it."""
        key = StoredKey(self, record)
        self._keys.setdefault((record.type, record.id), {})[record.version] = key
        return key

    def add(self, record: KeyRecord) -> StoredKey:
        """Add a key, refuses 6A84 when the file is full."""
        if sum(key.record.space for key in self.all()) + record.space > self.spec.size:
            raise Refusal(0x6A84)
        key = self.take(record)
        self.memory.put(key.path, record.raw.hex().upper())
        return key

    def all(self) -> Iterator[StoredKey]:
        """Every key in it."""
        for versions in self._keys.values():
            yield from versions.values()

    def find(self, type_: int, id_: int, version: int | None = None) -> StoredKey | None:
        """The key with type, identifier and version; no version: the lowest present."""
        versions = self._keys.get((type_, id_))
        if versions is None:
            return None
        return versions.get(min(versions) if version is None else version)
