"""How a service of the bank at a card ended: what became of its script, and why not more of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import click

from sscard_ic.base.errors import SscardError, Text
from sscard_ic.card.financial.authorisation import (
    APPROVED,
    AuthorisationRequest,
    Confirmation,
    Service,
)
from sscard_ic.card.financial.running import TransactionResult
from sscard_ic.card.financial.words import code_text, money
from sscard_ic.cli.bank_reasons import Reason, answer_refused, unanswered
from sscard_ic.cli.common import language, say
from sscard_ic.hosts.bank_checks import WrongMessageError, proved_balance, read_message
from sscard_ic.hosts.bank_issuer import BankHost, Order
from sscard_ic.profile.financial import FinancialApplication

ScriptOutcome = Literal["done", "failed", "not_run", "unknown", "none"]
"""``none``: the bank sent no script."""

_OUTCOMES: Mapping[ScriptOutcome, Text] = {
    "done": Text("卡已执行", "the card has done it"),
    "failed": Text("卡拒绝执行", "the card refused it"),
    "not_run": Text("命令没有送到卡", "no command reached the card"),
    "unknown": Text("不知卡是否已执行", "nobody knows whether the card has done it"),
    "none": Text("发卡行没有下发命令", "the bank sent no command"),
}


_NOT_ALLOWED = b"57"
_ACCEPTED: Mapping[Service, bytes] = {"unload": b"05"}
"""Response codes with which a bank sends its script: an unload is declined (ref 14 §8.3)."""
_ANOTHER = Text(
    "卡执行了发卡行的另一命令，应用可能已锁定",
    "the card has done another command of its bank, and its application may be blocked",
)
_UNPROVED = Text(
    "卡在 9F10 中不证明余额：数据准备应写入发卡行自定义数据 0A01；"
    "或设 [bank] unproved_balance = true",
    "the card proves no balance in 9F10: its data preparation has to write issuer data 0A01, or "
    "set unproved_balance = true in [bank]",
)
_WRONG_PIN = Text(
    "多半是原密码错误（卡因此解出另一 PIN 块）：核对后重试，或不加 --with-current",
    "the present PIN was probably wrong (the card decodes another block): make sure of it and try "
    "again, or leave out --with-current",
)


@dataclass(frozen=True, slots=True)
class Served:
    """How a service ended."""

    result: TransactionResult
    script: ScriptOutcome
    before: int | None
    """EC balance in fen; None where the card tells none."""
    after: int | None
    reason: Reason | None = None
    """Why the card has not done what was wanted; None where it has."""
    confirmed: bool = True
    """Whether the bank knows how it ended."""

    @property
    def done(self) -> bool:
        """Whether the card has done what was wanted."""
        return self.reason is None

    @property
    def code(self) -> bytes | None:
        """Response code of the bank; None where it did not answer."""
        response = self.result.response
        return None if response is None else response.code

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        code, request = self.code, self.result.request
        return {
            "done": self.done,
            "script": self.script,
            "code": None if code is None else code.decode("ascii", "replace"),
            "kind": None if self.result.kind is None else self.result.kind.name,
            "atc": None if request is None else int(request.values[0x9F36].hex(), 16),
            "balance_before": self.before,
            "balance": self.after,
            "confirmed": self.confirmed,
            "reason": None if self.reason is None else self.reason.to_json(),
        }

    def say(self, done: Text) -> None:
        """For people."""
        if self.reason is None:
            say(done)
        else:
            self.reason.say("没有完成", "Not done")
        if self.after is not None:
            left = money(self.after)
            say(Text(f"电子现金余额 {left.zh}。", f"Balance of electronic cash: {left.en}."))


def confirm(
    bank: BankHost, request: AuthorisationRequest, confirmation: Confirmation | None
) -> bool:
    """Tell the bank how it ended; False, and words to the person, where it does not hear.

    What it does not hear now, the card tells it the next time. Never raises for the bank: what
    became of the card is told in any case.
    """
    if confirmation is None:
        return True
    try:
        bank.confirm(request, confirmation)
    except SscardError as error:
        click.echo(error.render(language()), err=True)
        say(
            Text(
                "发卡行尚不知结果；此卡下次联机交易时会核对。",
                "The bank does not know how it ended yet; the next online transaction of this card "
                "tells it.",
            )
        )
        return False
    return True


def not_done(
    result: TransactionResult,
    service: Service,
    order: Order,
    model: FinancialApplication,
    outcome: ScriptOutcome,
    *,
    blocked: bool,
) -> Reason | None:
    """Why the card has not done what was wanted; None where it has.

    ``blocked``: whether the card said so when its application was selected.
    """
    response = result.response
    if response is None:
        return unanswered(result, blocked=blocked)
    code = response.code
    if code != _ACCEPTED.get(service, APPROVED):
        if code == _NOT_ALLOWED and _proves_no_balance(service, result, model):
            return Reason("balance_not_proved", _whole(code, _OUTCOMES[outcome]), _UNPROVED)
        did = _ANOTHER if outcome == "done" else _OUTCOMES[outcome]
        return Reason("declined_by_bank", _whole(code, did))
    if outcome == "done":
        return None
    if (refused := answer_refused(result)) is not None:
        return refused
    whole = _whole(code, _OUTCOMES[outcome])
    if order.current_pin is not None and outcome == "failed":
        return Reason("present_pin", whole, _WRONG_PIN)
    return Reason(f"script_{outcome}", whole)


def _proves_no_balance(
    service: Service, result: TransactionResult, model: FinancialApplication
) -> bool:
    """Whether money is to move, and the bank cannot know how much the card holds."""
    if service not in ("load", "unload") or result.request is None:
        return False
    try:
        return proved_balance(read_message(result.request, model)) is None
    except WrongMessageError:
        return False


def _whole(code: bytes, did: Text) -> Text:
    said = code_text(code)
    return Text(f"{said.zh}；{did.zh}", f"{said.en}; {did.en}")
