"""What the commands of a PSAM work on: tree, place, what was proved, the operation in progress."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sscard_ic.apdu.psam_ksa import DIRECTORY_LENGTH, FILE_LENGTH, DirectoryHeader, FileHeader
from sscard_ic.crypto.suites import Suite
from sscard_ic.profile.psam import PsamDialect, Update
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.memory import Memory, damaged
from sscard_ic.simulator.psam.files import (
    KEY_RECORD,
    MF_FID,
    ROOT,
    BinaryFile,
    Directory,
    File,
    KeyFile,
    RecordFile,
)
from sscard_ic.simulator.silicon import Challenge, Identity

OWNER_KEYS: dict[Update, int] = {"control": 0, "national": 1, "provincial": 2, "city": 3}
"""Identifiers of the PSAM's own keys: the master key of a directory, KID 01, 02, 03."""


@dataclass(slots=True)
class CipherSession:
    """The temporary key of CIPHER DATA and the chain of blocks in progress (ref 12 §5.3 P4)."""

    suite: Suite
    key: bytes = field(repr=False)
    types: frozenset[str]
    """What the type of its root allows: ``encrypt``, ``mac``."""
    used_for: str | None = None
    """The first operation; the others must be of the same type."""
    chain: bytes | None = field(default=None, repr=False)
    """Last block of a MAC whose next part is awaited."""


@dataclass(slots=True)
class Purchase:
    """A purchase whose MAC2 is awaited."""

    mac2: bytes = field(repr=False)


class PsamState:
    """Tree, current directory and file, proved keys, and the chip around them."""

    __slots__ = (
        "challenge",
        "dialect",
        "directory",
        "file",
        "identity",
        "memory",
        "mf",
        "operation",
        "proved",
        "transport_key",
    )

    def __init__(
        self,
        memory: Memory,
        dialect: PsamDialect,
        transport_key: bytes,
        identity: Identity,
        challenge: Challenge,
    ) -> None:
        self.memory = memory
        self.dialect = dialect
        self.transport_key = transport_key
        self.identity = identity
        self.challenge = challenge
        self.mf: Directory | None = None
        self.directory: Directory | None = None
        self.file: File | None = None
        self.proved: set[int] = set()
        """Identifiers of the own keys that were proved in the current directory."""
        self.operation: CipherSession | Purchase | None = None

    @property
    def here(self) -> Directory:
        """The current directory; refuses 6A82 on a PSAM without MF."""
        if self.directory is None:
            raise Refusal(0x6A82)
        return self.directory

    def enter(self, directory: Directory | None) -> None:
        """Make ``directory`` current: what was proved and begun falls."""
        self.directory = directory
        self.file = None
        self.forget()

    def forget(self) -> None:
        """Nothing is proved, nothing in progress."""
        self.proved.clear()
        self.operation = None

    def require(self, update: Update | None) -> None:
        """Refuse 6982 unless a file with this right may be changed now."""
        if not self.here.ended:
            return
        key = OWNER_KEYS.get(update) if update is not None else None
        if key is None or key not in self.proved:
            raise Refusal(0x6982)

    def directories(self) -> Iterator[Directory]:
        """Every directory, in order of creation."""
        if self.mf is not None:
            yield from self.mf.directories()

    # Building up and restoring

    def plant(self, parent: Directory | None, header: DirectoryHeader) -> Directory:
        """Put a directory into the tree without writing it."""
        directory = Directory(self.memory, parent, header)
        if parent is None:
            self.mf = directory
        else:
            parent.children[header.fid] = directory
        return directory

    def plant_file(self, directory: Directory, header: FileHeader) -> File:
        """Put a file into a directory without writing it; refuses 6A80 for an unknown type."""
        kinds = self.dialect.kinds
        if header.kind == kinds.keys and header.form == kinds.key_form:
            file: File = KeyFile(directory, header)
        elif header.kind == kinds.transparent:
            file = BinaryFile(directory, header)
        elif header.kind == kinds.records:
            file = RecordFile(directory, header)
        else:
            raise Refusal(0x6A80)
        directory.children[header.fid] = file
        return file

    def restore(self) -> None:
        """Build the tree from the memory; raises :class:`InputError` when it is damaged."""
        self.mf = None
        self.enter(None)
        below = f"{ROOT}/"
        for path, state in list(self.memory.states.items()):
            if path.startswith(below):
                try:
                    self._restore(path.removeprefix(below).split("/"), state)
                except (Refusal, ValueError, LookupError) as error:
                    raise damaged(path) from error
        self.enter(self.mf)

    def _restore(self, steps: list[str], state: str | int) -> None:
        node: Directory | File | None = None
        for depth, step in enumerate(steps):
            if isinstance(node, KeyFile):
                self._restore_key(node, steps[depth:], state)
                return
            child = self._child(node, step)
            if child is None:
                self._restore_node(node, step, state, last=depth == len(steps) - 1)
                return
            node = child
        raise ValueError("a state is there twice")

    def _child(self, node: Directory | File | None, step: str) -> Directory | File | None:
        if node is None:
            mf = self.mf
            return mf if mf is not None and step == f"{MF_FID:04X}" else None
        if isinstance(node, Directory) and len(step) == 4:
            return node.children.get(int(step, 16))
        return None

    def _restore_node(
        self, node: Directory | File | None, step: str, state: str | int, *, last: bool
    ) -> None:
        if not last:
            raise LookupError(step)
        if isinstance(node, File) or (node is not None and len(step) != 4):
            node.restore(step, state)
            return
        raw = bytes.fromhex(str(state))
        if raw[:2] != bytes.fromhex(step) or (node is None and step != f"{MF_FID:04X}"):
            raise ValueError("the header of another file")
        if len(raw) == DIRECTORY_LENGTH:
            self.plant(node, DirectoryHeader.parse(raw))
        elif len(raw) == FILE_LENGTH and node is not None:
            self.plant_file(node, FileHeader.parse(raw))
        else:
            raise ValueError("no header")

    def _restore_key(self, file: KeyFile, steps: list[str], state: str | int) -> None:
        usage, key_id = bytes.fromhex(steps[0])
        if len(steps) == 1:
            record = bytes.fromhex(str(state))
            if not KEY_RECORD - 8 <= len(record) <= KEY_RECORD:
                raise ValueError("no key record")
            file.take(record, self.dialect.settings.control_tries)
        elif steps[1:] == ["tries"]:
            file.keys[usage, key_id].tries = int(state)
        else:
            raise ValueError("not a state of a key")
