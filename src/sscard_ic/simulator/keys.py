"""Keys and PIN in the card's key files (ref 11 §5.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.files import Directory, ElementaryFile, FileSpec
from sscard_ic.simulator.memory import State, damaged

RECORD_LENGTH = 24


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key record taken apart; ``levels`` is what success gives, ``raw`` the 24 bytes."""

    type: int
    id: int
    version: int
    tries: int
    maximum: int
    levels: int
    value: bytes = field(repr=False)
    raw: bytes = field(repr=False)


class StoredKey:
    """One key or PIN, with its tries left."""

    __slots__ = ("_file", "_tries", "directory", "id", "levels", "path", "record")

    def __init__(self, file: KeyFile, record: KeyRecord) -> None:
        self._file = file
        self.directory: Directory = file.directory
        self.record = record
        self.id = record.id
        self.levels = record.levels
        self.path = f"{file.path}/{record.type:02X}{record.id:02X}{record.version:02X}"
        self._tries = record.tries

    @property
    def value(self) -> bytes:
        """Key bytes, or the PIN as BCD."""
        return self.record.value

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
        """Take a new value."""
        self.record = record
        self._file.memory.put(self.path, record.raw.hex().upper())

    def require_tries(self) -> None:
        """Refuse 6983 when locked."""
        if self._tries == 0:
            raise Refusal(0x6983)

    def failed(self) -> Refusal:
        """Count a failure; the refusal 63Cx to answer."""
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
        count = sum(len(versions) for versions in self._keys.values())
        if (count + 1) * RECORD_LENGTH > self.spec.size - 2:
            raise Refusal(0x6A84)
        key = self.take(record)
        self.memory.put(key.path, record.raw.hex().upper())
        return key

    def find(self, type_: int, id_: int, version: int | None = None) -> StoredKey | None:
        """The key with type, identifier and version; no version: the lowest present."""
        versions = self._keys.get((type_, id_))
        if versions is None:
            return None
        return versions.get(min(versions) if version is None else version)
