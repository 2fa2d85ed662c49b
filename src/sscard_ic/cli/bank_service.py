"""What the commands of ``sscard bank`` share by which the bank changes a card: a transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from sscard_ic.base.errors import Text
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
from sscard_ic.card.financial.steps import Transcript
from sscard_ic.card.financial.terminal import Purchase, TerminalSettings
from sscard_ic.card.financial.words import money
from sscard_ic.cli.bank_card import (
    bank_card,
    bank_environment,
    bank_model,
    bank_pin,
    bank_profile_option,
)
from sscard_ic.cli.bank_reasons import answered_by, tell_set
from sscard_ic.cli.bank_served import ScriptOutcome, Served, confirm, not_done
from sscard_ic.cli.common import FAILED, json_option, language, print_json, tr
from sscard_ic.cli.readers import reader_option
from sscard_ic.cli.secrets import open_keys, pin, pin_file_option, vault_option
from sscard_ic.codec.pboc.elements import MOST, number
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.hosts.bank_issuer import BALANCE, NO_ORDER, BankHost, Order
from sscard_ic.hosts.bank_opening import open_bank
from sscard_ic.hosts.bank_settings import BankSettings
from sscard_ic.profile.forms import FormError, parse_number
from sscard_ic.reader.errors import ReaderError

F = TypeVar("F", bound=Callable[..., Any])


def yuan_option(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> int | None:
    """An amount in yuan as fen, as much as 12 digits hold."""
    if value is None:
        return None
    try:
        fen = parse_number("amount", value.strip())
    except FormError as error:
        raise click.BadParameter(error.text.to(language()), context, parameter) from None
    if fen > MOST:
        most = money(MOST)
        words = tr(f"最多 {most.zh}", f"at most {most.en}")
        raise click.BadParameter(words, context, parameter)
    return fen


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
    before, card = teller.balance(), teller.card
    try:
        result = contact_transaction(
            card, terminal, purchase, teller.online(purchase), transcript=Transcript()
        )
    except Interrupted as error:
        confirm(teller.bank, error.request, error.confirmation)
        raise
    tell_set(terminal.algorithm, answered_by(card, result))
    confirmed = result.request is None or confirm(teller.bank, result.request, result.confirmation)
    outcome: ScriptOutcome = result.scripts[0].outcome if result.scripts else "none"
    reason = not_done(
        result, purchase.service, teller.order, card.model, outcome, blocked=card.info.blocked
    )
    return Served(result, outcome, before, _left(teller), reason, confirmed)


def _left(teller: _Teller) -> int | None:
    """The balance in the end: who takes the card out early is told how it ended all the same."""
    try:
        return teller.balance()
    except ReaderError as error:
        click.echo(error.render(language()), err=True)
        return None
