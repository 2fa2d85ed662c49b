"""``sscard audit``: the log of who did what, its check and its export."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import click

from sscard_ic.base.authority import AuditEvent, deed
from sscard_ic.base.errors import InputError, Text, os_reason
from sscard_ic.cli import common
from sscard_ic.cli.authority import Desk
from sscard_ic.cli.common import json_option, language, print_json, say, tr
from sscard_ic.cli.ledgers import ledger_option, open_ledger
from sscard_ic.cli.tables import print_table
from sscard_ic.ledger import AuditBreak, AuditEntry, AuditHead, AuditLog

_FIRST_DAY, _LAST_DAY = datetime(1970, 1, 1), datetime(9998, 12, 31)
"""Beyond these a day has no moment in every time zone."""
_MOST = 2**31 - 1
"""Entries listed at once."""


class _Day(click.DateTime):
    """A day of the log."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        day: datetime = super().convert(value, param, ctx)
        if not _FIRST_DAY <= day <= _LAST_DAY:
            first, last = f"{_FIRST_DAY:%Y-%m-%d}", f"{_LAST_DAY:%Y-%m-%d}"
            self.fail(
                tr(f"应在 {first} 至 {last} 之间", f"not within {first} to {last}"), param, ctx
            )
        return day


_DAY = _Day()
_OUTCOMES = {
    "done": Text("完成", "done"),
    "refused": Text("拒绝", "refused"),
    "failed": Text("失败", "failed"),
}
_FORM = (
    "One entry a line; the last line has the head. The hash of an entry is the SHA-256 of its "
    'line without ,"hash":"…" (UTF-8, without the end of the line); prev is the hash of the entry '
    "before, 64 zeros in the first."
)


@click.group()
def audit() -> None:
    """Audit log: list, check, export 审计日志."""


@audit.command("list")
@click.option("--action", help="This action, or all of a kind 操作: key.destroy, key, batch …")
@click.option("--actor", metavar="NAME", help="Of this person 人员.")
@click.option("--since", type=_DAY, help="From this day on 起始日期.")
@click.option("--until", type=_DAY, help="Up to this day, included 截止日期.")
@click.option(
    "--last", type=click.IntRange(1, _MOST), metavar="N", help="The newest N of them 最近几条."
)
@ledger_option
@json_option
def list_entries(
    action: str | None,
    actor: str | None,
    since: datetime | None,
    until: datetime | None,
    last: int | None,
    ledger_file: Path | None,
    as_json: bool,
) -> None:
    """List entries, oldest first 列出日志."""
    end = None if until is None else until + timedelta(days=1)
    with open_ledger(ledger_file) as ledger:
        found = ledger.audit.entries(action=action, actor=actor, since=since, until=end)
        entries = deque(found, maxlen=last)
    if as_json:
        print_json({"entries": [_json(entry) for entry in entries]})
        return
    print_table(
        tr("序号", "no."),
        tr("时间", "time"),
        tr("人员", "people"),
        tr("操作", "action"),
        tr("对象", "subject"),
        tr("结果", "outcome"),
        tr("详情", "detail"),
        rows=[_cells(entry) for entry in entries],
        numbers=(0,),
    )


def _head(_context: click.Context, _option: click.Parameter, text: str | None) -> AuditHead | None:
    if text is None:
        return None
    try:
        return AuditHead.parse(text)
    except ValueError:
        raise click.BadParameter(
            tr("应为 序号:哈希（64 个十六进制数字）", "SEQ:HASH is expected, 64 hexadecimal digits")
        ) from None


@audit.command()
@click.option(
    "--head",
    metavar="SEQ:HASH",
    callback=_head,
    help="A head noted before 先前记下的末条: shows entries cut off, and a log written anew.",
)
@ledger_option
@json_option
@click.pass_context
def verify(
    context: click.Context, head: AuditHead | None, ledger_file: Path | None, as_json: bool
) -> None:
    """Check the whole chain 校验日志; prints the head, to be noted elsewhere."""
    with open_ledger(ledger_file) as ledger:
        report = ledger.audit.verify(head)
    if as_json:
        print_json({"whole": report.broken is None, **_report(report.head, report.broken)})
    elif report.broken is None:
        click.echo(str(report.head))
        say(
            Text(
                f"审计日志完整：{report.head.seq} 条。请把末条另行记下",
                f"the audit log is whole: {report.head.seq} entries. Note its head elsewhere",
            )
        )
    if report.broken is not None:
        say(_broken(report.broken))
        context.exit(common.FAILED)


