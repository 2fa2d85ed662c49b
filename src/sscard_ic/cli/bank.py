"""``sscard bank``: the group; its commands are imported when they are used."""

from __future__ import annotations

import click

from sscard_ic.cli.lazy import LazyGroup, Place

_COMMANDS: dict[str, Place] = {
    "read": ("sscard_ic.cli.bank_read", "read_command"),
    "transact": ("sscard_ic.cli.bank_transact", "transact_command"),
    "load": ("sscard_ic.cli.bank_load", "load_command"),
    "unload": ("sscard_ic.cli.bank_load", "unload_command"),
    "limits": ("sscard_ic.cli.bank_load", "limits_command"),
    "pin": ("sscard_ic.cli.bank_pin", "pin_command"),
    "block": ("sscard_ic.cli.bank_block", "block_command"),
    "unblock": ("sscard_ic.cli.bank_block", "unblock_command"),
    "check": ("sscard_ic.cli.bank_check", "check_command"),
    "pool": ("sscard_ic.cli.bank_pool", "pool_command"),
    "host": ("sscard_ic.cli.bank_host", "host_command"),
}


@click.group(cls=LazyGroup, places=_COMMANDS)
def bank() -> None:
    """The bank's debit application of the card 银行借记应用 (PBOC)."""
