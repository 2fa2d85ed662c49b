"""Counts exchanges and bytes, and says how long a link would need for them (ref 08 §1.5, §2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from sscard_ic.base.secret import Secretive
from sscard_ic.reader.connection import Connection
from sscard_ic.reader.wrappers import Wrapper

Link = Literal["t0-9600", "t0-115200", "contactless-424k"]

_T0_ETU = {"t0-9600": 1 / 9600, "t0-115200": 1 / 115200}
_CONTACTLESS_BITRATE = 13.56e6 / 32
_CONTACTLESS_FRAME = 256
_ANSWER_DELAY = 88e-6


@dataclass(slots=True)
class Tally:
    """What went over the wire."""

    exchanges: int = 0
    sent: int = 0
    received: int = 0
    t0_bytes: int = 0
    t0_turns: int = 0
    contactless_bits: float = 0.0
    contactless_blocks: int = 0

    def add(self, command_length: int, answer_length: int) -> None:
        """One exchange of these lengths, status word included."""
        self.exchanges += 1
        self.sent += command_length
        self.received += answer_length
        body = max(0, command_length - 5)
        data = answer_length - 2
        # Header of 5 bytes (P3 is always sent), procedure byte only where data follow it.
        self.t0_bytes += 5 + (1 + body if body else 0) + (1 + data if data else 0) + 2
        self.t0_turns += 3 if body else 1
        for length in (command_length, answer_length):
            blocks = math.ceil(length / (_CONTACTLESS_FRAME - 3))
            self.contactless_blocks += blocks
            self.contactless_bits += 9 * (length + 3 * blocks) + 2 * blocks

    def milliseconds(self, link: Link) -> float:
        """Time on the wire alone: no card work, no reader."""
        if link == "contactless-424k":
            seconds = self.contactless_bits / _CONTACTLESS_BITRATE
            return 1000 * (seconds + self.contactless_blocks * _ANSWER_DELAY)
        return 1000 * _T0_ETU[link] * (12 * self.t0_bytes + 4 * self.t0_turns)


class LinkMeter(Wrapper):
    """Adds every exchange to a tally that the caller may share between connections."""

    def __init__(self, inner: Connection, tally: Tally) -> None:
        super().__init__(inner)
        self.tally = tally

    def transmit(self, command: Secretive) -> bytes:
        """One counted exchange."""
        answer = self.inner.transmit(command)
        self.tally.add(len(command), len(answer))
        return answer
