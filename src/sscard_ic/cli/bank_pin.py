"""``sscard bank pin``: the offline PIN of the bank's application."""

from __future__ import annotations

from pathlib import Path

import click

from sscard_ic.base.errors import Text
from sscard_ic.cli.bank_card import bank_pin
from sscard_ic.cli.bank_service import Counter, service_options
from sscard_ic.cli.common import tr
from sscard_ic.cli.secrets import new_pin, new_pin_file_option, pin
from sscard_ic.hosts.bank_issuer import Order


@click.command("pin")
@click.option(
    "--unblock", is_flag=True, help="Give back all tries alone; the PIN stays 只解锁，不改密码."
)
@click.option(
    "--with-current",
    is_flag=True,
    help="Send the present PIN along, too (P2 = 01) 同时校验原密码.",
)
@new_pin_file_option
@service_options
def pin_command(
    unblock: bool,
    with_current: bool,
    new_pin_file: Path | None,
    counter: Counter,
    pin_file: Path | None,
) -> None:
    """Set the offline PIN of the bank's application 修改/解锁脱机密码, by a script of the bank.

    PINs come from a prompt, a file, or SSCARD_PIN and SSCARD_NEW_PIN; never from an option.
    """
    if unblock:
        if with_current or new_pin_file is not None:
            raise click.UsageError(tr("--unblock 不改密码", "--unblock sets no PIN"))
        served = counter.serve("pin")
        counter.finish(served, Text("脱机密码已解锁。", "The offline PIN is unblocked."))
        return
    if with_current and counter.pin is not None:
        raise click.UsageError(
            tr(
                "--with-current 与 --account-pin 不能同用",
                "--with-current and --account-pin exclude each other",
            )
        )
    current = bank_pin(pin(pin_file)) if with_current else None
    order = Order(bank_pin(new_pin(new_pin_file)), current)
    served = counter.serve("pin", order=order)
    counter.finish(served, Text("脱机密码已修改。", "The offline PIN is set."))
