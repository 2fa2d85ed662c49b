"""What a reader sees of a virtual card, and how it tells that it answers no more."""

from __future__ import annotations

from typing import Literal, Protocol

Interface = Literal["contact", "contactless"]
"""The face of the chip that a reader talks to."""

Loss = Literal["removed", "torn", "mute"]
"""Taken out between two exchanges; taken out in the middle of one; in place, but without answer."""


class CardLost(Exception):
    """The card gave no answer; until its next power-up it gives none to anything."""

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss)
        self.loss = loss


class VirtualCard(Protocol):
    """A chip in a reader: power, resets, commands; :class:`~.chip.Chip` is one.

    Not safe for use from several threads at once, like a chip in a reader.
    """

    @property
    def atr(self) -> bytes:
        """The ATR of the last reset; before the first one, that of the coming one."""
        ...

    @property
    def protocol(self) -> Literal["T=0", "T=1"]:
        """Transmission protocol that the chip speaks."""
        ...

    @property
    def powered(self) -> bool:
        """Whether the chip has power."""
        ...

    def power_on(self) -> bytes:
        """Apply power; the ATR. Raises :class:`CardLost` when there is no answer."""
        ...

    def power_off(self) -> None:
        """Take power away; everything volatile is gone."""
        ...

    def reset(self, cold: bool) -> bytes:
        """Cold or warm reset; the ATR. Raises :class:`CardLost` when there is no answer."""
        ...

    def transmit(self, raw: bytes) -> bytes:
        """Data and status word; raises :class:`CardLost` when there is no answer."""
        ...

    def close(self) -> None:
        """Take power away and let go of the image file."""
        ...
