"""What a terminal knows of a settlement or credit, before and after it (ref 12 §7.8).

Amounts are fen. What is pending can be written down as JSON and read again (pydantic).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import Field

from sscard_ic.apdu.medical import Amounts
from sscard_ic.base.errors import CardError, InputError, SscardError, Text
from sscard_ic.keys import CardKey
from sscard_ic.keys.medical import Credit, DebitMac, Purchase
from sscard_ic.profile.fields import HexBytes, Strict

Mode = Literal["online", "temporary", "offline"]
"""Online, temporarily offline, offline (ref 12 §2)."""

CATEGORIES: dict[str, Text] = {
    "1": Text("工伤医疗", "work injury"),
    "2": Text("生育医疗", "maternity"),
    "3": Text("医疗救助", "medical aid"),
    "9": Text("其他", "other"),
}
"""Table T52; the card keeps a record of the first three (ref 12 §3.4)."""

RECORDED_CATEGORIES = ("1", "2", "3")


@dataclass(frozen=True, slots=True)
class Split:
    """Who pays how much of a settlement, in fen.

    ``self_paid`` is A2 in the offline mode: cash and account payment inside the scope of the
    pooled fund (ref 12 §2); None: all of both. Raises :class:`InputError` for amounts that no
    settlement can have.
    """

    account: int = 0
    pooled: int = 0
    cash: int = 0
    self_paid: int | None = None

    def __post_init__(self) -> None:
        parts = (self.account, self.pooled, self.cash, self.self_paid or 0)
        if min(parts) < 0 or self.total == 0 or (self.self_paid or 0) > self.account + self.cash:
            raise InputError(
                Text(
                    "结算金额无效：各项不得为负，合计须大于零，"
                    "个人自付金额不得超过账户与现金支付之和",
                    "no settlement: no part may be negative, the total is above zero, and the "
                    "self-paid amount is at most what account and cash pay",
                )
            )
        try:
            for mode in ("online", "temporary", "offline"):
                self.amounts(mode)
        except ValueError:
            raise InputError(
                Text("结算金额过大", "the amounts of the settlement are too large")
            ) from None

    @property
    def total(self) -> int:
        """All of it."""
        return self.account + self.pooled + self.cash

    def amounts(self, mode: Mode) -> Amounts:
        """A1, A2, A3 of the commands in a mode (ref 12 §2)."""
        if mode == "online":
            return Amounts(0, self.total, self.account + self.pooled)
        if mode == "temporary":
            return Amounts(0, self.total, self.total)
        self_paid = self.account + self.cash if self.self_paid is None else self.self_paid
        return Amounts(self.account, self_paid, self.pooled)


class Holder(Strict):
    """Whom a settlement concerns; empty where the card does not tell."""

    social_security_number: str = Field(default="", repr=False)
    name: str = Field(default="", repr=False)
    card_number: str = Field(default="", repr=False)
    insured_place: str = Field(default="", repr=False)


class OfflineData(Strict):
    """What the card keeps of temporary offline settlements (EF06)."""

    allowed: bool
    amount: int
    """Cumulative, fen."""
    count: int


class _Transaction(Strict):
    """What a purchase and a credit have in common."""

    division_code: str
    card_factor: HexBytes
    key_name: str
    key_index: int
    key_version: int
    algorithm: int
    random: HexBytes
    counter: int
    """Of the card, as INITIALIZE gave it."""
    terminal: HexBytes
    time: HexBytes

    @property
    def key(self) -> CardKey:
        """The card's DPK or DLK."""
        return CardKey(self.key_name, self.key_index, self.division_code, self.card_factor)


class PendingDebit(_Transaction):
    """A purchase that MAC1 has been computed for; enough to recover and to clear it."""

    mode: Mode
    account: int
    pooled: int
    cash: int
    """The real split, in fen."""
    a1: int
    a2: int
    a3: int
    """The amounts of the commands."""
    category: str | None = None
    settlement: str = ""
    """Number of the settlement at the centre."""
    number: int = 0
    """Transaction number of the terminal; with MAC1 it comes when the purchase is authorised."""
    mac1: HexBytes = b""
    offline_before: OfflineData | None = None
    """What the card kept of temporary offline settlements, where the mode of the region asks."""
    holder: Holder = Holder()

    @property
    def amounts(self) -> Amounts:
        """A1, A2, A3."""
        return Amounts(self.a1, self.a2, self.a3)

    @property
    def purchase(self) -> Purchase:
        """What MAC1 covers."""
        return Purchase(
            self.key,
            self.random,
            self.counter,
            self.amounts,
            self.terminal,
            self.time,
            self.key_version,
            self.algorithm,
        )

    @property
    def debit(self) -> DebitMac:
        """Transaction number and MAC1."""
        return DebitMac(self.number, self.mac1)


