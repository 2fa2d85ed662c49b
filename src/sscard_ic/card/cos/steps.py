"""The steps that a dialect's builder makes, and that :class:`~sscard_ic.card.blank.Blank` takes.

Every step may be taken again after a crash or a torn card: what the card holds already is shown by
selecting it or by a proof, not assumed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sscard_ic.apdu import Command
from sscard_ic.base.errors import Text
from sscard_ic.card.channel import Channel
from sscard_ic.card.identity import CardIdentity
from sscard_ic.keys import Authenticator, BlankOpener, KeyLoader, Mode, PublishedKey
from sscard_ic.profile import CardProfile


@dataclass(frozen=True, slots=True)
class Send:
    """A command that may be repeated without harm and must succeed."""

    what: Text
    command: Command
    mac: str | None = None
    """Key of the MAC that it carries; None: it carries none."""


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
class Load:
    """How a key or PIN comes into the card.

    ``head`` is CLA INS P1 P2 of the plain form, ``header`` what comes before the value in the
    record, ``under`` the control key that protects it (None for plain), ``filled`` the length that
    the value is filled to with FF. ``repeated`` is the status word that a repetition is answered
    with; ``proof`` then proves the key itself, where the card can show that it has it.
    """

    what: Text
    head: bytes
    header: bytes
    mode: Mode
    under: str | PublishedKey | None
    filled: int
    repeated: int
    proof: bool


@dataclass(frozen=True, slots=True)
class LoadKey(Load):
    """One version of one key."""

    key: str
    version: int


@dataclass(frozen=True, slots=True)
class LoadPin(Load):
    """The PIN record."""


@dataclass(frozen=True, slots=True)
class Prove:
    """Prove one version of a key; a control key is that of the current directory."""

    what: Text
    key: str
    version: int = 1


@dataclass(frozen=True, slots=True)
class End:
    """A command that ends something; ``already`` is answered when it has ended before."""

    what: Text
    command: Command
    already: int


@dataclass(frozen=True, slots=True)
class VerifyPin:
    """Verify the initial PIN."""

    what: Text


Step = Send | Create | LoadKey | LoadPin | Prove | VerifyPin | End


class BlankKeys(Authenticator, BlankOpener, KeyLoader, Protocol):
    """What building up a blank asks of the key service."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A card on its way from factory to issue, as a builder sees it."""

    channel: Channel
    keys: BlankKeys
    factory_serial: bytes
    """T8-TD of the ATR that the card left the factory with."""
    identity: CardIdentity | None
    """Who the card becomes; None before a row is claimed for it."""


class Builder(Protocol):
    """One dialect's commands for building up a card of one profile."""

    key_cla: Mapping[Mode, int]
    """Class byte of WRITE KEY by protection."""
    challenge_length: int | None
    """Random bytes of the start value of its MAC, 4 or 8; None: half a block of its cipher."""

    def __init__(self, profile: CardProfile) -> None: ...

    def unlock(self, bench: Bench) -> bool:
        """Show the card that one is entitled to build it; False when it says that it has ended.

        Comes first after every reset. Raises :class:`Refused` when the proof is wrong; it is
        never tried twice.
        """
        ...

    def is_unused(self, bench: Bench) -> bool:
        """Whether an unlocked card is as its factory left it; changes nothing."""
        ...

    def initialisation(self) -> Sequence[Step]:
        """Everything from the MF to the unset records, in order."""
        ...

    def finish(self, historical: bytes) -> Sequence[Step]:
        """Write the 13 historical bytes of the issued card, then end its personalization."""
        ...

    def announcements(self) -> Sequence[tuple[Text, Command, bytes]]:
        """Commands that ask for FCI and DIR, and what a card must answer to them."""
        ...

    def check_ended(self, bench: Bench) -> None:
        """Show that nothing can be built any more, on a card just powered up.

        Changes nothing in either case. Raises :class:`CardError` for what is still open.
        """
        ...
