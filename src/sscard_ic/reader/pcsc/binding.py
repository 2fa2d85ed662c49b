"""The PC/SC functions of the system: found when they are needed, with errors as exceptions.

They come from the low-level module of pyscard. Its classes are not used: they share one context
between all threads of a program, which does not outlive a restart of the service.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, cast

from sscard_ic.base.errors import Text
from sscard_ic.reader.errors import BindingMissing

_SCOPE_SYSTEM = 2

SHARE_EXCLUSIVE, SHARE_SHARED = 1, 2
PROTOCOL_T0, PROTOCOL_T1 = 1, 2
LEAVE_CARD, RESET_CARD, UNPOWER_CARD = 0, 1, 2

UNAWARE = 0
"""State that stands for: tell me, whatever it is."""
_IGNORE, _CHANGED, _UNKNOWN, _UNAVAILABLE, _EMPTY = 0x01, 0x02, 0x04, 0x08, 0x10
_PRESENT, _EXCLUSIVE, _IN_USE, _MUTE = 0x20, 0x80, 0x100, 0x200

NOTIFICATION = "\\\\?PnP?\\Notification"
"""The reader that there never is: its state changes when a reader is plugged in or out."""

E_INVALID_HANDLE = 0x80100003
E_UNKNOWN_READER = 0x80100009
E_TIMEOUT = 0x8010000A
E_SHARING_VIOLATION = 0x8010000B
E_NO_SMARTCARD = 0x8010000C
F_COMM_ERROR = 0x80100013
E_NOT_TRANSACTED = 0x80100016
E_READER_UNAVAILABLE = 0x80100017
E_NO_SERVICE = 0x8010001D
E_SERVICE_STOPPED = 0x8010001E
E_NO_READERS = 0x8010002E
E_COMM_DATA_LOST = 0x8010002F
W_UNRESPONSIVE_CARD = 0x80100066
W_UNPOWERED_CARD = 0x80100067
W_RESET_CARD = 0x80100068
W_REMOVED_CARD = 0x80100069
W_SECURITY_VIOLATION = 0x8010006A

_LONGEST_NAME = 127

_StateRow = tuple[str, int] | tuple[str, int, list[int]]


class Scard(Protocol):
    """The functions of ``smartcard.scard`` that are used here, as they are there."""

    def SCardEstablishContext(self, scope: int, /) -> tuple[int, int]: ...
    def SCardReleaseContext(self, context: int, /) -> int: ...
    def SCardListReaders(self, context: int, groups: list[str], /) -> tuple[int, list[str]]: ...
    def SCardGetStatusChange(
        self, context: int, timeout: int, states: list[tuple[str, int]], /
    ) -> tuple[int, list[tuple[str, int, list[int]]]]: ...
    def SCardConnect(
        self, context: int, reader: str, share: int, protocols: int, /
    ) -> tuple[int, int, int]: ...
    def SCardReconnect(
        self, card: int, share: int, protocols: int, initialization: int, /
    ) -> tuple[int, int]: ...
    def SCardStatus(self, card: int, /) -> tuple[int, str, int, int, list[int]]: ...
    def SCardTransmit(
        self, card: int, protocol: int, command: list[int], /
    ) -> tuple[int, list[int]]: ...
    def SCardBeginTransaction(self, card: int, /) -> int: ...
    def SCardEndTransaction(self, card: int, disposition: int, /) -> int: ...
    def SCardDisconnect(self, card: int, disposition: int, /) -> int: ...
    def SCardGetErrorMessage(self, code: int, /) -> str: ...


class ScardError(Exception):
    """A function of PC/SC failed with ``code``, a number without sign."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code:08X}")
        self.code = code


def load_scard() -> Scard:
    """The functions of this system. Raises :class:`BindingMissing`."""
    try:
        if sys.platform == "linux":
            # pyscard loads it too, but complains on standard output, and then calls a missing
            # library a service that does not run.
            importlib.import_module("ctypes").CDLL("libpcsclite.so.1")
        return cast(Scard, importlib.import_module("smartcard.scard"))
    except (ImportError, OSError) as error:
        raise BindingMissing(
            Text(
                f"没有安装 PC/SC 读写器所需的部件（{error}）",
                f"what PC/SC readers need is not installed ({error})",
            ),
            hint=Text(
                "pip install 'sscard-ic[pcsc]'（源码目录中：make pcsc）；"
                "在 Linux 上须先有 libpcsclite1，以及编译用的 gcc、python3-dev、libpcsclite-dev。"
                "虚拟卡不需要它：--reader virtual:文件",
                "pip install 'sscard-ic[pcsc]' (in a clone: make pcsc); on Linux it needs "
                "libpcsclite1, and to be built gcc, python3-dev and libpcsclite-dev. "
                "Virtual cards work without it: --reader virtual:FILE",
            ),
        ) from error


