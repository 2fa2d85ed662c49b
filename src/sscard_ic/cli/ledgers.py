"""Where the ledger of a command lies, and how it is opened."""

from __future__ import annotations

from pathlib import Path

import click

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.resources import home_dir
from sscard_ic.keys import KeyService
from sscard_ic.ledger import Ledger

ledger_option = click.option(
    "--ledger",
    "ledger_file",
    type=click.Path(path_type=Path),
    help="Ledger 台账 (default: ledger.db under SSCARD_HOME).",
)


_FIRST = Text(
    "；全新安装请先添加主管：sscard operator add 名字 --role supervisor",
    "; a new site adds a supervisor first: sscard operator add NAME --role supervisor",
)


def ledger_path(chosen: Path | None) -> Path:
    """The ledger given by option, or the one under ``SSCARD_HOME``."""
    return chosen or home_dir() / "ledger.db"


def new_ledger(chosen: Path | None, keys: KeyService) -> Ledger:
    """The ledger with the key service that seals it; made when it does not exist.

    Raises :class:`MissingCapabilityError` before that when the service cannot seal.
    """
    return Ledger.open(ledger_path(chosen), keys.sealer(), keys)


def open_ledger(chosen: Path | None, keys: KeyService | None = None) -> Ledger:
    """The existing ledger; without ``keys`` personal data stays sealed."""
    path = ledger_path(chosen)
    if not path.exists():
        raise InputError(
            Text("台账不存在", "there is no ledger"),
            where=str(path),
            hint=Text(
                "请先运行 sscard batch import，或用 --ledger 指定台账",
                "run sscard batch import first, or name the ledger with --ledger",
            ),
        )
    if keys is None:
        return Ledger.open(path)
    return Ledger.open(path, keys.sealer(), keys)


def office_ledger(chosen: Path | None, *, existing: bool = False) -> Ledger:
    """The ledger for its operators and its audit log, without a vault; made when there is none.

    ``existing``: must be there, as for deeds with production keys. Whoever names another path would
    otherwise begin an office of their own.
    """
    path = ledger_path(chosen)
    if existing and not path.exists():
        raise InputError(
            Text("此处没有台账", "no ledger there"),
            where=str(path),
            hint=Text(
                "请核对 --ledger 和 SSCARD_HOME" + ("" if chosen else _FIRST.zh),
                "check --ledger and SSCARD_HOME" + ("" if chosen else _FIRST.en),
            ),
        )
    return Ledger.open(path)
