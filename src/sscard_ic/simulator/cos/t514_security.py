"""Levels of T514: what a proof gives, and what a right asks for (ref 11 §2.3, §5.2, §5.3).

A key or PIN gives *levels* 1 to 15 of its directory while it is proved; a right asks for levels in
the parent and in the current directory. Sets of levels are bit masks, bit N for level N.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.files import Directory
from sscard_ic.simulator.rules import FREE, NEVER, Rule
from sscard_ic.simulator.security import SecurityState

MASTER_LEVEL = 1 << 15
"""The level of master keys: rights and follow-up states write it FF."""

_LOGIC: dict[int, Literal["or", "and"]] = {0: "or", 4: "and"}


class LevelState(SecurityState):
    """Keys and PIN proved, seen as levels of their directories."""

    __slots__ = ()

    def levels(self, directory: Directory | None) -> int:
        """The levels held in ``directory``."""
        held = 0
        for key in self.keys | self.pins:
            if key.directory is directory:
                held |= key.grant
        return held


@dataclass(frozen=True, slots=True)
class LevelRule(Rule):
    """Levels needed in the parent and in the current directory.

    ``or``: one of them opens, an empty set never does. ``and``: both must hold, an empty set asks
    for nothing.
    """

    logic: Literal["or", "and"]
    parent: int
    current: int

    def met(self, state: SecurityState) -> bool:
        """Whether the levels are held."""
        here = state.directory
        if here is None or not isinstance(state, LevelState):
            return False
        current = bool(self.current & state.levels(here))
        parent = bool(self.parent & state.levels(here.parent))
        if self.logic == "or":
            return current or parent
        return (current or not self.current) and (parent or not self.parent)


def levels(byte: int) -> int:
    """The set Y to X of a range byte XY; empty when X < Y (``EF``: never)."""
    upper, lower = byte >> 4, byte & 0x0F
    return sum(1 << level for level in range(max(lower, 1), upper + 1))


_LEVELS = tuple(levels(byte) for byte in range(256))


def rule(parent: int, current: int, logic: int) -> Rule:
    """The rule of two range bytes and a logic nibble; refuses 6A80 for another nibble.

    In OR mode a 00 byte next to another does not open the file (ref 11 §5.2).
    """
    joined = _LOGIC.get(logic)
    if joined is None:
        raise Refusal(0x6A80)
    if parent == 0 and current == 0:
        return FREE
    sets = _LEVELS[parent], _LEVELS[current]
    closed = any(byte and not held for byte, held in zip((parent, current), sets, strict=True))
    if not any(sets) or (joined == "and" and closed):
        return NEVER
    return LevelRule(joined, *sets)
