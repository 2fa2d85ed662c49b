"""What every COS dialect answers for on the card's side.

A dialect is one :class:`Interpreter`: its commands, and what the bytes that create files and keys
mean. It has no state of its own: what changes is in the :class:`~..card_state.CardState`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from sscard_ic.apdu import Command
from sscard_ic.profile.dialect import Dialect
from sscard_ic.simulator.files import Directory, DirectorySpec, FileSpec
from sscard_ic.simulator.keys import KeyRecord, StoredKey
from sscard_ic.simulator.security import SecurityState

if TYPE_CHECKING:
    from sscard_ic.simulator.card_state import CardState

Handler = Callable[["CardState", Command], bytes]
Table = Mapping[tuple[int, int], Handler]
"""Handlers by CLA and INS."""

_STK, _STK_OF_ADF = 0x02, 0x82

LifeCycle = Literal["blank", "open", "issued"]
"""Without structure of its own; in personalization; ended."""


class Interpreter(ABC):
    """One COS dialect."""

    commands: ClassVar[Table]
    """Its own commands; they go before those of every card (:mod:`~..ssc`)."""
    always: ClassVar[frozenset[tuple[int, int]]] = frozenset()
    """CLA and INS of those that a blocked card answers, too."""

    def security_state(self) -> SecurityState:
        """A fresh security state of its kind."""
        return SecurityState()

    def header(self, serial: bytes, key: bytes) -> dict[str, str]:
        """What the header of an image keeps about this blank.

        ``serial`` is the factory's (6 bytes), ``key`` opens the maker's blanks (8 or 16 bytes).
        """
        return {}

    def manufacture(self, card: CardState) -> None:
        """Put into a new chip what it leaves the factory with."""
        return None

    @abstractmethod
    def parse_file(
        self, data: bytes, dialect: Dialect, parent: Directory | None
    ) -> DirectorySpec | FileSpec:
        """What creates a file, as :func:`~..tree.create` was given it; refuses what is none."""

    @abstractmethod
    def parse_key(self, data: bytes, dialect: Dialect, directory: Directory) -> KeyRecord:
        """A key record as ``KeyRecord.raw`` keeps it; refuses what is none."""

    @abstractmethod
    def with_value(self, record: KeyRecord, value: bytes) -> KeyRecord:
        """The record of a key or PIN with another value."""

    @abstractmethod
    def is_open(self, card: CardState, directory: Directory) -> bool:
        """Whether rights are not enforced in ``directory``: it is still being built."""

    @abstractmethod
    def fci(self, card: CardState, directory: Directory) -> bytes:
        """What SELECT of a directory answers."""

    def furnish(self, card: CardState, directory: Directory) -> None:
        """Give a new directory what comes with it; done again when the memory is read."""
        return None

    def find_key(
        self, card: CardState, type_: int, reference: int, version: int | None
    ) -> StoredKey:
        """The key that P2 names: below 80 the environment's, else the current directory's.

        Refuses 6A88 when it is not there (ref 11 §2.1).
        """
        directory = card.directory if reference & 0x80 else card.environment
        return card.key_in(directory, type_, reference & ~directory.spec.key_bit, version)

    def maintenance_key(self, card: CardState, directory: Directory) -> StoredKey:
        """The key of the MACs that block ``directory``, and of those that no rule asks for.

        STK, whose identifier is 02 in an environment and 82 in an application (ref 01 §10.2).
        Refuses 6A88 when it is not there.
        """
        id_ = _STK_OF_ADF if directory.spec.kind == "ADF" else _STK
        return card.key_of_use(directory, "mac", id_)

    def mac_key(self, card: CardState, directory: Directory, id_: int) -> StoredKey:
        """The key of a MAC in ``directory`` by its stored identifier; refuses 6A88."""
        return card.key_in(directory, card.dialect.key_types.mac, id_)

    def life_cycle(self, card: CardState) -> LifeCycle:
        """How far the card is."""
        if card.mf is None:
            return "blank"
        return "issued" if card.mf.ended else "open"

    def historical(self, card: CardState) -> bytes | None:
        """The 13 historical bytes that a file of the COS holds; None: those of the chip."""
        return None
