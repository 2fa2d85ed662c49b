"""``sscard bank host``: the reference server of a bank, for developers."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click

from sscard_ic.base.errors import Text
from sscard_ic.base.settings import read_settings
from sscard_ic.cli.bank_card import bank_model, bank_profile_option
from sscard_ic.cli.bank_service import yuan_option
from sscard_ic.cli.common import json_option, language, print_json, say
from sscard_ic.cli.secrets import open_keys, vault_option
from sscard_ic.cli.serving import Address, listen_address, until_stopped, wait_while
from sscard_ic.hosts.bank_settings import BankSettings


def _opening(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """An amount that the settings would take, too."""
    fen = yuan_option(context, parameter, value)
    if fen is not None:
        try:
            BankSettings(opening=fen)
        except ValueError:
            text = Text("金额超出 12 位（分）", "more than 12 digits, in fen")
            raise click.BadParameter(text.to(language()), context, parameter) from None
    return fen


@click.command("host")
@click.option(
    "--listen",
    callback=listen_address,
    default="127.0.0.1:8445",
    show_default=True,
    metavar="ADDRESS:PORT",
    help="Where terminals connect 监听地址, on this machine only; port 0: a free one.",
)
@click.option(
    "--book",
    "book_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of the accounts 账簿 (default: what sscard.toml says, else bank.db under "
    "SSCARD_HOME).",
)
@click.option("--memory", is_flag=True, help="Keep the accounts in memory alone 不保存.")
@click.option(
    "--opening",
    callback=_opening,
    metavar="YUAN",
    help="Main account of a card that is seen for the first time 初始余额 (default: 1000).",
)
@click.option(
    "--unproved-balance",
    is_flag=True,
    help="Load cards that prove no balance, from what the terminal tells 信任终端所报余额.",
)
@bank_profile_option
@vault_option
@json_option
def host_command(
    listen: Address,
    book_file: Path | None,
    memory: bool,
    opening: int | None,
    unproved_balance: bool,
    profile_name: str | None,
    vault: Path | None,
    as_json: bool,
) -> None:
    """Serve a test bank by HTTP 测试发卡行, until Ctrl-C.

    It verifies what cards send, answers them, and keeps their accounts, with the keys of the bank
    in a test vault. It answers in clear: never for real cards.
    """
    from sscard_ic.hosts.bank_book import BankBook
    from sscard_ic.hosts.bank_opening import rules_of
    from sscard_ic.hosts.bank_server import BankServer
    from sscard_ic.hosts.test_bank import TestBank

    settings = read_settings().section("bank", BankSettings)
    rules = rules_of(settings)
    if opening is not None:
        rules = replace(rules, opening=opening)
    if unproved_balance:
        rules = replace(rules, unproved_balance=True)
    path = None if memory else book_file or settings.file()
    model, chosen = bank_model(profile_name), language()  # the server's thread knows no options
    with closing(open_keys(vault)) as keys, closing(BankBook(path, keys)) as book:
        server = BankServer(
            TestBank(keys, model, book, rules),
            *listen,
            tell=lambda text: click.echo(text.to(chosen), err=True),
        )
        with server, until_stopped():
            server.start()
            _tell(server.url, path, as_json=as_json)
            wait_while(server)
    say(Text("已停止", "stopped"))


def _tell(url: str, book: Path | None, *, as_json: bool) -> None:
    """Where the bank is, and what belongs into sscard.toml of a client."""
    if as_json:
        told = None if book is None else str(book)
        print_json({"service": "http", "http": {"url": url}, "book": told})
    else:
        say(Text(f"测试发卡行：{url}（按 Ctrl-C 结束）", f"test bank: {url} (Ctrl-C ends it)"))
        if book is not None:
            say(Text(f"账簿：{book}", f"accounts: {book}"))
        say(Text("客户端的 sscard.toml：", "sscard.toml of a client:"))
        click.echo(f'[bank]\nservice = "http"\n\n[bank.http]\nurl = "{url}"')
    sys.stdout.flush()
