"""A small model of the money on a debit card: sums, counters and flags, nothing of their storage.

It knows the rules of ref 14 §5, §8 and §9 for one currency and a card of fixed limits, and is
written from them alone.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Literal

Rule = Literal["low", "and", "or"]
Kind = Literal["AAC", "TC", "ARQC"]
Ending = Literal["approve", "decline", "wrong proof", "no proof", "unable"]

START, MOST, SINGLE, THRESHOLD = 6000, 12000, 7000, 500
LOWER, UPPER = 4, 6
"""Transactions in a row without the issuer: of a terminal that can reach it, and of one that
cannot."""
TOTAL, UPPER_TOTAL = 4000, 5000
"""CTTAL and CTTAUL."""
TRIES = 3
LOGGED = 10


@dataclass(frozen=True)
class Air:
    """A contactless decision: its kind, and what it takes."""

    kind: Kind
    spent: int = 0
    accumulated: int = 0


@dataclass
class Model:
    """What the card must hold."""

    rule: Rule = "low"
    prepaid: bool = False
    new_check: bool = False
    balance: int = START
    total: int = 0
    atc: int = 0
    last_online: int = 0
    tries: int = TRIES
    blocked: bool = False
    pending: bool = False
    """An online transaction was begun and not ended."""
    issuer_failed: bool = False
    script_failed: bool = False
    scripts: int = 0
    """Secured commands since the issuer was last believed."""
    unread: tuple[int, int] | None = None
    """Balance and total to go back to, while a payment by air has not been read out."""
    log: list[tuple[int, int]] = field(default_factory=list)
    """Amount and ATC, newest first."""
    loads: list[tuple[int, int, int]] = field(default_factory=list)
    """Balance before and after, ATC, newest first."""

    def copy(self) -> Model:
        """One that goes its own way."""
        return deepcopy(self)

    # Both faces

    def begin(self) -> None:
        """GPO: what was not read out is taken back."""
        if self.unread is not None:
            self.balance, self.total = self.unread
            self.unread = None
        self.atc += 1

    def pays_cash(self, amount: int) -> bool:
        """Whether a terminal that wants electronic cash gets it."""
        failed = self.issuer_failed or self.script_failed
        return amount <= min(self.balance, SINGLE) and not failed and self.tries > 0

    def first(self, asked: Kind, amount: int, *, cash: bool) -> Kind:
        """The first GENERATE AC."""
        if self.blocked or asked == "AAC":
            return "AAC"
        if cash:
            if asked == "TC":
                self.balance -= amount
                self._logged(amount)
            else:
                self.pending = True
            return asked
        late = self.atc - self.last_online > LOWER or self.total + amount > TOTAL
        if asked == "ARQC" or self.pending or late:
            self.pending = True
            return "ARQC"
        self.total += amount
        self._logged(amount)
        return "TC"

    def results(self, amount: int) -> int:
        """CVR bytes 3 and 4 before the first GENERATE AC of a debit."""
        late = self.atc - self.last_online > LOWER or self.total + amount > TOTAL
        found = (
            (0x8000, self.pending),
            (0x4000, self.tries == 0),
            (0x2000, late),
            (0x1000, self.last_online == 0),
            (0x0800, self.issuer_failed),
            (0x0008, self.script_failed),
        )
        return self.scripts << 4 | sum(bit for bit, holds in found if holds)

    def second(self, ending: Ending, amount: int) -> Kind:
        """EXTERNAL AUTHENTICATE as the ending has it, and the second GENERATE AC."""
        if ending in ("wrong proof", "no proof"):
            self.issuer_failed = True
            return "AAC"
        if ending == "unable":
            late = self.atc - self.last_online > UPPER or self.total + amount > UPPER_TOTAL
            if late or self.tries == 0:
                return "AAC"
            self.total += amount
            self._logged(amount)
            return "TC"
        self.issuer_failed = self.pending = self.script_failed = False
        self.scripts = 0
        if ending == "decline":
            return "AAC"
        self.total, self.last_online = 0, self.atc
        self._logged(amount)
        return "TC"

    def load(self, balance: int) -> bool:
        """PUT DATA of a balance; whether it is within the limit."""
        if balance > MOST:
            return False
        self.loads.insert(0, (self.balance, balance, self.atc))
        del self.loads[LOGGED:]
        self.balance = balance
        return True

    # By air

    def tap(self, amount: int, *, offline_only: bool, cryptogram: bool) -> Air:
        """GPO by air."""
        self.begin()
        decision = self._decide(amount, offline_only, cryptogram)
        if decision.kind == "ARQC" and self.prepaid:
            decision = self._prepay(amount)
        if decision.kind == "TC":
            self.unread = (self.balance, self.total)
        if decision.kind == "ARQC" and self.new_check:
            self.last_online = self.atc
        self.balance -= decision.spent
        self.total += decision.accumulated
        return decision

    def read_out(self, amount: int) -> None:
        """The last record was read."""
        if self.unread is not None:
            self.unread = None
            self._logged(amount)

    def _decide(self, amount: int, offline_only: bool, cryptogram: bool) -> Air:
        new = self.new_check and self.last_online == 0
        if self.blocked:
            return Air("AAC")
        if offline_only:
            if self.tries == 0 or amount == 0:
                return Air("AAC")
        elif cryptogram or amount == 0 or new or self.tries == 0:
            return Air("ARQC")
        beyond = Air("AAC" if offline_only else "ARQC")
        kept = 0 if offline_only else THRESHOLD
        if amount > SINGLE:
            return beyond
        if self.rule == "or":
            if amount <= self.balance:
                return Air("TC", amount)
            return Air("TC", 0, amount) if self.total + amount <= UPPER_TOTAL else beyond
        if amount > self.balance - kept:
            return beyond
        if self.rule == "low":
            return Air("TC", amount)
        return Air("TC", amount, amount) if self.total + amount <= UPPER_TOTAL else beyond

    def _prepay(self, amount: int) -> Air:
        if amount == 0:
            return Air("AAC")
        if self.rule == "or":
            return Air("ARQC")
        together = self.rule == "and"
        if amount > self.balance or (together and self.total + amount > UPPER_TOTAL):
            return Air("AAC")
        return Air("ARQC", amount, amount if together else 0)

    def _logged(self, amount: int) -> None:
        self.log.insert(0, (amount, self.atc))
        del self.log[LOGGED:]
