"""``sscard sim``: virtual cards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from sscard_ic.base.errors import Text
from sscard_ic.cli.common import json_option, language, print_json, say, tr
from sscard_ic.cli.progress import progress
from sscard_ic.cli.sim_bank import show_bank
from sscard_ic.cli.sim_fault import fault
from sscard_ic.cli.sim_psam import make_psams
from sscard_ic.cli.sim_remake import remade
from sscard_ic.cli.sim_run import run
from sscard_ic.cli.tables import print_table
from sscard_ic.profile import CardProfile, kind_of, load
from sscard_ic.profile.certificate import CertificateFiles
from sscard_ic.profile.certificate_words import PIN_WORDS, file_titles
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import new_blank, open_virtual
from sscard_ic.simulator import ImageDescription, describe_image

if TYPE_CHECKING:
    from sscard_ic.issuance.specimen import SpecimenState
    from sscard_ic.simulator import CertificateDescription

_STEP = 100
_STATES = {
    "blank": Text("空白", "blank"),
    "open": Text("个人化中", "open: in personalization"),
    "issued": Text("已发行", "issued"),
}


_LOCKS = {
    "temporary": Text("临时锁定", "for a time"),
    "permanent": Text("永久锁定", "for good"),
    "card": Text("随卡锁定", "with the card"),
}

_PROOFS = {
    "user_pin": PIN_WORDS["user"],
    "admin_pin": PIN_WORDS["admin"],
    "environment_key": Text("环境主控密钥（DDF）", "control key of the environment (DDF)"),
    "application_key": Text("应用主控密钥（ADF）", "control key of the application (ADF)"),
}


@click.group()
def sim() -> None:
    """Virtual cards 虚拟卡. Their images hold keys and PINs in the clear: for tests only."""


@sim.command()
@click.option(
    "--profile", "profile_name", help="Profile 卡规范, e.g. dalian; that of the dump with --from."
)
@click.option(
    "--from",
    "dump",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Dump whose contents the card gets 按 sscard dump 的文件制作.",
)
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
@click.option("--cos", help="Put it on another COS 卡操作系统, e.g. mcos; default: the profile's.")
@click.option(
    "--terminal",
    metavar="DIGITS",
    help="Make a PSAM for the terminal of this number PSAM 的终端机编号 (12 digits).",
)
@json_option
def new(
    profile_name: str | None,
    dump: Path | None,
    out: Path,
    count: int,
    state: str,
    cos: str | None,
    terminal: str | None,
    as_json: bool,
) -> None:
    """Make virtual cards 建立虚拟卡, each with a chip serial of its own.

    A card that is not blank bears a synthetic holder of the region's sample (a region without one
    borrows the holders of another) and published test keys; `sscard keys init --test` makes a vault
    with the same ones. With a profile of a PSAM, such as psam/dalian, it makes PSAMs. With a dump
    it makes one finished card with its contents and ATR, the published test keys and the initial
    PIN.
    """
    if dump is not None:
        if count != 1 or state != "blank" or terminal is not None:
            raise click.UsageError(
                tr("--from 只与 --profile、--cos 同用", "--from goes with --profile and --cos only")
            )
        name, image = remade(dump, profile_name, cos, out)
        _tell_made(name, [image], out, as_json=as_json)
        return
    if profile_name is None:
        raise click.UsageError(tr("缺少 --profile", "--profile is missing"))
    if kind_of(profile_name) == "psam":
        if cos is not None:
            raise click.UsageError(tr("--cos 只用于卡规范", "--cos is for profiles of cards"))
        paths = list(make_psams(profile_name, out, count, state, terminal))
        _tell_made(profile_name, paths, out, as_json=as_json)
        return
    if terminal is not None:
        raise click.UsageError(tr("--terminal 只用于 PSAM 配置", "--terminal is for PSAM profiles"))
    profile = load(profile_name, cos)
    if state == "blank":
        paths = [new_blank(profile, out) for _ in range(count)]
    else:
        paths = list(_specimens(profile, cast("SpecimenState", state), out, count))
    _tell_made(profile.name, paths, out, as_json=as_json)


def _tell_made(profile: str, paths: Sequence[Path], out: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"profile": profile, "images": [str(path) for path in paths]})
        return
    for path in paths[:_STEP]:
        click.echo(str(path))
    count = len(paths)
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
        (tr("复位应答（接触式）", "ATR, contact"), description.atr),
        (tr("复位应答（非接触式）", "ATR, contactless"), description.contactless_atr or "-"),
        (tr("状态", "state"), _STATES[description.state].to(language())),
        (tr("已锁定的密钥和密码", "keys and PIN locked"), ", ".join(description.locked) or "-"),
        (tr("已锁定的目录", "directories blocked"), _blocked(description) or "-"),
    )
    print_table(rows=rows)
    if description.files:
        titles = (tr("文件", "file"), tr("类型", "kind"), tr("条目", "entries"))
        files = [(file.path, file.kind, str(file.records or "")) for file in description.files]
        click.echo()
        print_table(*titles, rows=files, numbers=(2,))
    if description.certificates is not None:
        _show_certificates(description.certificates)
    if description.bank is not None:
        show_bank(description.bank)


def _show_certificates(application: CertificateDescription) -> None:
    """Files and tries of the certificate application."""
    names = CertificateFiles()
    words = file_titles(names)
    titles = (
        tr("证书应用的文件", "file of the certificate application"),
        tr("内容", "content"),
        tr("字节", "bytes"),
        tr("状态", "state"),
    )
    files = [
        (
            file.fid,
            words[getattr(names, file.content)].to(language()),
            str(file.size),
            tr("已写入", "written") if file.written else "-",
        )
        for file in application.files
    ]
    click.echo()
    print_table(*titles, rows=files, numbers=(2,))
    heads = (tr("证书应用的 PIN 和主控密钥", "PIN or control key"), tr("剩余次数", "tries left"))
    tries = [
        (_PROOFS[each.name].to(language()), f"{each.left} / {each.most}")
        for each in application.tries
    ]
    click.echo()
    print_table(*heads, rows=tries)


def _blocked(description: ImageDescription) -> str:
    return ", ".join(
        f"{blocked.path} ({_LOCKS[blocked.lock].to(language())})" for blocked in description.blocked
    )


sim.add_command(run)
sim.add_command(fault)
