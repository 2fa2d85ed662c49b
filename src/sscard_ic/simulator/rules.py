"""Access rules as the card holds them: questions to the security state (ref 11 §2).

How the bytes of a dialect say a rule is the dialect's business: each has rule classes of its own,
beside its interpreter. Here is what all of them share.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from sscard_ic.simulator.security import SecurityState


class Rule(ABC):
    """A condition on one operation, asked in the current directory."""

    __slots__ = ()
    free: ClassVar[bool] = False
    """Whether it needs no asking."""

    @abstractmethod
    def met(self, state: SecurityState) -> bool:
        """Whether what has been proved satisfies it."""


@dataclass(frozen=True, slots=True)
class _Free(Rule):
    free: ClassVar[bool] = True

    def met(self, state: SecurityState) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class _Never(Rule):
    def met(self, state: SecurityState) -> bool:
        return False


FREE: Rule = _Free()
NEVER: Rule = _Never()


@dataclass(frozen=True, slots=True)
class KeyRule(Rule):
    """A rule kept by the chip's mask because no byte of the dialect carries it.

    ``keys`` are pairs of directory name and identifier (P2); they and the PIN are joined by
    ``logic``.
    """

    logic: Literal["or", "and"]
    pin: bool = False
    keys: tuple[tuple[bytes, int], ...] = ()

    def met(self, state: SecurityState) -> bool:
        """Whether the keys and the PIN it names are proved."""
        terms = [state.holds(*pair) for pair in self.keys]
        if self.pin:
            terms.append(state.pin_verified)
        return any(terms) if self.logic == "or" else all(terms)


@dataclass(frozen=True, slots=True)
class MacRule(Rule):
    """A rule of the mask that also asks for a MAC; :mod:`~..card_state` sees to that.

    ``mac`` is its key: name of the directory and identifier (P2).
    """

    rule: Rule
    mac: tuple[bytes, int]

    def met(self, state: SecurityState) -> bool:
        """Whether the rule is satisfied, the MAC aside."""
        return self.rule.met(state)


@dataclass(frozen=True, slots=True)
class RecordRules:
    """The rules of the mask for single records of one file: record number → rule."""

    read: dict[int, Rule] = field(default_factory=dict)
    update: dict[int, Rule] = field(default_factory=dict)


NO_RECORD_RULES = RecordRules()
