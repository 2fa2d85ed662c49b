"""``sscard bank load``, ``unload`` and ``limits``: the electronic cash of a card."""

from __future__ import annotations

from pathlib import Path

import click

from sscard_ic.base.errors import Text
from sscard_ic.card.financial.words import money
from sscard_ic.cli.bank_service import Counter, service_options, yuan_option
from sscard_ic.cli.common import tr
from sscard_ic.hosts.bank_issuer import BALANCE_LIMIT, RESET_THRESHOLD, SINGLE_LIMIT, Order


@click.command("load")
@click.argument("amount", callback=yuan_option, metavar="YUAN")
@service_options
def load_command(amount: int, counter: Counter, pin_file: Path | None) -> None:
    """Load YUAN of electronic cash onto the card 圈存, from its account at the bank.

    The bank is the one that [bank] of sscard.toml names, else a test bank on this machine.
    """
    if not amount:
        raise click.UsageError(tr("圈存金额应大于 0", "the amount must be greater than 0"))
    served = counter.serve("load", amount)
    loaded = money(amount)
    done = Text(f"已圈存 {loaded.zh}。", f"Loaded {loaded.en}.")
    counter.finish(served, done, amount=amount)


@click.command("unload")
@service_options
def unload_command(counter: Counter, pin_file: Path | None) -> None:
    """Bring the electronic cash of the card back to its account 圈提; the card is empty then."""
    served = counter.serve("unload")
    unloaded = (served.before or 0) - (served.after or 0)
    words = money(unloaded)
    done = Text(f"已圈提 {words.zh}。", f"Unloaded {words.en}.")
    counter.finish(served, done, amount=unloaded)


@click.command("limits")
@click.option(
    "--balance",
    callback=yuan_option,
    metavar="YUAN",
    help="What the card may hold 余额上限 (9F77).",
)
@click.option(
    "--single",
    callback=yuan_option,
    metavar="YUAN",
    help="What one payment may take 单笔限额 (9F78).",
)
@click.option(
    "--threshold",
    callback=yuan_option,
    metavar="YUAN",
    help="Below it payments go online 重置阈值 (9F6D).",
)
@service_options
def limits_command(
    balance: int | None,
    single: int | None,
    threshold: int | None,
    counter: Counter,
    pin_file: Path | None,
) -> None:
    """Change the limits of electronic cash 电子现金限额."""
    asked = {BALANCE_LIMIT: balance, SINGLE_LIMIT: single, RESET_THRESHOLD: threshold}
    limits = {tag: value for tag, value in asked.items() if value is not None}
    if not limits:
        raise click.UsageError(
            tr(
                "请给出 --balance、--single 或 --threshold",
                "give --balance, --single or --threshold",
            )
        )
    served = counter.serve("limits", order=Order(limits=limits))
    named = {f"{tag:X}": value for tag, value in limits.items()}
    counter.finish(served, Text("限额已修改。", "The limits are changed."), limits=named)
