"""``sscard bank transact``: a payment with a card, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import click
from pydantic import ValidationError

from sscard_ic.base.errors import InputError, SscardError, Text
from sscard_ic.base.settings import read_settings
from sscard_ic.card.financial.application import FinancialCard, Interface
from sscard_ic.card.financial.contact import contact_transaction
from sscard_ic.card.financial.contactless import contactless_transaction
from sscard_ic.card.financial.online import Interrupted
from sscard_ic.card.financial.running import TransactionResult
from sscard_ic.card.financial.steps import Step, Transcript
from sscard_ic.card.financial.terminal import Purchase, TerminalSettings
from sscard_ic.cli.bank_card import (
    bank_card,
    bank_environment,
    bank_model,
    bank_pin,
    bank_profile_option,
)
from sscard_ic.cli.bank_reasons import Reason, answered_by, declined, tell_set
from sscard_ic.cli.bank_report import result_json, steps_json
from sscard_ic.cli.bank_served import confirm
from sscard_ic.cli.bank_service import yuan_option
from sscard_ic.cli.common import FAILED, json_option, keep_done, language, print_json, say, tr
from sscard_ic.cli.readers import reader_option
from sscard_ic.cli.secrets import open_keys, pin, pin_file_option, vault_option
from sscard_ic.codec.pboc.bits import Tvr
from sscard_ic.hosts.bank_issuer import BankHost
from sscard_ic.hosts.bank_opening import open_bank
from sscard_ic.hosts.bank_settings import BankSettings, HttpBankSettings
from sscard_ic.profile.payment_authorities import load_authorities

Way = Literal["debit", "cash", "contactless"]
_FACES: Mapping[Way, Interface] = {
    "debit": "contact",
    "cash": "contact",
    "contactless": "contactless",
}
_OFFLINE_ONLY = 0x23
"""Type of a merchant's terminal that cannot go online."""


@click.command("transact")
@click.argument("amount", callback=yuan_option, metavar="YUAN")
@click.option(
    "--way",
    type=click.Choice(["debit", "cash", "contactless"]),
    help="Debit, electronic cash or qPBOC 借贷记、电子现金或闪付; as card and reader can when left "
    "out.",
)
@click.option("--offline", is_flag=True, help="The terminal cannot go online 脱机终端.")
@click.option("--online", is_flag=True, help="The merchant wants it online 强制联机.")
@click.option("--host", metavar="URL", help="Bank to ask 发卡行地址; else what [bank] says.")
@click.option(
    "--floor-limit",
    callback=yuan_option,
    default="0",
    metavar="YUAN",
    help="Contact payments from this amount on go online 最低限额.",
)
@click.option("--sm", is_flag=True, help="With SM2 and SM4 国密算法.")
@click.option(
    "--pin",
    "with_pin",
    is_flag=True,
    help="Enter the PIN before 输入密码: SSCARD_PIN, or a prompt.",
)
@pin_file_option
@reader_option
@bank_profile_option
@vault_option
@json_option
@click.pass_context
def transact_command(
    context: click.Context,
    amount: int,
    way: Way | None,
    offline: bool,
    online: bool,
    host: str | None,
    floor_limit: int,
    sm: bool,
    with_pin: bool,
    pin_file: Path | None,
    reader: str | None,
    profile_name: str | None,
    vault: Path | None,
    as_json: bool,
) -> None:
    """Pay YUAN with a card 交易, and tell every step and why; exit code 1 when it is declined.

    A terminal for tests, not a certified kernel. The bank is the test bank with the keys of the
    vault, or the one of --host; authority keys that are for tests are said to be so.
    """
    if offline and (online or host is not None):
        raise click.UsageError(
            tr("--offline 不能与 --online、--host 同用", "--offline goes without --online, --host")
        )
    terminal = _terminal(floor_limit, sm=sm, offline=offline)
    digits = bank_pin(pin(pin_file)) if with_pin or pin_file else None
    purchase = Purchase(
        amount, datetime.now(), online=online, electronic_cash=way != "debit", pin=digits
    )
    model = bank_model(profile_name)
    transcript = Transcript(_quiet if as_json else _tell)
    face = None if way is None else _FACES[way]
    with _bank(host, offline, profile_name, vault) as asked, _kept(context, transcript):
        with bank_card(reader, model, access="exclusive", interface=face) as card:
            result = _run(card, terminal, purchase, asked, transcript)
            exchanges = card.channel.exchanges
        if asked is not None and result.request is not None:
            confirm(asked, result.request, result.confirmation)
    answered = answered_by(card, result)
    tell_set(terminal.algorithm, answered)
    reason = declined(result, blocked=card.info.blocked)
    if as_json:
        told = None if reason is None else reason.to_json()
        print_json({**result_json(result, exchanges), "algorithm": answered, "reason": told})
    else:
        _summarise(result, way, exchanges, reason)
    if result.outcome != "approved":
        context.exit(FAILED)


