"""``sscard sim``: virtual cards."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from sscard_ic.base.errors import Text
from sscard_ic.cli.common import json_option, language, print_json, say, tr
from sscard_ic.cli.tables import print_table
from sscard_ic.profile import load
from sscard_ic.reader.virtual import new_blank
from sscard_ic.simulator import describe_image

_STEP = 100
_STATES = {
    "blank": Text("空白", "blank"),
    "open": Text("个人化中", "open: in personalization"),
    "issued": Text("已发行", "issued"),
}


@click.group()
def sim() -> None:
    """Virtual cards 虚拟卡. Their images hold keys and PINs in the clear: for tests only."""


@sim.command()
@click.option("--profile", "profile_name", required=True, help="Profile 卡规范, e.g. dalian.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("cards"),
    show_default=True,
    help="Folder for the images 映像目录.",
)
@click.option("--count", type=click.IntRange(1), default=1, show_default=True)
@json_option
def new(profile_name: str, out: Path, count: int, as_json: bool) -> None:
    """Make blank cards 建立空白卡, each with a chip serial of its own."""
    profile = load(profile_name)
    paths = [new_blank(profile, out) for _ in range(count)]
    if as_json:
        print_json({"profile": profile.name, "images": [str(path) for path in paths]})
        return
    for path in paths[:_STEP]:
        click.echo(str(path))
    if count > _STEP:
        say(Text(f"共 {count} 张，在 {out}", f"{count} cards in {out}"))


@sim.command()
@click.argument("image", type=click.Path(path_type=Path))
@json_option
def show(image: Path, as_json: bool) -> None:
    """Show what an image holds 查看映像: structure and states, no keys and no data."""
    description = describe_image(image)
    if as_json:
        print_json(asdict(description))
        return
    rows = (
        (tr("出厂规范", "made for profile"), description.profile),
        (tr("卡操作系统", "COS dialect"), description.dialect),
        (tr("出厂序列号", "factory serial"), description.factory_serial),
        (tr("复位应答", "ATR"), description.atr),
        (tr("状态", "state"), _STATES[description.state].to(language())),
        (tr("已锁定", "locked"), ", ".join(description.locked) or "-"),
    )
    print_table(rows=rows)
    if description.files:
        titles = (tr("文件", "file"), tr("类型", "kind"), tr("条目", "entries"))
        files = [(file.path, file.kind, str(file.records or "")) for file in description.files]
        click.echo()
        print_table(*titles, rows=files, numbers=(2,))
