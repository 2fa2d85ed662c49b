"""``sscard keys``: what is done with keys that are there: days, destruction, the passphrase."""

from __future__ import annotations

from datetime import date
from typing import Literal

import click

from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli import secrets
from sscard_ic.cli.ceremony_booth import ask
from sscard_ic.cli.ceremony_office import Where, where_options
from sscard_ic.cli.ceremony_options import (
    NO_DAY,
    algorithm_option,
    changed_day_option,
    introduce,
    name_argument,
    version_option,
)
from sscard_ic.cli.common import tr
from sscard_ic.keys.ceremony import find
from sscard_ic.keys.inventory import RootAlgorithm

_Day = date | Literal["none"] | None


@click.command("validity")
@name_argument
@version_option("Version 版本")
@algorithm_option
@changed_day_option("--valid-from", "First day of use 启用日期")
@changed_day_option("--valid-until", "Last day of use 停用日期")
@where_options
def validity_command(
    name: str,
    version: int,
    algorithm: RootAlgorithm | None,
    valid_from: _Day,
    valid_until: _Day,
    where: Where,
) -> None:
    """Change the days on which a key may be used 更改有效期; what is not said stays."""
    if valid_from is None and valid_until is None:
        raise click.UsageError(
            tr("请给出 --valid-from 或 --valid-until", "say --valid-from or --valid-until")
        )
    with where.office() as office:
        key = find(office.store, name, version, algorithm, office.place)
        introduce(key, office.place)
        first = _chosen(valid_from, key.valid_from)
        done = office.ceremony.set_validity(key, first, _chosen(valid_until, key.valid_until))
    where.tell(done)


def _chosen(said: _Day, present: date | None) -> date | None:
    if said is None:
        return present
    return None if said == NO_DAY else said


@click.command("destroy")
@name_argument
@version_option("Version 版本")
@algorithm_option
@click.option("--yes", is_flag=True, help="Do not ask for the key's name 不再确认.")
@where_options
def destroy_command(
    name: str, version: int, algorithm: RootAlgorithm | None, yes: bool, where: Where
) -> None:
    """Overwrite a key for good 销毁密钥; its entry stays in the inventory, marked destroyed."""
    with where.office() as office:
        key = find(office.store, name, version, algorithm, office.place)
        introduce(key, office.place)
        if not yes:
            question = tr(
                "销毁后无法恢复。请输入密钥名称以确认",
                "It cannot be brought back. Type the name of the key to confirm",
            )
            if ask(question) != key.name:
                raise InputError(
                    Text("名称不符，未销毁", "that is not its name; nothing was destroyed"),
                    where=key.name,
                )
        done = office.ceremony.destroy(key)
    where.tell(done)


@click.command("passphrase")
@where_options
def passphrase_command(where: Where) -> None:
    """Change the passphrase of the vault 更换密钥库口令.

    The new one comes from SSCARD_NEW_PASSPHRASE, SSCARD_NEW_PASSPHRASE_FILE or a prompt.
    """
    with where.office() as office:
        office.ceremony.require_passphrase()
        done = office.ceremony.change_passphrase(
            lambda: (secrets.present_passphrase(), secrets.new_passphrase())
        )
    where.tell(done)
