"""What a vpcd driver says to a card and what the card answers, without sockets (ref 09 §1.4).

A frame is a length of two bytes, most significant first, and as many bytes. A frame of one byte
is a control message of the driver, any other one a command for the card.
"""

from __future__ import annotations

from typing import Final

from sscard_ic.base import CardError, Text
from sscard_ic.simulator.card import CardLost, VirtualCard

LENGTH_SIZE: Final = 2
MAX_FRAME: Final = 0xFFFF

POWER_OFF: Final = 0
POWER_ON: Final = 1
RESET: Final = 2
GET_ATR: Final = 4
CONTROLS: Final = frozenset((POWER_OFF, POWER_ON, RESET, GET_ATR))

LOOK: Final = bytes((GET_ATR,))
"""The question by which a driver finds out whether the card is there."""
WAKING: Final = (bytes((POWER_ON,)), bytes((RESET,)))
"""After these it is asked for the ATR itself."""

MUTE_ATR: Final = bytes(34)
"""Answer of a card that gave no ATR. The driver must be answered, or it waits for ever with all of
its service; it finds anything longer than the 33 bytes an ATR can have too long, and reports a
card that is present but cannot be powered."""

_WRONG_LENGTH: Final = b"\x67\x00"
_NO_POWER: Final = b"\x6f\x00"
_SHORTEST_COMMAND: Final = 4
_SHORTEST_ANSWER: Final = 2


class Frames:
    """Bytes as they arrive, in pieces of any size; frames as they were sent."""

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, piece: bytes) -> None:
        """Bytes that arrived."""
        self._bytes += piece

    def take(self) -> bytes | None:
        """The oldest frame, without its length; None while it is not complete."""
        waiting = self._bytes
        if len(waiting) < LENGTH_SIZE:
            return None
        end = LENGTH_SIZE + (waiting[0] << 8 | waiting[1])
        if len(waiting) < end:
            return None
        frame = bytes(waiting[LENGTH_SIZE:end])
        del waiting[:end]
        return frame


def frame(payload: bytes) -> bytes:
    """``payload``, at most 65535 bytes, with its length before it."""
    return len(payload).to_bytes(LENGTH_SIZE, "big") + payload


class CardSide:
    """The card's answer to every frame of a driver.

    Without power a card answers the question for its ATR, which the driver asks at any time to
    see whether the card is there, and 6F00 to commands: it must not forget unnoticed what was
    proved to it. What is shorter than a command gets 6700. No driver sends controls other than
    the four, so that such a byte can only be a client's command, which waits for an answer.
    """

    __slots__ = ("_before", "_card", "mute", "powered", "total")

    def __init__(self, card: VirtualCard) -> None:
        self._card = card
        self.powered = False
        self.mute = False
        """Whether the card gave no ATR at its last power-up or reset."""
        self.total = 0
        """Commands answered."""
        self._before = 0

    @property
    def exchanges(self) -> int:
        """Commands answered since the last power-up."""
        return self.total - self._before

    def answer(self, frame: bytes) -> bytes | None:
        """What to send back; None where the driver expects nothing (power, reset).

        Raises :class:`CardLost` where the card answers a command with silence, and
        :class:`CardError` for an answer that no frame can hold or no reader would understand.
        """
        if len(frame) < _SHORTEST_COMMAND:
            if len(frame) == 1 and frame[0] in CONTROLS:
                return self._control(frame[0])
            return _WRONG_LENGTH
        if self.mute:
            raise CardLost("mute")
        if not self.powered:
            return _NO_POWER
        answer = self._card.transmit(frame)
        if not _SHORTEST_ANSWER <= len(answer) <= MAX_FRAME:
            raise CardError(
                Text(
                    f"虚拟卡的应答为 {len(answer)} 字节，应为 2 至 65535 字节",
                    f"the virtual card answered {len(answer)} bytes instead of 2 to 65535",
                )
            )
        self.total += 1
        return answer

    def power_off(self) -> None:
        """The card is out of the reader, or the reader took its power away."""
        self.powered = self.mute = False
        self._card.power_off()

    def _control(self, control: int) -> bytes | None:
        if control == GET_ATR:
            return MUTE_ATR if self.mute else self._card.atr or MUTE_ATR
        if control == POWER_OFF:
            self.power_off()
        else:
            self._power_up(cold=control == POWER_ON)
        return None

    def _power_up(self, *, cold: bool) -> None:
        self.powered = self.mute = False
        try:
            if cold:
                self._before = self.total
                self._card.power_on()
            else:
                self._card.reset(cold=False)
        except CardLost as lost:
            if lost.loss != "mute":
                raise
            self.mute = True
        else:
            self.powered = True
