"""The checks of ``sscard doctor`` on the ledger and its audit log; nothing in them is changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli.checkup import Finding, Machine, belonging

_DATABASE = b"SQLite format 3\0"
_AUDIT = Text("审计日志", "audit log")


def ledger_findings(machine: Machine) -> Iterator[Finding]:
    """The ledger of this user, and whether its audit log is as it was written."""
    path = machine.home / "ledger.db"
    found = belonging(
        path,
        "ledger",
        Text("台账", "ledger"),
        Text("由 sscard batch import 建立", "sscard batch import makes it"),
        _is_ledger,
    )
    yield found
    if found.state == "ok":
        yield _audit(path)


def _is_ledger(path: Path) -> bool:
    """Whether it is a database; one that was not written to is empty.

    To open it as such would change it: SQLite makes files beside it.
    """
    with path.open("rb") as file:
        return file.read(len(_DATABASE)) in (b"", _DATABASE)


def _audit(path: Path) -> Finding:
    from sscard_ic.ledger.looking import audit_of

    try:
        log = audit_of(path)
        report = log.verify() if log is not None else None
    except InputError as error:
        return Finding("audit", _AUDIT, "missing", error.what, error.hint)
    if report is None:
        what = Text("还没有，首次使用时开始", "none yet, it begins with the first use")
        return Finding("audit", _AUDIT, "ok", what)
    count = report.head.seq
    if report.broken is None:
        what = Text(f"{count} 条，哈希链完整", f"{count} entries, the chain is whole")
        return Finding("audit", _AUDIT, "ok", what)
    return Finding(
        "audit",
        _AUDIT,
        "missing",
        report.broken.reason,
        Text(
            "保留台账文件备查，并报告主管：sscard audit verify",
            "keep the ledger as evidence and tell the supervisor: sscard audit verify",
        ),
    )