def _terminal(floor_limit: int, *, sm: bool, offline: bool) -> TerminalSettings:
    terminal = TerminalSettings(
        floor_limit=floor_limit,
        algorithm="sm4" if sm else "3des",
        authorities=load_authorities(),
    )
    return replace(terminal, type=_OFFLINE_ONLY) if offline else terminal


def _run(
    card: FinancialCard,
    terminal: TerminalSettings,
    purchase: Purchase,
    asked: BankHost | None,
    transcript: Transcript,
) -> TransactionResult:
    online = asked.authorise if asked is not None else None
    run = contact_transaction if card.interface == "contact" else contactless_transaction
    try:
        return run(card, terminal, purchase, online, transcript=transcript)
    except Interrupted as error:
        if asked is not None:
            confirm(asked, error.request, error.confirmation)
        raise


@contextmanager
def _bank(
    host: str | None, offline: bool, profile_name: str | None, vault: Path | None
) -> Iterator[BankHost | None]:
    """The bank of ``--host``, else that of the settings; None for an offline terminal."""
    if offline:
        yield None
        return
    if host is not None:
        settings = BankSettings(service="http", http=_host_settings(host))
    else:
        settings = read_settings().section("bank", BankSettings)
    model, environment = bank_model(profile_name), bank_environment(profile_name)
    with open_bank(settings, environment, model, lambda: open_keys(vault)) as bank:
        yield bank


def _host_settings(url: str) -> HttpBankSettings:
    try:
        return HttpBankSettings(url=url)
    except ValidationError:
        raise InputError(
            Text("不是本机银行的网址", "no address of a bank on this machine"),
            where="--host",
            hint=Text(
                "写 sscard bank host 给出的网址，如 http://127.0.0.1:8445/bank",
                "write what sscard bank host tells, as http://127.0.0.1:8445/bank",
            ),
        ) from None


@contextmanager
def _kept(context: click.Context, transcript: Transcript) -> Iterator[None]:
    """The steps of a transaction that ends with an error are in the JSON output, too."""
    try:
        yield
    except SscardError:
        keep_done(context, {"steps": steps_json(transcript.steps)})
        raise


def _quiet(step: Step) -> None:
    """JSON has all steps in the end."""


def _tell(step: Step) -> None:
    click.echo(f"• {step.title.to(language())}")
    for detail in step.details:
        click.echo(f"    {detail.to(language())}")


def _summarise(
    result: TransactionResult, way: Way | None, exchanges: int, reason: Reason | None
) -> None:
    if reason is not None:
        reason.say("交易拒绝", "Declined")
    if way == "cash" and result.path != "cash":
        say(
            Text(
                "卡没有用电子现金：余额、限额或状态不允许。",
                "The card did not use electronic cash: balance, limits or its state forbid it.",
            )
        )
    if result.tvr & Tvr.PIN_NOT_ENTERED and result.outcome == "declined":
        say(
            Text(
                "卡要求 PIN：加 --pin（提示输入，或取自 SSCARD_PIN），或用 --pin-file。",
                "The card wants a PIN: --pin (asks, or takes SSCARD_PIN), or --pin-file.",
            )
        )
    say(Text(f"命令 {exchanges} 条。", f"{exchanges} commands."))
