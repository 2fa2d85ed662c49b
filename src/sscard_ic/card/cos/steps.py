"""The steps that a dialect's builder makes, and that :class:`~sscard_ic.card.blank.Blank` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sscard_ic.apdu import Command
from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys import Mode
from sscard_ic.profile import CardProfile


@dataclass(frozen=True, slots=True)
class Send:
    """A command that may be repeated without harm and must succeed."""

    what: Text
    command: Command


@dataclass(frozen=True, slots=True)
class Create:
    """A file that must come to exist.

    When the card says it does already, the commands of ``confirm`` select it, and come back to
    the directory that the next step expects. Empty for files that no command selects (keys, FCI):
    the steps that follow write into them.
    """

    what: Text
    command: Command
    confirm: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class LoadKey:
    """One version of one key. ``head`` is CLA INS P1 P2 plain, ``header`` the 8 bytes before it."""

    what: Text
    head: bytes
    header: bytes
    key: str
    version: int
    under: str | None
    """Control key that enciphers the record; None for plain."""


@dataclass(frozen=True, slots=True)
class LoadPin:
    """The PIN record."""

    what: Text
    head: bytes
    header: bytes
    under: str | None


@dataclass(frozen=True, slots=True)
class AuthenticateMaster:
    """Prove the control key of the current directory."""

    what: Text
    key: str


Step = Send | Create | LoadKey | LoadPin | AuthenticateMaster


class Builder(Protocol):
    """One dialect's commands for building up a card of one profile."""

    key_cla: Mapping[Mode, int]
    """Class byte of WRITE KEY by protection."""

    def __init__(self, profile: CardProfile) -> None: ...

    def transport_code(self, code: Secret) -> Secret:
        """The finished command that presents the transport code."""
        ...

    def initialisation(self) -> Sequence[Step]:
        """Everything from the MF to the unset records, in order."""
        ...

    def atr(self, historical: bytes) -> Sequence[Send]:
        """Writes the 13 historical bytes of the issued card; effective after a reset."""
        ...

    def announcements(self) -> Sequence[tuple[Text, Command, bytes]]:
        """Commands that ask for FCI and DIR, and what a card must answer to them."""
        ...

    def end(self) -> Sequence[tuple[Send, Send, Create]]:
        """For each directory, inner ones first: select, end, and the probe that it is ended.

        The probe creates a file that exists already, so that it changes nothing in either case.
        """
        ...
