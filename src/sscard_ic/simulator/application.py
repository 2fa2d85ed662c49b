"""What the chip asks of an application on it."""

from __future__ import annotations

from typing import Protocol

from sscard_ic.apdu import Command


class Refusal(Exception):
    """A command is answered with status word ``sw``.

    ``data`` come with it where it is a warning; at T=0 GET RESPONSE fetches them.
    """

    def __init__(self, sw: int, data: bytes = b"") -> None:
        super().__init__(sw)
        self.sw = sw
        self.data = data


class Application(Protocol):
    """An application: names it answers to, commands it knows, a state of its own.

    The chip routes SELECT by name to the application that owns the name, everything else to the
    current one. Power, T=0 and GET RESPONSE are the chip's business.
    """

    def select(self, name: bytes, following: bool) -> bytes | None:
        """Answer data (FCI) of the directory with ``name`` or a name beginning so, now current.

        ``following``: the next one after the current directory (P2 = 02). None when there is no
        such directory here; nothing changes then.
        """
        ...

    def process(self, command: Command) -> bytes:
        """Answer data of ``command``; raises :class:`Refusal` for every other outcome."""
        ...

    def pass_over(self) -> None:
        """A command has come that the chip refuses itself: what waited for the next one falls."""
        ...

    def deselect(self) -> None:
        """Another application has been selected: forget the security state."""
        ...

    def reset(self) -> None:
        """The chip has been reset: forget everything volatile."""
        ...