class PendingCredit(_Transaction):
    """A credit that the host has authorised."""

    amount: int
    balance: int
    """Before it."""

    @property
    def credit(self) -> Credit:
        """What MAC1 of the card covers."""
        return Credit(self.key, self.random, self.counter, self.balance, self.amount, self.terminal)


class _Result(Strict):
    tac: HexBytes | None
    """None: the card made the transaction, but gives no TAC any more: clear it by hand."""
    tac_valid: bool | None
    """None: nobody checked."""
    recovered: bool = False
    """The answer was lost and fetched again."""
    problems: tuple[SscardError, ...] = ()
    """What went wrong after the transaction itself; nothing of it undoes the transaction."""

    @property
    def clears(self) -> bool:
        """Whether the centre may clear it: a TAC, and nothing that speaks against it."""
        return self.tac is not None and self.tac_valid is True

    def for_clearing(self) -> dict[str, Any]:
        """All of it as JSON, the holder too: what the centre wants (ref 12 §7.8)."""
        told = self.model_dump(mode="json", exclude={"problems"})
        problems = [problem.what.en for problem in self.problems]
        return {**told, "clears": self.clears, "problems": problems}


class DebitResult(_Result):
    """A purchase that the card has made."""

    pending: PendingDebit
    mac2_valid: bool | None
    offline: OfflineData | None = None
    """What the card is known to keep of temporary offline settlements afterwards."""
    offline_blocked: bool = False
    """That could not be written: no more offline settlement before the next one online."""

    @property
    def clears(self) -> bool:
        """Whether the centre may clear it: a TAC, and nothing that speaks against it."""
        verdicts = (self.mac2_valid, self.tac_valid)
        return self.tac is not None and True in verdicts and False not in verdicts


class CreditResult(_Result):
    """A credit that the card has made."""

    pending: PendingCredit

    @property
    def balance(self) -> int:
        """After it."""
        return self.pending.balance + self.pending.amount


Pending = PendingDebit | PendingCredit
Result = DebitResult | CreditResult


class Journal(Protocol):
    """Is told of a transaction before the card can make it, and of its end.

    What is begun and not ended has been interrupted: the card alone knows whether it was made.
    Cards are told apart by division code and factor.
    """

    def begin(self, pending: Pending) -> None:
        """The next command makes it."""
        ...

    def end(self, pending: Pending, result: Result | None) -> None:
        """It was made, or (None) it certainly was not."""
        ...

    def unfinished(self, division_code: str, card_factor: bytes) -> Pending | None:
        """The transaction with this card that was begun and not ended."""
        ...

    def blocks_offline(self, division_code: str, card_factor: bytes) -> bool:
        """Whether the card lacks a payment in its data of temporary offline settlement."""
        ...


class NoJournal:
    """For those who keep the results themselves."""

    def begin(self, pending: Pending) -> None:
        """Nothing."""

    def end(self, pending: Pending, result: Result | None) -> None:
        """Nothing."""

    def unfinished(self, division_code: str, card_factor: bytes) -> Pending | None:
        """None that is known."""
        return None

    def blocks_offline(self, division_code: str, card_factor: bytes) -> bool:
        """Not that it is known."""
        return False


class Interrupted(CardError):
    """No answer to the command that makes a transaction: the card may have made it or not.

    ``pending`` is what :meth:`MedicalAccount.recover` needs to find out.
    """

    def __init__(self, pending: Pending, cause: Text) -> None:
        self.pending = pending
        super().__init__(
            Text(
                f"交易中断，卡可能已经记账，也可能没有：{cause.zh}",
                f"the transaction was interrupted, the card may have made it or not: {cause.en}",
            ),
            hint=Text(
                "把同一张卡放回读卡器，恢复交易后再做别的结算",
                "put the same card back and recover the transaction before any other one",
            ),
        )


class LogLost(CardError):
    """The log was written over since an interruption: nobody knows what became of it."""

    def __init__(self) -> None:
        super().__init__(
            Text(
                "卡内明细已被后来的交易覆盖，看不出该笔是否已记账",
                "later transactions have overwritten the log; it does not show whether the card "
                "made this one",
            ),
            hint=Text("请人工清算", "clear it by hand"),
        )


class Unfinished(CardError):
    """An earlier transaction with this card was interrupted and not recovered yet."""

    def __init__(self, pending: Pending) -> None:
        self.pending = pending
        super().__init__(
            Text(
                "此卡上一笔交易被中断，尚未恢复",
                "an earlier transaction with this card was interrupted and not recovered",
            ),
            hint=Text(
                "先恢复：sscard card recover",
                "recover it first: sscard card recover",
            ),
        )


class NotGenuine(CardError):
    """The card's MAC2 or TAC is wrong: the settlement is void. ``result`` has all of it."""

    def __init__(self, what: Text, result: Result) -> None:
        self.result = result
        super().__init__(
            what,
            hint=Text(
                "卡不可信：此笔不得清算，请中心撤销",
                "the card is not to be trusted: do not clear this one, have the centre void it",
            ),
        )
