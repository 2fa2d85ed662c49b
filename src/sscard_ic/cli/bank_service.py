"""What the commands of ``sscard bank`` share by which the bank changes a card: a transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from sscard_ic.base.errors import SscardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.base.settings import read_settings
from sscard_ic.card.financial.application import FinancialCard
from sscard_ic.card.financial.authorisation import (
    AuthorisationRequest,
    AuthorisationResponse,
    Service,
)
from sscard_ic.card.financial.contact import contact_transaction
from sscard_ic.card.financial.online import Interrupted
from sscard_ic.card.financial.running import TransactionResult
from sscard_ic.card.financial.steps import Transcript
from sscard_ic.card.financial.terminal import Purchase, TerminalSettings
from sscard_ic.card.financial.words import code_text, money
from sscard_ic.cli.bank_card import (
    bank_card,
    bank_environment,
    bank_model,
    bank_pin,
    bank_profile_option,
)
from sscard_ic.cli.common import FAILED, json_option, language, print_json, say
from sscard_ic.cli.readers import reader_option
from sscard_ic.cli.secrets import open_keys, pin, pin_file_option, vault_option
from sscard_ic.codec.pboc.elements import number
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.hosts.bank_issuer import BALANCE, NO_ORDER, BankHost, Order
from sscard_ic.hosts.bank_opening import open_bank
from sscard_ic.hosts.bank_settings import BankSettings
from sscard_ic.profile.forms import FormError, parse_number

F = TypeVar("F", bound=Callable[..., Any])

ScriptOutcome = Literal["done", "failed", "not_run", "unknown", "none"]
"""``none``: the bank sent no script."""

_OUTCOMES: Mapping[ScriptOutcome, Text] = {
    "done": Text("卡已执行", "the card has done it"),
    "failed": Text("卡拒绝执行", "the card refused it"),
    "not_run": Text("命令没有送到卡", "no command reached the card"),
    "unknown": Text("不知卡是否已执行", "nobody knows whether the card has done it"),
    "none": Text("发卡行没有下发命令", "the bank sent no command"),
}


def yuan_option(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> int | None:
    """An amount in yuan as fen."""
    if value is None:
        return None
    try:
        return parse_number("amount", value.strip())
    except FormError as error:
        raise click.BadParameter(error.text.to(language()), context, parameter) from None


def service_options(command: F) -> F:
    """Adds what every one of these commands takes, gathered in ``counter``."""

    def with_counter(
        *args: Any,
        reader: str | None,
        profile_name: str | None,
        vault: Path | None,
        sm: bool,
        account_pin: bool,
        pin_file: Path | None,
        as_json: bool,
        **others: Any,
    ) -> Any:
        counter = Counter(reader, profile_name, vault, "sm4" if sm else "3des", as_json)
        if account_pin:
            counter = replace(counter, pin=bank_pin(pin(pin_file, _ACCOUNT_PIN)))
        return command(*args, counter=counter, pin_file=pin_file, **others)

    made: Any = with_counter
    made.__doc__, made.__name__ = command.__doc__, command.__name__
    made.__click_params__ = getattr(command, "__click_params__", [])
    for option in (
        json_option,
        vault_option,
        pin_file_option,
        _account_pin_option,
        _sm_option,
        bank_profile_option,
        reader_option,
    ):
        made = option(made)
    found: F = made
    return found


_ACCOUNT_PIN = Text("银行账户密码（联机 PIN）", "PIN of the bank account (online PIN)")
_account_pin_option = click.option(
    "--account-pin",
    is_flag=True,
    help="The bank asks for the PIN of the account 联机密码: prompt, --pin-file or SSCARD_PIN.",
)
_sm_option = click.option(
    "--sm", is_flag=True, help="By the card's SM algorithms 国密 (SM4) instead of 3DES."
)


@dataclass(frozen=True, slots=True)
class Counter:
    """Whose card is served how, as the options say."""

    reader: str | None
    profile_name: str | None
    vault: Path | None
    algorithm: Algorithm
    as_json: bool
    pin: Secret | None = field(default=None, repr=False)

    def serve(self, service: Service, amount: int = 0, order: Order = NO_ORDER) -> Served:
        """One transaction with the bank, confirmed; amounts in fen.

        The vault is opened before the card is in use, for that may ask somebody.
        """
        model = bank_model(self.profile_name)
        settings = read_settings().section("bank", BankSettings)
        environment = bank_environment(self.profile_name)
        terminal = TerminalSettings(algorithm=self.algorithm)
        with (
            open_bank(settings, environment, model, lambda: open_keys(self.vault)) as bank,
            bank_card(self.reader, model, access="exclusive", interface="contact") as card,
        ):
            purchase = Purchase(amount, datetime.now(), service=service, pin=self.pin)
            return _serve(_Teller(bank, card, order), terminal, purchase)

    def finish(self, served: Served, done: Text, **more: Any) -> None:
        """Tell how it ended; the command has failed where the card has not done it."""
        if self.as_json:
            print_json({**served.to_json(), **more})
        else:
            served.say(done)
        if not served.done:
            click.get_current_context().exit(FAILED)


@dataclass(frozen=True, slots=True)
class Served:
    """How a service ended."""

    result: TransactionResult
    script: ScriptOutcome
    before: int | None
    """EC balance in fen; None where the card tells none."""
    after: int | None
    untold: SscardError | None = None
    """Why the bank does not know it yet."""

    @property
    def done(self) -> bool:
        """Whether the card has done what the bank wanted."""
        return self.script == "done"

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
            "confirmed": self.untold is None,
        }

    def say(self, done: Text) -> None:
        """For people."""
        if self.done:
            say(done)
        else:
            code = Text("发卡行没有应答", "the bank did not answer")
            if self.code is not None:
                code = code_text(self.code)
            outcome = _OUTCOMES[self.script]
            say(Text(f"没有完成：{code.zh}；{outcome.zh}。", f"Not done: {code.en}; {outcome.en}."))
        if self.after is not None:
            left = money(self.after)
            say(Text(f"电子现金余额 {left.zh}。", f"Balance of electronic cash: {left.en}."))
        if self.untold is not None:
            click.echo(self.untold.render(language()), err=True)
            say(
                Text(
                    "发卡行尚不知结果；此卡下次联机交易时会核对。",
                    "The bank does not know how it ended yet; the next online transaction of this "
                    "card tells it.",
                )
            )


@dataclass(frozen=True, slots=True)
class _Teller:
    """Between card and bank."""

    bank: BankHost
    card: FinancialCard
    order: Order

    def balance(self) -> int | None:
        value = self.card.get_data(BALANCE)
        return None if value is None else number(value)

    def online(self, purchase: Purchase) -> Callable[[AuthorisationRequest], AuthorisationResponse]:
        told = self.card.get_data(BALANCE)
        values = {} if told is None else {BALANCE: told}

        def ask(request: AuthorisationRequest) -> AuthorisationResponse:
            whole = replace(request, values={**request.values, **values}, pin=purchase.pin)
            return self.bank.authorise(whole, self.order)

        return ask


def _serve(teller: _Teller, terminal: TerminalSettings, purchase: Purchase) -> Served:
    before = teller.balance()
    try:
        result = contact_transaction(
            teller.card, terminal, purchase, teller.online(purchase), transcript=Transcript()
        )
    except Interrupted as error:
        if error.confirmation is not None:
            teller.bank.confirm(error.request, error.confirmation)
        raise
    untold, confirmation = None, result.confirmation
    if result.request is not None and confirmation is not None:
        try:
            teller.bank.confirm(result.request, confirmation)
        except SscardError as error:
            untold = error
    outcome: ScriptOutcome = result.scripts[0].outcome if result.scripts else "none"
    return Served(result, outcome, before, teller.balance(), untold)
