"""``sscard bank block`` and ``unblock``: closing the bank's application, or the card for good."""

from __future__ import annotations

from pathlib import Path

import click

from sscard_ic.base.errors import Text
from sscard_ic.cli.bank_service import Counter, service_options
from sscard_ic.cli.common import FAILED, language, say


@click.command("block")
@click.option(
    "--card",
    "whole_card",
    is_flag=True,
    help="The applications of the bank for good 永久锁卡; nothing opens them again.",
)
@click.option("--yes", is_flag=True, help="Do not ask before 不再询问.")
@service_options
def block_command(whole_card: bool, yes: bool, counter: Counter, pin_file: Path | None) -> None:
    """Block the bank's application 应用锁定; `sscard bank unblock` opens it again."""
    if not whole_card:
        served = counter.serve("block")
        counter.finish(served, Text("银行应用已锁定。", "The bank's application is blocked."))
        return
    question = Text("永久锁定此卡的银行应用？", "Block the bank's part of this card for good?")
    if not yes and not click.confirm(question.to(language()), err=True):
        say(Text("没有锁定。", "Nothing was done."))
        click.get_current_context().exit(FAILED)
    served = counter.serve("card_block")
    counter.finish(
        served,
        Text("此卡的银行应用已永久锁定。", "The bank's part of the card is blocked for good."),
    )


@click.command("unblock")
@service_options
def unblock_command(counter: Counter, pin_file: Path | None) -> None:
    """Open a blocked application of the bank again 应用解锁; for its PIN see `sscard bank pin`."""
    served = counter.serve("unblock")
    counter.finish(served, Text("银行应用已解锁。", "The bank's application is open again."))
