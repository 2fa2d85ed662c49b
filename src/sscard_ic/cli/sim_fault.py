"""``sscard sim fault``: faults on order for a virtual card."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli.common import json_option, language, print_json, say, tr
from sscard_ic.cli.tables import print_table
from sscard_ic.simulator import (
    FAULT_KINDS,
    Fault,
    FaultFile,
    FaultKind,
    describe_image,
    status_word,
)

_MOMENTS: dict[str, Text] = {
    "torn-before": Text("次写入", "writes"),
    "torn-after": Text("次写入", "writes"),
    "mute-reset": Text("次复位", "resets"),
}
_EXCHANGES = Text("次交互", "exchanges")


def _status(context: click.Context, parameter: click.Parameter, digits: str | None) -> int | None:
    if digits is None:
        return None
    try:
        return status_word(digits)
    except InputError as error:
        raise click.BadParameter(error.what.to(language())) from error


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@click.argument("kind", type=click.Choice(list(FAULT_KINDS)), required=False, metavar="[KIND]")
@click.option(
    "--after",
    type=click.IntRange(0),
    help="How many go well first 之前正常的次数; none when left out.",
)
@click.option(
    "--times",
    type=click.IntRange(0),
    help="How often it strikes 发生次数, 0: always; left out: once, slow always.",
)
@click.option(
    "--milliseconds", type=click.IntRange(0), help="For slow: the delay 延迟, up to 60000."
)
@click.option(
    "--status", metavar="SW", callback=_status, help="For status: the word 状态字, e.g. 6F00."
)
@click.option(
    "--bit", type=click.IntRange(0), help="For bit-error: which bit 哪一位, from 0; else any."
)
@click.option("--list", "listed", is_flag=True, help="Show what is on order 列出.")
@click.option("--clear", is_flag=True, help="Take all orders back 全部取消.")
@json_option
def fault(
    image: Path,
    kind: str | None,
    after: int | None,
    times: int | None,
    milliseconds: int | None,
    status: int | None,
    bit: int | None,
    listed: bool,
    clear: bool,
    as_json: bool,
) -> None:
    """Order a fault 预定故障 for a virtual card, which may be in use.

    After so many exchanges that go well (for torn-* writes, for mute-reset resets) the card has
    the fault of KIND, so many times. A card in use obeys from its next exchange on; one that is
    opened later counts from there.

    \b
    removed      取出：the card is taken out, the command is not executed
    slow         变慢：the answer comes late
    mute         不应答：no answer to a command
    mute-reset   复位不应答：no answer to a reset
    torn-before  写入前断电：the power fails before the change reaches the memory
    torn-after   写入后断电：the change is in the memory, the answer is lost
    status       错误状态字：a status word instead, the command is not executed
    bit-error    错一位：one bit of the answer is wrong
    reset        被复位：reset before the command, as by another program
    """
    values = {
        name: value
        for name, value in (
            ("after", after),
            ("times", times),
            ("milliseconds", milliseconds),
            ("status", status),
            ("bit", bit),
        )
        if value is not None
    }
    _require_one_task(kind, listed, clear, bool(values))
    wanted = None if kind is None else _fault(kind, values)
    # Only looks at the image: a program that has the card open is not disturbed.
    describe_image(image)
    orders = FaultFile(image)
    if wanted is not None:
        orders.order(wanted)
    elif clear:
        orders.clear()
    _report(orders, wanted, as_json)


def _require_one_task(kind: str | None, listed: bool, clear: bool, valued: bool) -> None:
    if (kind is not None) + listed + clear != 1:
        raise click.UsageError(
            tr(
                "请给出一种故障，或 --list，或 --clear",
                "give one KIND of fault, or --list, or --clear",
            )
        )
    if kind is None and valued:
        raise click.UsageError(
            tr("这些选项只用于预定故障", "these options go with a KIND of fault only")
        )


def _fault(kind: str, values: dict[str, int]) -> Fault:
    try:
        return Fault(cast(FaultKind, kind), **values)
    except InputError as error:
        raise click.UsageError(f"--{error.where}: {error.what.to(language())}") from error


def _report(orders: FaultFile, wanted: Fault | None, as_json: bool) -> None:
    faults = tuple(orders.read().values())
    if as_json:
        value = {"image": str(orders.image), "faults": [each.to_json() for each in faults]}
        print_json(value)
    elif wanted is not None:
        say(Text(f"已预定：{_words(wanted).zh}", f"on order: {_words(wanted).en}"))
    elif not faults:
        say(Text("没有预定的故障", "no faults are on order"))
    else:
        titles = (tr("故障", "fault"), tr("何时", "when"))
        print_table(*titles, rows=((each.kind, _words(each).to(language())) for each in faults))


def _words(fault: Fault) -> Text:
    """What happens when, how often, for a person."""
    what, counted = FAULT_KINDS[fault.kind], _MOMENTS.get(fault.kind, _EXCHANGES)
    value = _value(fault)
    times = Text(f"{fault.times} 次", f"{fault.times} times" if fault.times > 1 else "once")
    if not fault.times:
        times = Text("每次", "always")
    zh = f"{fault.after} {counted.zh}正常之后，" if fault.after else ""
    en = f"after {fault.after} {counted.en}: " if fault.after else ""
    return Text(
        f"{zh}{what.zh}{value and f'（{value}）'}，{times.zh}",
        f"{en}{what.en}{value and f' ({value})'}, {times.en}",
    )


def _value(fault: Fault) -> str:
    if fault.milliseconds is not None:
        return f"{fault.milliseconds} ms"
    if fault.status is not None:
        return f"{fault.status:04X}"
    return "" if fault.bit is None else f"bit {fault.bit}"
