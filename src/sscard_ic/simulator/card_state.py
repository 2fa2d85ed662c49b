"""The file system with everything that commands work on: tree, place, security state.

Whatever depends on the COS dialect is asked of the interpreter; the methods here are what the
commands of every card call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sscard_ic.profile.dialect import Dialect, KeyTypeName, Settings
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.files import Directory, ElementaryFile
from sscard_ic.simulator.keys import StoredKey
from sscard_ic.simulator.mask import Mask
from sscard_ic.simulator.memory import Memory
from sscard_ic.simulator.rules import MacRule, Rule
from sscard_ic.simulator.silicon import Challenge, Identity

if TYPE_CHECKING:
    from sscard_ic.crypto.secure_messaging import MessageKey
    from sscard_ic.simulator.cos.interpreter import Interpreter
    from sscard_ic.simulator.secure_messaging import Message


class CardState:
    """Tree, current directory and file, what has been proved, and the chip around them."""

    __slots__ = (
        "blocked",
        "challenge",
        "cursor",
        "dialect",
        "file",
        "fresh",
        "identity",
        "interpreter",
        "mask",
        "memory",
        "message",
        "mf",
        "opened",
        "security",
    )

    def __init__(
        self,
        memory: Memory,
        dialect: Dialect,
        interpreter: Interpreter,
        mask: Mask,
        identity: Identity,
        challenge: Challenge,
    ) -> None:
        self.memory = memory
        self.dialect = dialect
        self.interpreter = interpreter
        self.mask = mask
        self.identity = identity
        self.challenge = challenge
        self.mf: Directory | None = None
        self.file: ElementaryFile | None = None
        self.cursor: tuple[ElementaryFile, int] | None = None
        """The record used last, for dialects that count on from it."""
        self.security = interpreter.security_state()
        self.message: Message | None = None
        """The command in work, where it carries a MAC."""
        self.blocked = False
        """Whether a lock is on the current directory, or on one above it."""
        self.opened = False
        """Whether the proof that opens a blank has been given since the reset."""
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
        self.file = self.cursor = None
        self.blocked = directory is not None and directory.standing != "none"

    def reset(self) -> None:
        """Everything volatile falls; the MF is current."""
        self.security.clear()
        self.opened = False
        self.fresh.clear()
        self.enter(self.mf)

    def is_open(self, directory: Directory) -> bool:
        """Whether rights are not enforced: the directory is still being built."""
        return self.interpreter.is_open(self, directory)

    def allows(self, rule: Rule) -> bool:
        """Whether ``rule`` lets a command pass in the current directory; a MAC must be right."""
        if not (rule.free or rule.met(self.security) or self.is_open(self.directory)):
            return False
        if self.message is None:
            return not isinstance(rule, MacRule) or self.is_open(self.directory)
        self._check_mac(rule)
        return True

    def require(self, rule: Rule) -> None:
        """Refuse 6982 unless ``rule`` is satisfied.

        Where it asks for a MAC besides: 6987 (or as set) when there is none, and what
        :meth:`check_message` refuses.
        """
        if rule.free and self.message is None:
            return
        if not (rule.met(self.security) or self.is_open(self.directory)):
            raise Refusal(0x6982)
        if self.message is not None:
            self._check_mac(rule)
        elif isinstance(rule, MacRule) and not self.is_open(self.directory):
            raise Refusal(self.dialect.messaging.mac_missing)

    def check_message(self, key: StoredKey) -> MessageKey:
        """What protects the command in work, its MAC by ``key`` found right.

        Refuses 6982 (the key may not be used now), 6983, 6984, 6987 and 6988.
        """
        if self.message is None:
            raise Refusal(0x6987)
        if not (self._use_rule(key).met(self.security) or self.is_open(self.directory)):
            raise Refusal(0x6982)
        return self.message.check(self, key)

    def _check_mac(self, rule: Rule) -> None:
        """Check the MAC by the key that ``rule`` names, or by that of the directory."""
        if isinstance(rule, MacRule):
            name, id_ = rule.mac
            owner = next((d for d in self.directories() if d.name == name), None)
            if owner is None:
                raise Refusal(0x6A88)
            self.check_message(self.mac_key(owner, id_))
        elif self.dialect.messaging.unasked_mac == "refused":
            raise Refusal(0x6882)
        else:
            self.check_message(self.interpreter.maintenance_key(self, self.directory))

    def directories(self) -> Iterator[Directory]:
        """Every directory of the card, in order of creation."""
        if self.mf is not None:
            yield from self.mf.directories()

    def find_key(self, type_: int, reference: int, version: int | None = None) -> StoredKey:
        """The key that P2 names, in the way of the dialect; no version: the lowest present.

        Refuses 6A88 when it is not there and 6982 when it may not be used now.
        """
        key = self.interpreter.find_key(self, type_, reference, version)
        self.require_use(key)
        return key

    def require_use(self, key: StoredKey) -> None:
        """Refuse 6982 when ``key`` may not be used now, and as :meth:`require` does."""
        self.require(self._use_rule(key))

    def _use_rule(self, key: StoredKey) -> Rule:
        place = key.directory.name, key.reference, key.record.type
        return self.mask.use_rule(*place) or key.record.usable

    def key_in(
        self, directory: Directory, type_: int, id_: int, version: int | None = None
    ) -> StoredKey:
        """A key of ``directory`` by its stored identifier; refuses 6A88 when it is not there."""
        key = directory.find_key(type_, id_, version)
        if key is None:
            raise Refusal(0x6A88)
        return key

    def key_of_use(
        self, directory: Directory, use: KeyTypeName, id_: int, version: int | None = None
    ) -> StoredKey:
        """A key of ``directory`` by its use and the identifier that the profile gives it.

        Refuses 6A88 when it is not there.
        """
        stored = id_ & ~directory.spec.key_bit
        return self.key_in(directory, self.dialect.key_types.of(use), stored, version)

    def mac_key(self, directory: Directory, id_: int) -> StoredKey:
        """The key of a MAC by the identifier that the profile gives it; refuses 6A88."""
        return self.interpreter.mac_key(self, directory, id_ & ~directory.spec.key_bit)

    def set_value(self, key: StoredKey, value: bytes) -> None:
        """Give a key or PIN another value."""
        key.replace(self.interpreter.with_value(key.record, value))

    def refused_key(self, key: StoredKey) -> Refusal:
        """Count a failed proof of ``key``; what to answer."""
        self.security.failed_key(key)
        return key.failed()

    def refused_pin(self, pin: StoredKey) -> Refusal:
        """Count a failed verification of ``pin``; what to answer."""
        self.security.failed_pin(pin)
        return pin.failed()
