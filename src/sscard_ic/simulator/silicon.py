"""What belongs to the chip and not to an application: identity, random numbers, challenge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from sscard_ic.simulator.memory import Memory, damaged

_HEAD = "chip/atr"
_UNIQUE = "chip/unique"
HEAD_LENGTH = 11
UNIQUE_LENGTH = 6
HISTORICAL_LENGTH = 13
_T1 = 0x01
_FIXED = 4
"""TS T0 TB1 TC1: bytes before the historical ones."""


class Identity:
    """The ATR: 11 bytes TS T0 TB1 TC1 T1-T7 and the six of the unique number T8-TD.

    ``contactless_prefix`` are T1-T7 of the contactless face where they are others there.
    ``from_file`` answers all 13 historical bytes when a file of the card operating system holds
    them.
    """

    __slots__ = ("_contactless_prefix", "_memory", "_protocol", "from_file")

    def __init__(
        self,
        memory: Memory,
        protocol: Literal["T=0", "T=1"],
        contactless_prefix: bytes | None = None,
    ) -> None:
        self._memory = memory
        self._protocol = protocol
        self._contactless_prefix = contactless_prefix
        self.from_file: Callable[[], bytes | None] = lambda: None

    def write_head(self, head: bytes) -> None:
        """Replace the first 11 bytes; answered after the next reset."""
        self._memory.put(_HEAD, head.hex().upper())

    def write_unique(self, unique: bytes) -> None:
        """Replace the last six historical bytes; answered after the next reset."""
        self._memory.put(_UNIQUE, unique.hex().upper())

    def atr(self) -> bytes:
        """The whole ATR; a T=1 chip adds TD1 and the check byte TCK (ISO/IEC 7816-3)."""
        head, unique = self._parts()
        if self._protocol == "T=0":
            return head + unique
        return _checked(bytes((head[0], head[1] | 0x80, head[2], head[3], _T1)) + head[4:] + unique)

    def contactless_atr(self) -> bytes:
        """What PC/SC makes of the ATS: 3B 8N 80 01, its historical bytes, TCK (PC/SC part 3)."""
        head, unique = self._parts()
        historical = (self._contactless_prefix or head[_FIXED:]) + unique
        return _checked(bytes((0x3B, 0x80 | len(historical), 0x80, 0x01)) + historical)

    def _parts(self) -> tuple[bytes, bytes]:
        head = bytes.fromhex(str(self._memory.states.get(_HEAD, "")))
        unique = bytes.fromhex(str(self._memory.states.get(_UNIQUE, "")))
        if len(head) != HEAD_LENGTH or len(unique) != UNIQUE_LENGTH:
            raise damaged(_HEAD)
        written = self.from_file()
        if written is not None and len(written) == HISTORICAL_LENGTH:
            return head[:_FIXED] + written[:-UNIQUE_LENGTH], written[-UNIQUE_LENGTH:]
        return head, unique


def _checked(atr: bytes) -> bytes:
    """``atr`` with its check byte TCK."""
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

    def peek(self) -> bytes | None:
        """The challenge, which stays; None when there is none."""
        return self._value

    def random(self, length: int) -> bytes:
        """Random bytes of the card's own, which leave the challenge as it is."""
        return self._entropy(length)

    def take(self) -> bytes | None:
        """The challenge, once; None when there is none."""
        value, self._value = self._value, None
        return value

    def void(self) -> None:
        """Forget the challenge."""
        self._value = None