@audit.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@ledger_option
@json_option
def export(file: Path, ledger_file: Path | None, as_json: bool) -> None:
    """Write the log to FILE for an auditor 导出日志: JSON lines with all hashes.

    Needs an auditor or a supervisor as soon as there are operators.
    """
    with open_ledger(ledger_file) as ledger:
        log = ledger.audit
        _refuse_to_overwrite(file)
        desk = Desk(ledger, "production" if ledger.operators.all() else "test")
        actor = desk.sign_in("auditor", "supervisor", action="audit.export", subject=file.name)
        report = log.verify()
        head = log.head()
        detail = {"head": str(head), "whole": "yes" if report.broken is None else "no"}
        event = AuditEvent("audit.export", file.name, (actor,), detail=detail)
        with _new_file(file) as opened, deed(log, event):
            _write(opened, log, head)
    if as_json:
        print_json({"file": str(file), **_report(head, report.broken)})
    say(Text(f"已导出 {head.seq} 条到 {file}", f"{head.seq} entries exported to {file}"))
    if report.broken is not None:
        say(_broken(report.broken))


def _write(opened: BinaryIO, log: AuditLog, head: AuditHead) -> None:
    opened.write(_line({"format": "sscard-audit-1", "form": _FORM}))
    for row in log.rows(head):
        opened.write(row.line() + b"\n")
    opened.write(_line({"head": {"seq": head.seq, "hash": head.hash}}))
    opened.flush()
    os.fsync(opened.fileno())


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _refuse_to_overwrite(file: Path) -> None:
    if os.path.lexists(file):
        raise _exists(file)


@contextmanager
def _new_file(file: Path) -> Iterator[BinaryIO]:
    """A private file that is there only when all has gone well."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
    except FileExistsError:
        raise _exists(file) from None
    except OSError as error:
        reason = os_reason(error)
        raise InputError(
            Text(f"无法写入文件（{reason.zh}）", f"cannot be written ({reason.en})"),
            where=str(file),
            hint=Text("检查路径与权限", "check the path and its permissions"),
        ) from None
    try:
        with os.fdopen(descriptor, "wb") as opened:
            yield opened
    except BaseException:
        with suppress(OSError):
            file.unlink()
        raise


_BINARY = getattr(os, "O_BINARY", 0)


def _exists(file: Path) -> InputError:
    return InputError(
        Text("文件已存在，不会覆盖", "already exists and is not overwritten"),
        where=str(file),
        hint=Text("请另选文件名", "choose another name"),
    )


def _broken(broken: AuditBreak) -> Text:
    return Text(
        f"审计日志已损坏：{broken.reason.zh}\n  → 请保留台账原样并报告；勿继续使用，从备份查明差异",
        f"the audit log is broken: {broken.reason.en}\n"
        "  → keep the ledger as it is, report it, and compare it with a backup or an export",
    )


def _report(head: AuditHead, broken: AuditBreak | None) -> dict[str, Any]:
    found = broken and {
        "seq": broken.seq,
        "kind": broken.kind,
        "reason": broken.reason.to(language()),
    }
    return {"entries": head.seq, "head": str(head), "broken": found}


def _cells(entry: AuditEntry) -> tuple[str, ...]:
    event = entry.event
    cells = (
        str(entry.seq),
        f"{entry.at.astimezone():%Y-%m-%d %H:%M:%S}",
        ", ".join(event.actors),
        event.action,
        event.subject,
        _OUTCOMES[event.outcome].to(language()),
        " ".join(f"{name}={value}" for name, value in event.detail.items()),
    )
    # A name of a file may hold what a terminal would obey.
    return tuple("".join(c if c.isprintable() else " " for c in cell) for cell in cells)


def _json(entry: AuditEntry) -> dict[str, Any]:
    event = entry.event
    return {
        "seq": entry.seq,
        "at": entry.at.isoformat(timespec="milliseconds"),
        "action": event.action,
        "subject": event.subject,
        "actors": list(event.actors),
        "outcome": event.outcome,
        "detail": dict(event.detail),
        "host": entry.host,
        "clock": entry.clock,
        "program": entry.program,
        "prev": entry.prev,
        "hash": entry.hash,
    }
