"""What the card manager keeps: its keys, the sequence counter, the applications installed.

Everything is read from the memory where it is used, so a change that the memory takes back is
gone here, too. Keys and sequence counter by ref 15 §5.1-5.3 and 04 §7.2, life cycle by ref 04 §7.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sscard_ic.crypto import des
from sscard_ic.crypto.pboc.channel import KEY_DATA_LENGTH, Kind, derivation_block
from sscard_ic.crypto.published import published_test_key
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.simulator.memory import Memory, damaged
from sscard_ic.simulator.pboc.stored import (
    CARD_BLOCKED,
    KEY_LENGTH,
    StoredApplication,
    StoredDebit,
)

Module = Literal["payment", "directory"]
"""What an application is an instance of."""

LAST_SEQUENCE = 0xFFFF
_ROOT = "bank"
_BELOW, _MODULE = f"{_ROOT}/", "/module"
_MANAGER = f"{_ROOT}/manager"
_KINDS: tuple[Kind, ...] = ("enc", "mac", "dek")
_MODULES: tuple[Module, ...] = ("payment", "directory")
_SERIAL_PART = 4
"""Bytes of the chip serial in the key data."""


@dataclass(frozen=True, slots=True)
class Installed:
    """One application on the chip."""

    aid: bytes
    module: Module
    privileges: int
    store: StoredApplication
    """A :class:`StoredDebit` for a payment application."""

    @property
    def debit(self) -> StoredDebit | None:
        """What a payment application keeps."""
        return self.store if isinstance(self.store, StoredDebit) else None


class Registry:
    """Card manager's memory, below ``bank/``; applications live in ``bank/AID``."""

    __slots__ = ("_memory", "model")

    def __init__(self, memory: Memory, model: FinancialApplication) -> None:
        self._memory = memory
        self.model = model

    def manufacture(self, serial: bytes, master: bytes | None) -> None:
        """Give a new chip its keys, derived from the KMC ``master`` (ref 15 §5.3).

        Left out: the published test key. ``serial`` is the chip's, its last four bytes count.
        """
        chip, names = self.model.chip, self.model.keys
        master = master or published_test_key(names.card_manager, names.version)
        key_data = chip.key_identifier + serial[-_SERIAL_PART:]
        self._put("key_data", key_data)
        for kind in _KINDS:
            key = master
            if chip.derivation != "none":
                key = des.encrypt(master, derivation_block(chip.derivation, key_data, kind))
            self._put(kind, key)
        self.sequence = chip.first_sequence

    # The card manager's own

    @property
    def key_data(self) -> bytes:
        """KEYDATA, 10 bytes."""
        return self._get("key_data")

    def key(self, kind: Kind) -> bytes:
        """A key of the card manager, 16 bytes."""
        return self._get(kind)

    @property
    def sequence(self) -> int:
        """Sequence counter of the next channel."""
        path = f"{_MANAGER}/sequence"
        state = self._memory.states.get(path)
        if not isinstance(state, int):
            raise damaged(path)
        return state

    @sequence.setter
    def sequence(self, value: int) -> None:
        self._memory.put(f"{_MANAGER}/sequence", value)

    @property
    def card_blocked(self) -> bool:
        """Whether CARD BLOCK has come."""
        return self._memory.states.get(CARD_BLOCKED) == 1

    # Applications

    def installed(self) -> Iterator[Installed]:
        """Every application, in order of installation."""
        for path in tuple(self._memory.states):
            if path.startswith(_BELOW) and path.endswith(_MODULE):
                yield self._installed(path.removesuffix(_MODULE))

    def find(self, aid: bytes) -> Installed | None:
        """The application with exactly this name."""
        return next((each for each in self.installed() if each.aid == aid), None)

    def install(self, aid: bytes, module: Module, privileges: int) -> Installed:
        """Put an application without data on the chip."""
        root = f"{_ROOT}/{aid.hex().upper()}"
        self._memory.put(f"{root}/module", module)
        self._memory.put(f"{root}/privileges", privileges)
        return self._installed(root)

    def delete(self, installed: Installed) -> None:
        """Take an application from the chip with all its data."""
        self._memory.drop(installed.store.root)

    def check(self) -> None:
        """Raise :class:`InputError` when the memory cannot be right."""
        if len(self.key_data) != KEY_DATA_LENGTH:
            raise damaged(f"{_MANAGER}/key_data")
        for kind in _KINDS:
            if len(self.key(kind)) != KEY_LENGTH:
                raise damaged(f"{_MANAGER}/{kind}")
        if not 0 <= self.sequence <= LAST_SEQUENCE + 1:
            raise damaged(f"{_MANAGER}/sequence")
        roots = [each.store.root for each in self.installed()]
        for path, state in self._memory.states.items():
            if isinstance(state, str) and path.startswith(tuple(f"{root}/" for root in roots)):
                _require_hex(path, state)

    def _installed(self, root: str) -> Installed:
        module = next((m for m in _MODULES if m == self._memory.states[f"{root}/module"]), None)
        privileges = self._memory.states.get(f"{root}/privileges")
        if module is None or not isinstance(privileges, int):
            raise damaged(root)
        try:
            aid = bytes.fromhex(root.removeprefix(_BELOW))
        except ValueError as error:
            raise damaged(root) from error
        kind = StoredDebit if module == "payment" else StoredApplication
        return Installed(aid, module, privileges, kind(self._memory, root))

    def _get(self, name: str) -> bytes:
        path = f"{_MANAGER}/{name}"
        try:
            return bytes.fromhex(str(self._memory.states[path]))
        except (KeyError, ValueError) as error:
            raise damaged(path) from error

    def _put(self, name: str, value: bytes) -> None:
        self._memory.put(f"{_MANAGER}/{name}", value.hex().upper())


def _require_hex(path: str, state: str) -> None:
    if path.endswith(_MODULE):
        return
    try:
        bytes.fromhex(state)
    except ValueError as error:
        raise damaged(path) from error
