"""A card that does what a test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from sscard_ic.simulator import CardLost, Loss


class PlainCard:
    """Answers 9000 to everything until it is told something else."""

    protocol: Literal["T=0", "T=1"] = "T=0"
    powered = False

    def __init__(self, number: int = 1) -> None:
        self.atr = bytes.fromhex("3B690000535343") + number.to_bytes(6, "big")
        self.commands: list[bytes] = []
        self.answer: Callable[[bytes], bytes]
        self.lost_at_reset: Loss | None
        self.behave()

    def behave(self) -> None:
        """As it was in the beginning."""
        self.commands.clear()
        self.answer = lambda raw: b"\x90\x00"
        self.lost_at_reset = None

    def power_on(self) -> bytes:
        """Apply power."""
        self.powered = True
        return self.reset(cold=True)

    def power_off(self) -> None:
        """Take it away."""
        self.powered = False

    def reset(self, cold: bool) -> bytes:
        """Nothing is forgotten, for nothing is known."""
        if self.lost_at_reset is not None:
            raise CardLost(self.lost_at_reset)
        return self.atr

    def transmit(self, raw: bytes) -> bytes:
        """One exchange."""
        self.commands.append(raw)
        return self.answer(raw)

    def close(self) -> None:
        """Take the power away."""
        self.power_off()


def torn(raw: bytes) -> bytes:
    """An answer that never comes."""
    raise CardLost("torn")
