"""``sscard doctor``: what works here and what does not, each with the next step."""

from __future__ import annotations

from collections.abc import Iterator

import click

from sscard_ic.base.errors import Text
from sscard_ic.base.resources import home_dir
from sscard_ic.cli.checkup import Finding, Machine, State, core_findings, guarded
from sscard_ic.cli.checkup_certificates import certificate_findings
from sscard_ic.cli.checkup_keys import key_findings
from sscard_ic.cli.checkup_ledger import ledger_findings
from sscard_ic.cli.checkup_readers import reader_findings
from sscard_ic.cli.checkup_service import LinuxService, service_findings
from sscard_ic.cli.checkup_vpcd import vpcd_findings
from sscard_ic.cli.common import FAILED, json_option, language, print_json, tr
from sscard_ic.cli.tables import print_table

_STATES: dict[State, Text] = {
    "ok": Text("正常", "ok"),
    "note": Text("提示", "note"),
    "missing": Text("缺失", "MISSING"),
}


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Look what works here and what does not 自检, each with the next step.

    Exit code 0 when cards can be made and read, if only virtual ones; what only some need and is
    absent is a note. Nothing is changed, and no card is touched.
    """
    findings = list(examine(Machine(home_dir())))
    healthy = all(finding.state != "missing" for finding in findings)
    if as_json:
        print_json({"ok": healthy, "findings": [_to_json(finding) for finding in findings]})
    else:
        _show(findings)
    if not healthy:
        click.get_current_context().exit(FAILED)


def examine(machine: Machine) -> Iterator[Finding]:
    """Every finding about a machine, from the core outwards."""
    yield from core_findings(machine)
    yield from guarded("ledger", Text("台账", "ledger"), lambda: ledger_findings(machine))
    yield from guarded("keys", Text("密钥服务", "key service"), lambda: key_findings(machine))
    yield from guarded(
        "certificate authority",
        Text("证书机构", "certificate authority"),
        lambda: certificate_findings(machine),
    )
    service = LinuxService(machine)

    def virtual() -> Iterator[Finding]:
        running = bool(service.processes)
        return vpcd_findings(machine, service.configuration, running=running)

    yield from guarded(
        "service", Text("PC/SC 服务", "PC/SC service"), lambda: service_findings(machine, service)
    )
    if machine.is_linux:
        yield from guarded("vpcd", Text("虚拟读写器", "virtual reader"), virtual)
    yield from guarded(
        "pcsc", Text("PC/SC 接口", "PC/SC interface"), lambda: reader_findings(machine)
    )


def _to_json(finding: Finding) -> dict[str, str | None]:
    return {
        "subject": finding.subject,
        "state": finding.state,
        "message": finding.what.to(language()),
        "hint": finding.hint.to(language()) if finding.hint else None,
    }


def _show(findings: list[Finding]) -> None:
    rows = []
    for finding in findings:
        words = finding.what.to(language())
        if finding.hint is not None:
            words += f"\n→ {finding.hint.to(language())}"
        rows.append((_STATES[finding.state].to(language()), finding.title.to(language()), words))
    print_table(rows=rows)
    counted = [sum(f.state == state for f in findings) for state in _STATES]
    click.echo()
    click.echo(
        tr(
            "正常 {} 项，提示 {} 项，缺失 {} 项。".format(*counted),
            "{} ok, {} notes, {} missing.".format(*counted),
        )
    )
