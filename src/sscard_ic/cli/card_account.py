"""The medical account in ``sscard card``: balance, log, credit, debit, recover, clearing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from sscard_ic.apdu.medical import TERMINAL_LENGTH
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.resources import home_dir
from sscard_ic.base.secret import Secret
from sscard_ic.card import SocialSecurityCard
from sscard_ic.card.medical_account import MedicalAccount
from sscard_ic.card.medical_records import (
    CATEGORIES,
    CreditResult,
    DebitResult,
    Mode,
    NotGenuine,
    Split,
)
from sscard_ic.card.terminal_book import TerminalBook
from sscard_ic.cli.account_report import (
    MODES,
    print_balances,
    print_clearing,
    print_log,
    print_result,
    yuan,
)
from sscard_ic.cli.common import FAILED, json_option, keep_done, language, print_json, say, tr
from sscard_ic.cli.dump import chosen_profile
from sscard_ic.cli.key_options import KeySource, needed_keys_options
from sscard_ic.cli.readers import reader_option
from sscard_ic.cli.secrets import pin, pin_file_option
from sscard_ic.keys.medical import Debiter, PurchaseHost
from sscard_ic.keys.medical_vault import HostDebiter
from sscard_ic.profile import CardProfile
from sscard_ic.profile.forms import FormError, parse_number
from sscard_ic.reader.pcsc import Access

_BOOK = "terminal.db"
_TERMINAL_DIGITS = 2 * TERMINAL_LENGTH


def _fen(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """An amount in yuan as fen."""
    if value is None:
        return None
    try:
        return parse_number("amount", value.strip())
    except FormError as error:
        raise click.BadParameter(error.text.to(language()), context, parameter) from None


def _number(context: click.Context, parameter: click.Parameter, value: str | None) -> bytes | None:
    """The 12 digits of a terminal number."""
    if value is None:
        return None
    text = value.strip()
    if len(text) != _TERMINAL_DIGITS or not (text.isascii() and text.isdecimal()):
        wanted = tr("终端机编号应为 12 位数字", "a terminal number has 12 digits")
        raise click.BadParameter(wanted, context, parameter)
    return bytes.fromhex(text)


_terminal_option = click.option(
    "--terminal",
    callback=_number,
    metavar="DIGITS",
    envvar="SSCARD_TERMINAL",
    help="Number of this terminal, 12 digits 终端机编号 (or SSCARD_TERMINAL); a PSAM has its own.",
)
_profile_option = click.option(
    "--profile", "profile_name", help="Profile 卡规范; recognised when left out."
)
_yes_option = click.option("--yes", is_flag=True, help="Do not ask before 不再询问.")


@dataclass(frozen=True)
class _Counter:
    """What opens the card, and who authorises for it."""

    reader: str | None
    profile: str | None
    pin: Secret
    keys: KeySource
    terminal: bytes | None = None
    book: TerminalBook | None = None

    @contextmanager
    def account(self, *, writes: bool) -> Iterator[MedicalAccount]:
        """The account, its PIN verified."""
        access: Access = "exclusive" if writes else "shared"
        with self.keys.session(self.reader, access=access) as connection:
            profile = chosen_profile(connection, self.profile)
            service = self.keys.service(profile)
            card = SocialSecurityCard(connection, profile, service)
            card.verify_pin(self.pin)
            terminal = self._terminal(service, profile)
            yield MedicalAccount(card, terminal=terminal, centre=service, journal=self.book)

    def _terminal(self, service: object, profile: CardProfile) -> Debiter | None:
        """Who authorises settlements: the PSAM, or the centre in the name of this terminal."""
        book, number = self.book, self.terminal
        if isinstance(service, Debiter):
            return service
        if not isinstance(service, PurchaseHost) or book is None or number is None:
            return None
        indexes = (profile.terminal.key_group,)
        return HostDebiter(service, number, lambda: book.next_number(number), indexes)


def _nobody() -> KeySource:
    """For what the PIN alone opens."""
    return KeySource(None, None, with_service=False)


@click.command("balance")
@reader_option
@_profile_option
@pin_file_option
@json_option
def balance_command(
    reader: str | None, profile_name: str | None, pin_file: Path | None, as_json: bool
) -> None:
    """Show the medical account 医疗账户余额 and the annual totals; needs the PIN."""
    counter = _Counter(reader, profile_name, pin(pin_file), _nobody())
    with counter.account(writes=False) as account:
        found, starting_day = account.balances(), account.starting_day()
    print_balances(found, starting_day, as_json=as_json)


@click.command("log")
@reader_option
@_profile_option
@pin_file_option
@json_option
def log_command(
    reader: str | None, profile_name: str | None, pin_file: Path | None, as_json: bool
) -> None:
    """Show the transactions that the card keeps 医疗交易明细, the newest first; needs the PIN."""
    counter = _Counter(reader, profile_name, pin(pin_file), _nobody())
    with counter.account(writes=False) as account:
        records = account.log()
    print_log(records, as_json=as_json)


@click.command("credit")
@click.argument("amount", callback=_fen, metavar="YUAN")
@reader_option
@_profile_option
@_terminal_option
@_yes_option
@needed_keys_options
@pin_file_option
@json_option
@click.pass_context
def credit_command(
    context: click.Context,
    amount: int,
    reader: str | None,
    profile_name: str | None,
    terminal: bytes | None,
    yes: bool,
    keys: KeySource,
    pin_file: Path | None,
    as_json: bool,
) -> None:
    """Credit YUAN to the medical account 账户划入.

    The centre's HSM authorises it, or the key vault in its place. The time is this machine's.
    """
    number = _needed(terminal)
    block = _unlock(keys, pin_file)
    question = Text(f"向卡划入 {yuan(amount)} 元？", f"Credit {yuan(amount)} yuan to the card?")
    _ask(context, yes, question)
    with _book() as book:
        counter = _Counter(reader, profile_name, block, keys, number, book)
        with counter.account(writes=True) as account, _kept_when_void():
            result = account.credit(amount, terminal=number, time=datetime.now())
    _tell(context, result, as_json)


@click.command("debit")
@click.option(
    "--account", callback=_fen, default="0", metavar="YUAN", help="Paid from the account 账户支付."
)
@click.option(
    "--pooled", callback=_fen, default="0", metavar="YUAN", help="Paid by the pooled fund 统筹支付."
)
@click.option("--cash", callback=_fen, default="0", metavar="YUAN", help="Paid in cash 现金支付.")
@click.option(
    "--self-paid",
    callback=_fen,
    metavar="YUAN",
    help="Offline mode: cash and account payment inside the scope 个人自付; all when left out.",
)
@click.option(
    "--mode",
    type=click.Choice(tuple(MODES)),
    default="online",
    show_default=True,
    help="联网, 临时脱网, 脱网; the region's profile says which are in use.",
)
@click.option("--category", type=click.Choice(tuple(CATEGORIES)), help="Category 结算类别 (T52).")
@click.option("--settlement", default="", help="Number of the settlement at the centre 结算单号.")
@reader_option
@_profile_option
@_terminal_option
@_yes_option
@needed_keys_options
@pin_file_option
@json_option
@click.pass_context
def debit_command(
    context: click.Context,
    account: int,
    pooled: int,
    cash: int,
    self_paid: int | None,
    mode: Mode,
    category: str | None,
    settlement: str,
    reader: str | None,
    profile_name: str | None,
    terminal: bytes | None,
    yes: bool,
    keys: KeySource,
    pin_file: Path | None,
    as_json: bool,
) -> None:
    """Settle with the card 医保结算; amounts are in yuan.

    Everything that clears the settlement is kept in terminal.db under SSCARD_HOME before the card
    can pay. When the card is lost in the middle, put it back and use `sscard card recover`.
    """
    split = Split(account, pooled, cash, self_paid)
    number = terminal if keys.is_psam else _needed(terminal)
    block = _unlock(keys, pin_file)
    parts = f"{yuan(account)} + {yuan(pooled)} + {yuan(cash)}"
    question = Text(
        f"{MODES[mode].zh}结算 {yuan(split.total)} 元（账户 + 统筹 + 现金：{parts}）？",
        f"Settle {yuan(split.total)} yuan {MODES[mode].en} (account + pooled + cash: {parts})?",
    )
    _ask(context, yes, question)
    with _book() as book:
        counter = _Counter(reader, profile_name, block, keys, number, book)
        with counter.account(writes=True) as medical, _kept_when_void():
            result = medical.debit(
                split, mode=mode, time=datetime.now(), category=category, settlement=settlement
            )
    _tell(context, result, as_json)


@click.command("recover")
@reader_option
@_profile_option
@_terminal_option
@needed_keys_options
@pin_file_option
@json_option
@click.pass_context
def recover_command(
    context: click.Context,
    reader: str | None,
    profile_name: str | None,
    terminal: bytes | None,
    keys: KeySource,
    pin_file: Path | None,
    as_json: bool,
) -> None:
    """Find out what became of an interrupted credit or settlement 恢复交易, on the same card."""
    block = _unlock(keys, pin_file)
    with _book() as book:
        counter = _Counter(reader, profile_name, block, keys, terminal, book)
        with counter.account(writes=True) as account, _kept_when_void():
            pending = account.unfinished()
            result = account.recover(pending) if pending is not None else None
    if result is not None:
        _tell(context, result, as_json)
        return
    if as_json:
        print_json({"unfinished": pending is not None, "made": False})
    elif pending is None:
        say(Text("没有中断的交易。", "No transaction was interrupted."))
    else:
        say(
            Text(
                "卡没有记账；可以重新交易。",
                "The card has not made it; the transaction may be begun anew.",
            )
        )


@click.command("clearing")
@json_option
def clearing_command(as_json: bool) -> None:
    """Show what cards have made at this machine 清算记录: kept without the holders' names."""
    with _book() as book:
        print_clearing(book.results(), as_json=as_json)


