"""``sscard sim show``: the bank's part of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sscard_ic.base.errors import Text
from sscard_ic.cli.common import language, tr
from sscard_ic.cli.tables import print_table

if TYPE_CHECKING:
    from sscard_ic.simulator import BankApplication, BankDescription

_STATES = {
    "installed": Text("个人化中", "in personalization"),
    "issued": Text("已发行", "issued"),
    "blocked": Text("已锁定", "blocked"),
}
_MODULES = {"payment": Text("借记应用", "payment"), "directory": Text("目录", "directory")}
_ALGORITHMS = {"3des": "3DES", "sm4": "SM4", "rsa": "RSA", "sm2": "SM2"}


def show_bank(bank: BankDescription) -> None:
    """Card manager and applications."""
    blocked = tr("是", "yes") if bank.card_blocked else tr("否", "no")
    rows = (
        (tr("银行部分的主安全域", "card manager of the bank's part"), bank.issuer_domain),
        (tr("密钥数据", "key data"), bank.key_data),
        (tr("下一安全通道的序列计数", "sequence of the next channel"), f"{bank.sequence:04X}"),
        (tr("卡片锁定", "card blocked"), blocked),
    )
    click.echo()
    print_table(rows=rows)
    if not bank.applications:
        return
    titles = (
        tr("银行应用", "application of the bank"),
        tr("类型", "kind"),
        tr("状态", "state"),
        tr("记录", "records"),
        tr("密钥", "keys"),
        tr("PIN 剩余次数", "PIN tries left"),
        tr("交易计数", "ATC"),
    )
    click.echo()
    print_table(*titles, rows=map(_row, bank.applications), numbers=(3, 6))


def _row(application: BankApplication) -> tuple[str, ...]:
    keys = [_ALGORITHMS[name] for name in (*application.keys, *application.private_keys)]
    tries = application.pin_tries, application.pin_limit
    return (
        application.aid,
        _MODULES[application.module].to(language()),
        _STATES[application.state].to(language()),
        str(application.records),
        ", ".join(keys) or "-",
        "-" if None in tries else f"{tries[0]} / {tries[1]}",
        "" if application.transactions is None else str(application.transactions),
    )
