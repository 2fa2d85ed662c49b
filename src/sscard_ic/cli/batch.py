"""``sscard batch``: from a file of holders to verified cards and a return file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from sscard_ic.base.errors import Text
from sscard_ic.cli import common
from sscard_ic.cli.bank_source import bank_data_options, bank_source
from sscard_ic.cli.batch_operator import require_served, signed_in
from sscard_ic.cli.common import json_option, print_json, say, tr
from sscard_ic.cli.ledgers import ledger_option, new_ledger, open_ledger
from sscard_ic.cli.progress import progress
from sscard_ic.cli.run import run
from sscard_ic.cli.secrets import open_keys, vault_option
from sscard_ic.cli.tables import print_table
from sscard_ic.issuance.checks import CheckReport, check_file
from sscard_ic.issuance.importing import ImportReport, import_file
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.issuance.returns import failures_json, write_return_file
from sscard_ic.keys import macer
from sscard_ic.ledger import Batch, Card, CardState, Ledger, SerialState
from sscard_ic.profile import load, load_import_formats

file_argument = click.argument("file", type=click.Path(path_type=Path))
profile_option = click.option(
    "--profile", "profile_name", required=True, help="Profile of the region 地区配置, e.g. dalian."
)
date_option = click.option(
    "--date",
    "batch_date",
    type=click.DateTime(["%Y-%m-%d", "%Y%m%d"]),
    help="Date of the batch 批次日期 (default: the one in the file name, else today).",
)
photos_option = click.option(
    "--photos",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the photos 照片文件夹 (default: as the file format says).",
)


_SHOWN = 50
"""Refusals that a person is shown; ``--json`` gives all."""

_PHOTO_MISSING = "PHOTO file missing"


@click.group()
def batch() -> None:
    """Issue cards in batches 批量制卡."""


batch.add_command(run)


@batch.command()
@file_argument
@profile_option
@date_option
@photos_option
@json_option
@click.pass_context
def check(
    context: click.Context,
    file: Path,
    profile_name: str,
    batch_date: datetime | None,
    photos: Path | None,
    as_json: bool,
) -> None:
    """Check a holder file 检查数据文件; changes nothing.

    Numbers that were ordered before are found at import. Exit code 3 when rows are refused.
    """
    report = _checked(file, profile_name, batch_date, photos)
    if as_json:
        print_json(report.to_json(common.language()))
    else:
        _show_refused(report)
        _say_counts(report)
    if report.refused:
        context.exit(common.SOME_REFUSED)


@batch.command("import")
@file_argument
@profile_option
@date_option
@photos_option
@ledger_option
@vault_option
@json_option
@click.pass_context
def import_command(
    context: click.Context,
    file: Path,
    profile_name: str,
    batch_date: datetime | None,
    photos: Path | None,
    ledger_file: Path | None,
    vault: Path | None,
    as_json: bool,
) -> None:
    """Check a holder file and take its rows into the ledger 导入数据文件.

    Refused rows are kept for the return file. Exit code 3 when rows are refused; when none is
    accepted nothing is imported.
    """
    checks = _checked(file, profile_name, batch_date, photos)
    with closing(open_keys(vault)) as service:
        require_served(checks.profile, service)
        with new_ledger(ledger_file, service) as ledger:
            name = checks.file.path.stem
            actors = signed_in(ledger, service, checks.profile, "batch.import", name)
            report = import_file(ledger, checks, actors)
    if as_json:
        print_json(_import_json(report))
    else:
        _say_imported(report)
    if report.checks.refused and not report.already_imported:
        context.exit(common.SOME_REFUSED)


@batch.command()
@click.argument("name", metavar="BATCH")
@bank_data_options
@ledger_option
@vault_option
@json_option
@click.pass_context
def prepare(
    context: click.Context,
    name: str,
    bank_data: Path | None,
    bank_format: str | None,
    ledger_file: Path | None,
    vault: Path | None,
    as_json: bool,
) -> None:
    """Work out what each card will hold 准备个人化数据.

    May be repeated: only rows without a plan are prepared. Exit code 3 when some could not be.
    """
    with closing(open_keys(vault)) as service, open_ledger(ledger_file, service) as ledger:
        profile = load(ledger.batch(name).profile)
        actors = signed_in(ledger, service, profile, "batch.prepare", name)
        waiting = ledger.counts(name).get(CardState.ACCEPTED, 0)
        with progress(tr("准备", "preparing"), waiting) as advance:
            report = prepare_batch(
                ledger,
                name,
                profile,
                macer(service),
                bank=bank_source(profile, service, bank_data, bank_format),
                on_progress=advance,
                actors=actors,
            )
    failures = [
        {"row": row, "message": error.what.to(common.language())} for row, error in report.failures
    ]
    if as_json:
        print_json({"batch": name, "prepared": report.prepared, "failed": failures})
    else:
        for failure in failures:
            row, message = failure["row"], failure["message"]
            say(Text(f"第 {row} 行：{message}", f"row {row}: {message}"))
        say(Text(f"已准备 {report.prepared} 张卡", f"{report.prepared} cards prepared"))
    if failures:
        context.exit(common.SOME_REFUSED)


@batch.command()
@click.argument("name", metavar="[BATCH]", required=False)
@ledger_option
@json_option
def status(name: str | None, ledger_file: Path | None, as_json: bool) -> None:
    """How far the batches have come 查看批次进度; needs no vault."""
    with open_ledger(ledger_file) as ledger:
        found = [ledger.batch(name)] if name else list(ledger.batches())
        states = {entry.name: ledger.counts(entry.name) for entry in found}
        bad = _bad_cards(ledger, name) if name else ()
        serials = ledger.serial_counts(name) if name else {}
    if as_json:
        values = [_status_json(entry, states[entry.name]) for entry in found]
        if name:
            failed = failures_json(bad, common.language())
            print_json({**values[0], "serials": serials, "failed": failed})
        else:
            print_json({"batches": values})
        return
    _show_status(found, states)
    if serials:
        click.echo(tr("序列号：", "serial numbers: ") + _counts(serials))
    if bad:
        _show_cards(bad)


@batch.command("return")
@click.argument("name", metavar="BATCH")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder of the return file 输出文件夹 (default: the present one).",
)
@click.option(
    "--partial",
    is_flag=True,
    help="Although cards are not finished 部分回盘; they count as failed.",
)
@ledger_option
@vault_option
@json_option
def return_command(
    name: str,
    out: Path,
    partial: bool,
    ledger_file: Path | None,
    vault: Path | None,
    as_json: bool,
) -> None:
    """Write the return file 生成回盘文件: one line for each row of the batch."""
    with closing(open_keys(vault)) as service, open_ledger(ledger_file, service) as ledger:
        profile = load(ledger.batch(name).profile)
        actors = signed_in(ledger, service, profile, "batch.return", name)
        report = write_return_file(ledger, name, profile, out, partial=partial, actors=actors)
    if as_json:
        print_json(report.to_json(common.language()))
        return
    if report.bad:
        _show_cards(report.bad)
    say(
        Text(
            f"回盘文件 {report.path}：成功 {report.good}，失败 {len(report.bad)}，"
            f"未完成 {report.unfinished}",
            f"return file {report.path}: {report.good} good, {len(report.bad)} failed, "
            f"{report.unfinished} not finished",
        )
    )


def _checked(
    file: Path, profile_name: str, batch_date: datetime | None, photos: Path | None
) -> CheckReport:
    return check_file(
        file,
        load(profile_name),
        load_import_formats(),
        batch_date=batch_date.date() if batch_date else None,
        photos=photos,
    )


def _import_json(report: ImportReport) -> dict[str, Any]:
    return {
        "batch": report.batch.name if report.batch else None,
        "already_imported": report.already_imported,
        **report.checks.to_json(common.language()),
    }


def _say_imported(report: ImportReport) -> None:
    if report.batch and report.already_imported:
        name = report.batch.name
        say(
            Text(
                f"该文件已作为批次 {name} 导入，未作任何更改",
                f"this file was imported as batch {name} already; nothing was changed",
            )
        )
        return
    _show_refused(report.checks)
    _say_counts(report.checks)
    if report.batch:
        name = report.batch.name
        say(
            Text(
                f"已导入批次 {name}；制卡：sscard batch run {name} --reader …",
                f"imported as batch {name}; make its cards: sscard batch run {name} --reader …",
            )
        )
    else:
        say(Text("未导入任何数据", "nothing was imported"))


def _say_counts(report: CheckReport) -> None:
    good, bad = report.accepted, len(report.refused)
    day = report.batch_date.isoformat()
    say(
        Text(
            f"批次日期 {day}：接受 {good} 行，拒绝 {bad} 行",
            f"batch of {day}: {good} rows accepted, {bad} refused",
        )
    )


def _show_refused(report: CheckReport) -> None:
    if not report.refused:
        return
    rows = [
        (str(checked.row.number), checked.row.seq, found.message.to(common.language()))
        for checked in report.refused
        for found in checked.reasons
    ]
    more = len(rows) - _SHOWN
    rows = rows[:_SHOWN]
    titles = (tr("行", "row"), tr("序号", "no."), tr("拒绝原因", "reason of refusal"))
    print_table(*titles, rows=rows)
    if more > 0:
        say(Text(f"另有 {more} 条，用 --json 查看", f"{more} more; --json gives all"))
    if any(found.reason == _PHOTO_MISSING for row in report.refused for found in row.reasons):
        say(Text("照片目录可用 --photos 指定", "the folder of the photos is named by --photos"))


def _show_cards(cards: tuple[Card, ...]) -> None:
    rows = [
        (
            str(card.row),
            card.seq,
            card.state.text.to(common.language()),
            found.message.to(common.language()),
        )
        for card in cards
        for found in card.reasons
    ]
    titles = (tr("行", "row"), tr("序号", "no."), tr("状态", "state"), tr("原因", "reason"))
    print_table(*titles, rows=rows)


def _show_status(found: list[Batch], states: dict[str, dict[CardState, int]]) -> None:
    rows = [
        (entry.name, entry.profile, str(entry.rows), _counts(states[entry.name])) for entry in found
    ]
    titles = (tr("批次", "batch"), tr("配置", "profile"), tr("行数", "rows"), tr("状态", "states"))
    print_table(*titles, rows=rows, numbers=(2,))


def _counts(found: Mapping[CardState, int] | Mapping[SerialState, int]) -> str:
    language = common.language()
    return ", ".join(f"{state.text.to(language)} {count}" for state, count in found.items())


def _bad_cards(ledger: Ledger, name: str) -> tuple[Card, ...]:
    return ledger.cards_of(name, (CardState.REFUSED, CardState.FAILED))


def _status_json(entry: Batch, states: dict[CardState, int]) -> dict[str, Any]:
    return {
        "batch": entry.name,
        "profile": entry.profile,
        "source": entry.source_name,
        "date": entry.batch_date.isoformat(),
        "imported_at": entry.imported_at.isoformat(),
        "rows": entry.rows,
        "states": {str(state): count for state, count in states.items()},
    }