def _unlock(keys: KeySource, pin_file: Path | None) -> Secret:
    """Ask for passphrase and PIN before the card is in use."""
    keys.unlock()
    return pin(pin_file)


def _needed(terminal: bytes | None) -> bytes:
    if terminal is None:
        raise InputError(
            Text("没有终端机编号", "the number of this terminal is not given"),
            hint=Text(
                "用 --terminal 或 SSCARD_TERMINAL 给出 12 位数字",
                "give its 12 digits with --terminal or SSCARD_TERMINAL",
            ),
        )
    return terminal


def _ask(context: click.Context, yes: bool, question: Text) -> None:
    """Nobody is asked while other programs wait for the card, so it is done before."""
    if not yes and not click.confirm(question.to(language()), err=True):
        say(Text("没有交易。", "Nothing was done."))
        context.exit(FAILED)


def _book() -> TerminalBook:
    return TerminalBook(home_dir() / _BOOK)


@contextmanager
def _kept_when_void() -> Iterator[None]:
    """The record of a transaction that must not be cleared is told all the same."""
    try:
        yield
    except NotGenuine as error:
        keep_done(click.get_current_context(), {"result": error.result.for_clearing()})
        raise


def _tell(context: click.Context, result: DebitResult | CreditResult, as_json: bool) -> None:
    """What was made, and what went wrong after it; then the command has failed."""
    print_result(result, as_json=as_json)
    for problem in result.problems:
        click.echo(problem.render(language()), err=True)
    if result.tac is None and not result.problems:
        say(
            Text(
                "卡已记账，但不再给出 TAC：请人工清算。",
                "The card has made it, but gives no TAC any more: clear it by hand.",
            )
        )
    if result.problems or result.tac is None:
        context.exit(FAILED)


def register(group: click.Group) -> None:
    """Add the commands to ``sscard card``."""
    for command in (
        balance_command,
        log_command,
        credit_command,
        debit_command,
        recover_command,
        clearing_command,
    ):
        group.add_command(command)
