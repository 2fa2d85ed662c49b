"""What can go wrong between the program and a card: one class for each cause.

Every class has a ``kind``, a stable word for programs. Drivers of every sort raise these classes,
so that callers need not know which sort of reader they talk to. The texts of a PC/SC reader's
errors are made in :mod:`sscard_ic.reader.pcsc.failures`.
"""

from __future__ import annotations

from typing import ClassVar

from sscard_ic.base.errors import SscardError


class ReaderError(SscardError):
    """The reader, the connection or the card in it is not there or does not answer."""

    kind: ClassVar[str] = "reader"


class BindingMissing(ReaderError):
    """The library through which PC/SC readers are reached is not installed."""

    kind = "binding missing"


class NoService(ReaderError):
    """The PC/SC service does not run, or was stopped."""

    kind = "no service"


class AccessDenied(ReaderError):
    """The PC/SC service does not admit this user."""

    kind = "access denied"


class NoReader(ReaderError):
    """There is no such reader, or it was unplugged."""

    kind = "no reader"


class SeveralReaders(ReaderError):
    """The words for a reader fit several."""

    kind = "several readers"


class NoCard(ReaderError):
    """There is no card in the reader."""

    kind = "no card"


class ReaderBusy(ReaderError):
    """Another program holds the reader or the card."""

    kind = "busy"


class MuteCard(ReaderError):
    """The card gives no answer: to the reset, or to a command."""

    kind = "mute"


class ProtocolMismatch(ReaderError):
    """The card does not speak the transmission protocol that was asked for."""

    kind = "protocol mismatch"


class CardRemoved(ReaderError):
    """The card was taken out, or lost its power, while it was in use."""

    kind = "removed"


class CardWasReset(ReaderError):
    """Another program reset the card: what was proved to it is forgotten."""

    kind = "reset by another program"
