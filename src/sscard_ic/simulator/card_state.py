"""The file system with everything that commands work on: tree, place, security state."""

from __future__ import annotations

from collections.abc import Iterator

from sscard_ic.profile.dialect import Dialect, Settings
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.files import MF_FID, Directory, ElementaryFile
from sscard_ic.simulator.keys import StoredKey
from sscard_ic.simulator.mask import Mask
from sscard_ic.simulator.memory import Memory
from sscard_ic.simulator.rules import KeyRule, Rule
from sscard_ic.simulator.security import SecurityState
from sscard_ic.simulator.silicon import Challenge, Identity


class CardState:
    """Tree, current directory and file, what has been proved, and the chip around them."""

    __slots__ = (
        "challenge",
        "dialect",
        "file",
        "fresh",
        "identity",
        "mask",
        "memory",
        "mf",
        "security",
        "transport_presented",
    )

    def __init__(
        self, memory: Memory, dialect: Dialect, mask: Mask, identity: Identity, challenge: Challenge
    ) -> None:
        self.memory = memory
        self.dialect = dialect
        self.mask = mask
        self.identity = identity
        self.challenge = challenge
        self.mf: Directory | None = None
        self.file: ElementaryFile | None = None
        self.security = SecurityState()
        self.transport_presented = False
        self.fresh: set[Directory] = set()
        """Directories created since the reset."""

    @property
    def settings(self) -> Settings:
        """What the reference leaves open."""
        return self.dialect.settings

    @property
    def directory(self) -> Directory:
        """The current directory; refuses 6A82 on a card without MF."""
        directory = self.security.directory
        if directory is None:
            raise Refusal(0x6A82)
        return directory

    @property
    def environment(self) -> Directory:
        """The directory of keys below 80: the SSSE, also from its children (ref 11 §2.1)."""
        directory = self.directory
        if directory.spec.kind == "ADF" and directory.parent is not None:
            return directory.parent
        return directory

    def enter(self, directory: Directory | None) -> None:
        """Make ``directory`` current; no elementary file is."""
        self.security.enter(directory)
        self.file = None

    def reset(self) -> None:
        """Everything volatile falls; the MF is current."""
        self.security.clear()
        self.transport_presented = False
        self.fresh.clear()
        self.enter(self.mf)

    def is_open(self, directory: Directory) -> bool:
        """Whether rights are not enforced: fresh directory, transport code presented."""
        return (
            self.transport_presented
            and not directory.ended
            and (self.settings.fresh_after_reset or directory in self.fresh)
        )

    def allows(self, rule: Rule | KeyRule) -> bool:
        """Whether ``rule`` lets a command pass in the current directory."""
        return rule.kind == "free" or self.security.allows(rule) or self.is_open(self.directory)

    def require(self, rule: Rule | KeyRule) -> None:
        """Refuse 6982 unless ``rule`` is satisfied."""
        if not self.allows(rule):
            raise Refusal(0x6982)

    def directories(self) -> Iterator[Directory]:
        """Every directory of the card, in order of creation."""
        if self.mf is not None:
            yield from self.mf.directories()

    def find_key(self, type_: int, reference: int, version: int | None = None) -> StoredKey:
        """The key that P2 names: below 80 the environment's, else the current directory's.

        Refuses 6A88 when it is not there.
        """
        directory = self.directory if reference & 0x80 else self.environment
        return self.key_in(directory, type_, reference, version)

    def key_in(
        self, directory: Directory, type_: int, id_: int, version: int | None = None
    ) -> StoredKey:
        """A key of ``directory``; refuses 6A88 when it is not there."""
        file = directory.key_file
        key = file.find(type_, id_, version) if file is not None else None
        if key is None:
            raise Refusal(0x6A88)
        return key

    def plant(self, directory: Directory) -> None:
        """Put a new directory into the tree."""
        if directory.parent is None:
            assert directory.spec.fid == MF_FID
            self.mf = directory
        else:
            directory.parent.children[directory.spec.fid] = directory
