"""``sscard sim``: virtual cards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from sscard_ic.base.errors import Text
from sscard_ic.cli.common import json_option, language, print_json, say, tr
from sscard_ic.cli.progress import progress
from sscard_ic.cli.sim_fault import fault
from sscard_ic.cli.sim_run import run
from sscard_ic.cli.tables import print_table
from sscard_ic.profile import CardProfile, load
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import new_blank, open_virtual
from sscard_ic.simulator import describe_image

if TYPE_CHECKING:
    from sscard_ic.issuance.specimen import SpecimenState

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
@click.option(
    "--state",
    type=click.Choice(["blank", "initialised", "personalized"]),
    default="blank",
    show_default=True,
    help="How far 状态: initialised has structure and keys; personalized is finished, too.",
)
@json_option
def new(profile_name: str, out: Path, count: int, state: str, as_json: bool) -> None:
    """Make virtual cards 建立虚拟卡, each with a chip serial of its own.

    A card that is not blank bears a synthetic holder of the region's sample and published test
    keys; `sscard keys init --test` makes a vault with the same ones.
    """
    profile = load(profile_name)
    if state == "blank":
        paths = [new_blank(profile, out) for _ in range(count)]
    else:
        paths = list(_specimens(profile, cast("SpecimenState", state), out, count))
    if as_json:
        print_json({"profile": profile.name, "images": [str(path) for path in paths]})
        return
    for path in paths[:_STEP]:
        click.echo(str(path))
    if count > _STEP:
        say(Text(f"共 {count} 张，在 {out}", f"{count} cards in {out}"))


def _specimens(profile: CardProfile, state: SpecimenState, out: Path, count: int) -> Iterator[Path]:
    # What issuing needs is only loaded for cards that are issued.
    from sscard_ic.issuance.specimen import SpecimenMaker

    maker = SpecimenMaker(profile)
    with progress(tr("制卡", "making cards"), count) as advance:
        for _ in range(count):
            image = new_blank(profile, out)
            card = open_virtual(image)
            try:
                maker.make(open_session(card), state)
            finally:
                card.close()
            advance(1)
            yield image


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


sim.add_command(run)
sim.add_command(fault)
