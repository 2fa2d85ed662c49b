"""``sscard bank check``: whether the data of a bank's card are as terminals expect them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from sscard_ic.base.clock import SystemClock
from sscard_ic.base.errors import Text
from sscard_ic.cli.bank_card import bank_card, bank_model, bank_profile_option
from sscard_ic.cli.common import FAILED, json_option, language, print_json, say
from sscard_ic.cli.readers import reader_option

_LEVELS = {"error": Text("错误", "error"), "warning": Text("提示", "warning")}


@click.command("check")
@click.argument(
    "file", type=click.Path(path_type=Path, dir_okay=False, exists=True), required=False
)
@reader_option
@bank_profile_option
@click.option(
    "--format",
    "form",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Format of a bank's data file 数据文件格式: yl, citic, ht, dxt, cps, sections, lines, or "
    "a profile of kind bank_data.",
)
@click.option(
    "--on",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Day on which certificates are to be valid 检查日期; today when left out.",
)
@json_option
@click.pass_context
def check_command(
    context: click.Context,
    file: Path | None,
    reader: str | None,
    profile_name: str | None,
    form: str,
    day: datetime | None,
    as_json: bool,
) -> None:
    """Check the data of a bank's card 检查银行应用数据.

    FILE is a plan of data preparation, data groups in text form, a line each: DGI0101=70…, or a
    file of a bank's data preparation (--format), whose cards are checked one by one.
    Without it the card in the reader is read by its contact face; that counts its ATC up.
    Nothing is changed otherwise. Exit code 1 when terminals or the bank would refuse the card.
    """
    from sscard_ic.issuance.bank.checking import check_contents
    from sscard_ic.issuance.bank.contents_of_card import read_card
    from sscard_ic.issuance.bank.contents_reading import read_cards
    from sscard_ic.issuance.bank.findings import error
    from sscard_ic.profile.payment_authorities import load_authorities

    model, blocked = bank_model(profile_name), False
    at = day.date() if day else SystemClock().now().date()
    if file is not None:
        cards = read_cards(file, model, None if form == "auto" else form)
    else:
        with bank_card(reader, model, interface="contact") as card:
            blocked = card.info.blocked
            cards = [read_card(card)]
    authorities = load_authorities()
    findings = [(1, error(*_BLOCKED))] if blocked else []
    findings += [
        (number, finding)
        for number, contents in enumerate(cards, 1)
        for finding in check_contents(contents, authorities, at)
    ]
    errors = sum(finding.level == "error" for _, finding in findings)
    several = len(cards) > 1
    if as_json:
        told = [
            {
                "rule": finding.rule,
                "level": finding.level,
                "where": finding.where,
                "message": finding.text.to(language()),
            }
            | ({"card": number} if several else {})
            for number, finding in findings
        ]
        print_json({"errors": errors, "warnings": len(findings) - errors, "findings": told})
    else:
        for number, finding in findings:
            if several:
                click.echo(Text(f"第 {number} 张 ", f"card {number} ").to(language()), nl=False)
            click.echo(f"{_LEVELS[finding.level].to(language())}: {finding.to(language())}")
        others = len(findings) - errors
        say(
            Text(
                f"{errors} 个错误，{others} 个提示",
                f"{_counted(errors, 'error')}, {_counted(others, 'warning')}",
            )
            if findings
            else Text("未发现问题", "nothing found")
        )
    if not as_json and not all(contents.complete for contents in cards):
        say(Text(*_NOT_SEEN))
    if errors:
        context.exit(FAILED)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


_BLOCKED = (
    "application_blocked",
    "",
    "应用已锁定（6283），终端不接受；用 sscard bank unblock 解锁",
    "the application is blocked (6283), and terminals refuse it; `sscard bank unblock` opens it",
)
_NOT_SEEN = (
    "非接触的数据和卡内秘密数据未检查。",
    "Contactless data and what the card keeps to itself were not checked.",
)
