"""``sscard readers``: the PC/SC readers and their cards, and what happens to them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from sscard_ic.apdu.atr import historical_bytes
from sscard_ic.base.errors import CardError, Text
from sscard_ic.card.identity import HISTORICAL_LENGTH, SERIAL_LENGTH
from sscard_ic.cli.common import json_option, language, print_json, say, tr
from sscard_ic.cli.tables import print_table
from sscard_ic.reader import list_readers
from sscard_ic.reader.choice import PSAM_ENVIRONMENT, SeenReader, psam_reader
from sscard_ic.reader.errors import SeveralReaders
from sscard_ic.reader.pcsc import ReaderEvent, ReaderMonitor, ReaderState
from sscard_ic.reader.pcsc.connection import PATIENCE
from sscard_ic.reader.pcsc.failures import service_silent
from sscard_ic.reader.pcsc.monitor import EventKind
from sscard_ic.reader.pcsc.worker import TookTooLong, Worker

_SLICE = 0.4

_CARDS = {
    "absent": Text("空", "empty"),
    "present": Text("有卡", "card"),
    "mute": Text("卡无应答", "mute card"),
}
_EVENTS: dict[EventKind, Text] = {
    "service stopped": Text("服务停止", "service stopped"),
    "service started": Text("服务启动", "service started"),
    "reader added": Text("接入读写器", "reader added"),
    "reader removed": Text("拔下读写器", "reader removed"),
    "card inserted": Text("插卡", "card inserted"),
    "card removed": Text("取卡", "card removed"),
}


@click.command()
@click.option("--watch", is_flag=True, help="Tell what happens, until Ctrl-C 持续显示插拔.")
@json_option
def readers(watch: bool, as_json: bool) -> None:
    """List the PC/SC readers and their cards 读写器.

    The number is one of the ways to name a reader after --reader. With --watch each event is one
    line; what is there already comes first.
    """
    found = list_readers()
    if watch:
        _watch(as_json)
        return
    psam = _psam(found)
    if as_json:
        print_json({"readers": [_to_json(state, psam) for state in found]})
    elif found:
        _show(found, psam)
    else:
        say(
            Text(
                "没有读写器；接好后再试，或运行 sscard doctor 查找原因",
                "no reader; plug one in, or let sscard doctor look for the cause",
            )
        )


def _psam(found: tuple[ReaderState, ...]) -> str | None:
    seen = [SeenReader(state.name, state.card != "absent") for state in found]
    try:
        return psam_reader(os.environ.get(PSAM_ENVIRONMENT), seen)
    except SeveralReaders as error:
        # The list is what helps to mend the setting.
        say(Text(error.render("zh"), error.render("en")))
        return None


def _to_json(state: ReaderState, psam: str | None) -> dict[str, Any]:
    return {
        "number": state.index + 1,
        "name": state.name,
        "psam": state.name == psam,
        "card": state.card,
        "in_use": state.in_use,
        "exclusive": state.exclusive,
        "atr": state.atr.hex().upper() or None,
    }


def _show(found: tuple[ReaderState, ...], psam: str | None) -> None:
    rows = [
        (
            str(state.index + 1),
            state.name,
            state_words(state, psam).to(language()),
            state.atr.hex().upper(),
            describe_atr(state.atr).to(language()) if state.atr else "",
        )
        for state in found
    ]
    titles = (
        tr("号", "no."),
        tr("读写器", "reader"),
        tr("状态", "state"),
        tr("复位应答", "ATR"),
        tr("卡", "card"),
    )
    print_table(*titles, rows=rows, numbers=(0,))


def state_words(state: ReaderState, psam: str | None) -> Text:
    """What is to be said of a reader: its card, who uses it, whether it is the PSAM's."""
    parts = [Text("PSAM", "PSAM")] if state.name == psam else []
    parts.append(_CARDS[state.card])
    if state.exclusive:
        parts.append(Text("被独占", "held by one program"))
    elif state.in_use:
        parts.append(Text("使用中", "in use"))
    return Text("，".join(part.zh for part in parts), ", ".join(part.en for part in parts))


def describe_atr(atr: bytes) -> Text:
    """What an ATR says about the card: form and serial of a social security card, or another."""
    try:
        historical = historical_bytes(atr)
    except CardError:
        return Text("复位应答不完整", "the ATR is cut")
    if len(historical) != HISTORICAL_LENGTH:
        return Text("其他卡", "another kind of card")
    serial = historical[-SERIAL_LENGTH:].hex().upper()
    return Text(f"社会保障卡或空白卡 {serial}", f"social security card or blank, {serial}")


def _watch(as_json: bool) -> None:
    try:
        for event in _events():
            now = datetime.now().astimezone()
            if as_json:
                atr = event.atr.hex().upper() or None
                told = {"time": now.isoformat(timespec="milliseconds"), "event": event.kind}
                # One object a line, readable in any encoding.
                click.echo(json.dumps({**told, "reader": event.reader or None, "atr": atr}))
            else:
                words = [_EVENTS[event.kind].to(language()), event.reader, event.atr.hex().upper()]
                click.echo("  ".join([f"{now:%H:%M:%S}", *filter(None, words)]))
    except KeyboardInterrupt:
        return


def _events() -> Iterator[ReaderEvent]:
    """What happens, for ever. A thread of its own asks: Ctrl-C does not interrupt the service."""
    monitor = ReaderMonitor()
    worker = Worker()
    try:
        while True:
            yield from worker.call(lambda: monitor.wait(_SLICE), PATIENCE)
    except TookTooLong:
        raise service_silent() from None
    finally:
        worker.end(monitor.close)
