"""A trace as tables for a person, and as JSON for a program."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import click
from rich.cells import cell_len

from sscard_ic.apdu.names import command_name
from sscard_ic.apdu.redaction import HEADER
from sscard_ic.apdu.trace import (
    Answer,
    Closed,
    Damage,
    Event,
    Exchange,
    NoAnswer,
    Opened,
    Reset,
    command_text,
    damage_error,
    scan,
)
from sscard_ic.base.errors import Text
from sscard_ic.cli import explained
from sscard_ic.cli.common import language, print_json, stdout_console, tr
from sscard_ic.cli.tables import print_table
from sscard_ic.explain import Explainer, Explanation
from sscard_ic.explain.traces import explain_step
from sscard_ic.reader.replay import failure_text

_LONG = 64
"""Characters of a cell; longer ones are cut, with their length in bytes. JSON has them whole."""

_MOST_DAMAGES = 10

_NUMBERS = (0, 1, 6)
"""Places of the columns that are aligned to the right."""

_GAP = "  "


@dataclass(slots=True)
class _Session:
    """One session of the file."""

    opened: Opened
    steps: list[Reset | Exchange] = field(default_factory=list)
    closed: bool = False


@dataclass(slots=True)
class _Sums:
    """What went over the wire, as far as it was answered."""

    exchanges: int = 0
    sent: int = 0
    received: int = 0
    microseconds: int = 0

    def add(self, exchange: Exchange) -> None:
        self.exchanges += 1
        self.sent += len(exchange.command)
        if isinstance(exchange.outcome, Answer):
            self.received += len(exchange.outcome.data) + 2
        if exchange.outcome is not None:
            self.microseconds += exchange.outcome.microseconds


def show(
    content: bytes,
    where: str,
    as_json: bool,
    explainer: Explainer | None = None,
    *,
    brief: bool = False,
) -> bool:
    """Print a trace file; whether all of it could be read.

    With an ``explainer`` in words: each exchange in one line, and unless ``brief`` part by part.
    """
    events = list(scan(content))
    damages = [event for event in events if isinstance(event, Damage)]
    sessions = _sessions(event for event in events if not isinstance(event, Damage))
    sums = _Sums()
    for session in sessions:
        for step in session.steps:
            if isinstance(step, Exchange):
                sums.add(step)
    if as_json:
        print_json(_json(sessions, sums, damages, explainer))
    elif explainer is not None:
        _print_explained(sessions, sums, explainer, brief)
    else:
        _print(sessions, sums)
    _tell(damages, where)
    return not damages


def _sessions(events: Iterable[Event]) -> list[_Session]:
    sessions: list[_Session] = []
    for event in events:
        if isinstance(event, Opened):
            sessions.append(_Session(event))
        elif isinstance(event, Closed):
            sessions[-1].closed = True
        else:
            sessions[-1].steps.append(event)
    return sessions


def _tell(damages: list[Damage], where: str) -> None:
    """The lines that cannot be read, on standard error."""
    for damage in damages[:_MOST_DAMAGES]:
        click.echo(damage_error(damage, where).render(language()), err=True)
    if len(damages) > _MOST_DAMAGES:
        more = len(damages) - _MOST_DAMAGES
        click.echo(tr(f"另有 {more} 行不能读取", f"{more} more lines cannot be read"), err=True)


# -- for a person ----------------------------------------------------------------------------


def _print(sessions: list[_Session], sums: _Sums) -> None:
    titles = (
        "#",
        tr("行", "line"),
        tr("命令", "command"),
        tr("内容", "bytes"),
        tr("应答", "answer"),
        tr("状态字", "SW"),
        "ms",
    )
    number = 0
    for session in sessions:
        rows = []
        for step in session.steps:
            number += isinstance(step, Exchange)
            rows.append(_row(step, number))
        _print_table(titles, rows, _title(session.opened))
        click.echo()
    if sessions:
        click.echo(_summary(len(sessions), sums))


def _print_explained(
    sessions: list[_Session], sums: _Sums, explainer: Explainer, brief: bool
) -> None:
    number = 0
    for session in sessions:
        click.echo(_title(session.opened))
        explainer.begin()
        for step in session.steps:
            number += isinstance(step, Exchange)
            told = _with_failure(step, explain_step(step, explainer))
            shown = str(number) if isinstance(step, Exchange) else "R"
            click.echo("\n".join(explained.lines(told, shown, brief=brief)))
        click.echo()
    if sessions:
        click.echo(_summary(len(sessions), sums))


def _with_failure(step: Reset | Exchange, told: Explanation) -> Explanation:
    """The words of a step, with the cause where no answer came."""
    if isinstance(step.outcome, NoAnswer):
        cause = failure_text(step.outcome.kind)
        said = Text(f"无应答：{cause.zh}", f"no answer: {cause.en}")
    elif step.outcome is None and isinstance(step, Exchange):
        said = Text("记录在此中断", "cut off here")
    else:
        return told
    return replace(told, remarks=(*told.remarks, said))


def _print_table(titles: tuple[str, ...], rows: list[tuple[str, ...]], title: str) -> None:
    """A table; where no cell has to be folded, without the time that folding takes.

    The trace of a batch has hundreds of thousands of rows.
    """
    widths = [max(map(cell_len, column)) for column in zip(titles, *rows, strict=True)]
    if sum(widths) + len(_GAP) * (len(widths) - 1) > stdout_console().width:
        print_table(*titles, rows=rows, title=title, numbers=_NUMBERS)
        return
    click.echo(title)
    for row in (titles, *rows):
        cells = []
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - cell_len(cell))
            cells.append(space + cell if place in _NUMBERS else cell + space)
        click.echo(_GAP.join(cells).rstrip())


def _title(opened: Opened) -> str:
    words = (
        opened.started,
        opened.reader,
        opened.protocol,
        tr("已脱敏", "redacted") if opened.redacted else tr("含明文！", "with secrets!"),
        opened.program,
    )
    return "  ".join(word for word in words if word)


def _row(step: Reset | Exchange, number: int) -> tuple[str, ...]:
    line = str(step.line)
    if isinstance(step, Reset):
        name = tr("冷复位", "cold reset") if step.cold else tr("热复位", "warm reset")
        if isinstance(step.outcome, NoAnswer):
            return ("", line, name, "", _failure(step.outcome), "", _ms(step.outcome.microseconds))
        return ("", line, name, "", str(step.outcome or ""), "", "")
    known = command_name(step.command.head[:HEADER])
    asked = (
        str(number),
        line,
        known.to(language()) if known else "?",
        _short(command_text(step.command), len(step.command)),
    )
    outcome = step.outcome
    if outcome is None:
        return (*asked, tr("（记录在此中断）", "(cut off here)"), "", "")
    took = _ms(outcome.microseconds)
    if isinstance(outcome, NoAnswer):
        return (*asked, _failure(outcome), "", took)
    return (
        *asked,
        _short(str(outcome.data), len(outcome.data)),
        f"{outcome.sw} {outcome.sw.text.to(language())}",
        took,
    )


def _failure(failure: NoAnswer) -> str:
    words = failure_text(failure.kind)
    return tr(f"无应答：{words.zh}", f"no answer: {words.en}")


def _short(text: str, size: int) -> str:
    if len(text) <= _LONG:
        return text
    unit = tr("字节", "bytes")
    return f"{text[: _LONG // 2]}… ({size} {unit})"


def _ms(microseconds: int) -> str:
    return f"{microseconds / 1000:.3f}"


def _summary(sessions: int, sums: _Sums) -> str:
    several = tr(f"{sessions} 次会话，", f"{sessions} sessions, ") if sessions > 1 else ""
    return several + tr(
        f"{sums.exchanges} 次交换，发送 {sums.sent} 字节，接收 {sums.received} 字节，"
        f"共 {_ms(sums.microseconds)} ms",
        f"{_count(sums.exchanges, 'exchange')}, {_count(sums.sent, 'byte')} sent, "
        f"{sums.received} received, {_ms(sums.microseconds)} ms",
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


# -- for a program ---------------------------------------------------------------------------


def _json(
    sessions: list[_Session], sums: _Sums, damages: list[Damage], explainer: Explainer | None
) -> dict[str, Any]:
    return {
        "sessions": [_session_json(session, explainer) for session in sessions],
        "exchanges": sums.exchanges,
        "sent": sums.sent,
        "received": sums.received,
        "ms": sums.microseconds / 1000,
        "damaged": [
            {"line": damage.line, "message": damage.what.to(language())} for damage in damages
        ],
    }


def _session_json(session: _Session, explainer: Explainer | None) -> dict[str, Any]:
    opened = session.opened
    if explainer is None:
        events = [_step_json(step) for step in session.steps]
    else:
        explainer.begin()
        events = [_explained_json(step, explainer) for step in session.steps]
    return {
        "line": opened.line,
        "reader": opened.reader,
        "started": opened.started,
        "protocol": opened.protocol,
        "redacted": opened.redacted,
        "program": opened.program,
        "events": events,
        "closed": session.closed,
        **({} if explainer is None else {"profile": explainer.profile.name}),
    }


def _explained_json(step: Reset | Exchange, explainer: Explainer) -> dict[str, Any]:
    told = explained.to_json(explain_step(step, explainer))
    shown = _step_json(step)
    if "command" in shown:
        shown["command"] = told["command"]
    if "data" in shown:
        shown["data"] = told["data"]
    return {**shown, "explained": told}


def _step_json(step: Reset | Exchange) -> dict[str, Any]:
    if isinstance(step, Reset):
        kind = "cold reset" if step.cold else "warm reset"
        if isinstance(step.outcome, NoAnswer):
            return {"line": step.line, "type": kind, "atr": None, **_failure_json(step.outcome)}
        return {"line": step.line, "type": kind, "atr": str(step.outcome or "")}
    name = command_name(step.command.head[:HEADER])
    asked = {
        "line": step.line,
        "type": "exchange",
        "name": None if name is None else {"zh": name.zh, "en": name.en},
        "command": command_text(step.command),
    }
    outcome = step.outcome
    if outcome is None:
        return asked
    if isinstance(outcome, NoAnswer):
        return {**asked, **_failure_json(outcome)}
    meaning = outcome.sw.text
    return {
        **asked,
        "data": str(outcome.data),
        "sw": str(outcome.sw),
        "meaning": {"zh": meaning.zh, "en": meaning.en},
        "ms": outcome.microseconds / 1000,
    }


def _failure_json(failure: NoAnswer) -> dict[str, Any]:
    return {"error": failure.kind, "ms": failure.microseconds / 1000}
