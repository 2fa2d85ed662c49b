"""Where a batch gets the data of the bank's applications from: options of its commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli.bank_pool import card_key_pool

if TYPE_CHECKING:
    from sscard_ic.issuance.bank.desk import BankSource
    from sscard_ic.keys import KeyService
    from sscard_ic.profile import CardProfile

F = TypeVar("F", bound=Callable[..., Any])


def bank_data_options(command: F) -> F:
    """``--bank-data`` and ``--bank-format``: what the bank has prepared itself."""
    file = click.option(
        "--bank-data",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="The bank's data preparation file 银行数据文件; its cards by their numbers.",
    )
    form = click.option(
        "--bank-format",
        metavar="NAME",
        help="Its format 格式: yl, citic, ht, dxt, cps, sections, lines, or a profile of kind "
        "bank_data; recognised when left out.",
    )
    return file(form(command))


def bank_source(
    profile: CardProfile, service: KeyService, file: Path | None, form: str | None
) -> BankSource | None:
    """Where the data of the bank's applications come from; None where none are made here.

    The bank's file, or data preparation with published test keys and the pool of key pairs.
    """
    from sscard_ic.issuance.bank.desk import BankFileSource, desk_of
    from sscard_ic.issuance.bank.files import read_bank_file

    if file is None:
        return desk_of(profile, card_key_pool(service))
    if profile.structure.bank_application != "personalize":
        raise InputError(
            Text(
                "此规范的卡不在这里个人化银行应用，用不到 --bank-data",
                "cards of this profile are not given a bank's application here: --bank-data is "
                "for those that are",
            ),
            where=profile.name,
            hint=Text("去掉 --bank-data", "leave --bank-data out"),
        )
    return BankFileSource(file, read_bank_file(file, form))