def unsigned(code: int) -> int:
    """A result as it stands in the tables; Windows gives numbers with a sign."""
    return code & 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Look:
    """What the service says about one reader; ``state`` is for the next question."""

    state: int
    atr: bytes

    @property
    def there(self) -> bool:
        """Whether the reader is there."""
        return not self.state & (_IGNORE | _UNKNOWN | _UNAVAILABLE)

    @property
    def card(self) -> bool:
        """Whether a card is in it."""
        return self.there and bool(self.state & _PRESENT)

    @property
    def mute(self) -> bool:
        """Whether that card gave no ATR."""
        return bool(self.state & _MUTE)

    @property
    def exclusive(self) -> bool:
        """Whether one program has it for itself."""
        return bool(self.state & _EXCLUSIVE)

    @property
    def in_use(self) -> bool:
        """Whether any program is connected to it."""
        return bool(self.state & (_IN_USE | _EXCLUSIVE))

    @property
    def count(self) -> int:
        """Cards put in and taken out since the service found the reader."""
        return self.state >> 16 & 0xFFFF


class Context:
    """One conversation with the service, for one thread.

    A call on a context while another thread's call on it blocks would block every PC/SC call of
    the program [measured, pcsc-lite 1.9.9]: contexts are never shared. One that was made before
    the service stopped stays dead when it is back. Methods raise :class:`ScardError`.
    """

    def __init__(self, scard: Scard) -> None:
        self._scard = scard
        code, self._handle = scard.SCardEstablishContext(_SCOPE_SYSTEM)
        check(code)

    def readers(self) -> list[str]:
        """Names, in the order of the service."""
        code, names = self._scard.SCardListReaders(self._handle, [])
        if unsigned(code) == E_NO_READERS:
            return []
        check(code)
        return names

    def look(self, known: Mapping[str, int], timeout: float = 0.0) -> dict[str, Look] | None:
        """Readers by name, as soon as one differs from the state it is ``known`` to have.

        None when ``timeout`` seconds went by without.
        """
        states = [(name, state & ~_CHANGED) for name, state in known.items()]
        code, rows = self._scard.SCardGetStatusChange(
            self._handle, max(0, round(1000 * timeout)), states
        )
        if unsigned(code) == E_TIMEOUT:
            return None
        check(code)
        return {name: Look(state & ~_CHANGED, bytes(atr)) for name, state, atr in rows}

    def look_at(self, reader: str) -> Look:
        """The present state of one reader."""
        rows = self.look({reader: UNAWARE})
        # Only a reader of which nothing is known never keeps the answer waiting.
        return rows[reader] if rows else Look(_UNKNOWN, b"")

    def connect(self, reader: str, share: int, protocols: int) -> tuple[int, int]:
        """Handle and active protocol; waits as long as another program is at the reader."""
        if not _possible(reader):
            raise ScardError(E_UNKNOWN_READER)
        code, card, active = self._scard.SCardConnect(self._handle, reader, share, protocols)
        check(code)
        return card, active

    def made_by(self, scard: Scard) -> bool:
        """Whether it is a context of these functions."""
        return self._scard is scard

    def release(self) -> None:
        """End the conversation; one that is dead already is ended all the same."""
        self._scard.SCardReleaseContext(self._handle)


_spare: deque[Context] = deque()
"""Contexts of connections that ended well: to make and to end one costs as much as to connect."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_spare.clear)  # the service knows its clients by process


def spare_context(scard: Scard) -> Context | None:
    """A context that was used before, when there is one; it may have died since."""
    with suppress(IndexError):
        context = _spare.pop()
        if context.made_by(scard):
            return context
        context.release()
    return None


def keep_context(context: Context) -> None:
    """Keep a context for the next connection; nothing may be connected on it."""
    _spare.append(context)


def check(code: int) -> None:
    """Raise :class:`ScardError` for a result that is not success."""
    if code:
        raise ScardError(unsigned(code))


def _possible(reader: str) -> bool:
    """Whether a reader can have this name; what is not is cut or refused further down."""
    try:
        return "\0" not in reader and 0 < len(reader.encode()) <= _LONGEST_NAME
    except UnicodeEncodeError:
        return False
