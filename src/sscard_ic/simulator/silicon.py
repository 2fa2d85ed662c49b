"""What belongs to the chip and not to an application: identity, random numbers, challenge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from sscard_ic.simulator.memory import Memory, damaged

_HEAD = "chip/atr"
_UNIQUE = "chip/unique"
HEAD_LENGTH = 11
UNIQUE_LENGTH = 6
_T1 = 0x01


class Identity:
    """The ATR: 11 bytes TS T0 TB1 TC1 T1-T7 and the six of the unique number T8-TD."""

    __slots__ = ("_memory", "_protocol")

    def __init__(self, memory: Memory, protocol: Literal["T=0", "T=1"]) -> None:
        self._memory = memory
        self._protocol = protocol

    def write_head(self, head: bytes) -> None:
        """Replace the first 11 bytes; answered after the next reset."""
        self._memory.put(_HEAD, head.hex().upper())

    def write_unique(self, unique: bytes) -> None:
        """Replace the last six historical bytes; answered after the next reset."""
        self._memory.put(_UNIQUE, unique.hex().upper())

    def atr(self) -> bytes:
        """The whole ATR; a T=1 chip adds TD1 and the check byte TCK (ISO/IEC 7816-3)."""
        head = bytes.fromhex(str(self._memory.states.get(_HEAD, "")))
        unique = bytes.fromhex(str(self._memory.states.get(_UNIQUE, "")))
        if len(head) != HEAD_LENGTH or len(unique) != UNIQUE_LENGTH:
            raise damaged(_HEAD)
        if self._protocol == "T=0":
            return head + unique
        atr = bytes((head[0], head[1] | 0x80, head[2], head[3], _T1)) + head[4:] + unique
        check = 0
        for byte in atr[1:]:
            check ^= byte
        return atr + bytes((check,))


class Challenge:
    """The latest random number the card gave away; good for one proof (ref 02 §1.3)."""

    __slots__ = ("_entropy", "_value")

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._value: bytes | None = None

    def draw(self, length: int) -> bytes:
        """A fresh challenge; the one before is void."""
        self._value = value = self._entropy(length)
        return value

    def take(self) -> bytes | None:
        """The challenge, once; None when there is none."""
        value, self._value = self._value, None
        return value

    def void(self) -> None:
        """Forget the challenge."""
        self._value = None
