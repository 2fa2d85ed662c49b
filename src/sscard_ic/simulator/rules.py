"""Access rules as the card holds them, independent of a dialect (ref 11 §2).

A key or PIN gives *levels* 1 to 15 of its directory while it is satisfied; a rule asks for levels
in the parent and in the current directory. Sets of levels are bit masks, bit N for level N.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["free", "never", "or", "and"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Levels needed in the parent and in the current directory.

    ``or``: one of them opens, an empty set never does. ``and``: both must hold, an empty set asks
    for nothing. ``free`` and ``never`` stand for themselves.
    """

    kind: Kind
    parent: int = 0
    current: int = 0


@dataclass(frozen=True, slots=True)
class KeyRule:
    """A rule on a single record, kept by the chip's mask because no dialect byte carries it.

    ``keys`` are pairs of directory name and key identifier.
    """

    kind: Kind
    pin: bool = False
    keys: tuple[tuple[bytes, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RecordRules:
    """The rules of the mask for one file: record number → rule."""

    read: dict[int, KeyRule]
    update: dict[int, KeyRule]


NO_RECORD_RULES = RecordRules({}, {})
