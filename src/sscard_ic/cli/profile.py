"""``sscard profile``: the cards as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sscard_ic import profile as profiles
from sscard_ic.base.errors import InputError, Text, os_reason
from sscard_ic.cli import common
from sscard_ic.cli.common import json_option, tr
from sscard_ic.cli.profile_json import card_json, part_json
from sscard_ic.cli.profile_show import print_card, print_part
from sscard_ic.cli.tables import print_table
from sscard_ic.profile.manual import manual
from sscard_ic.profile.parts import find_part


@click.group("profile")
def profile() -> None:
    """Card profiles 卡片配置: what files, items, rules and keys a card has."""


@profile.command("list")
@json_option
def list_profiles(as_json: bool) -> None:
    """List the profiles."""
    infos = profiles.available()
    if as_json:
        common.print_json([_info_json(info) for info in infos])
        return
    rows = [(info.name, info.kind, info.title.to(common.language())) for info in infos]
    print_table(tr("名称", "name"), tr("种类", "kind"), tr("标题", "title"), rows=rows)


@profile.command()
@click.argument("name")
@click.argument("part", required=False)
@json_option
def show(name: str, part: str | None, as_json: bool) -> None:
    """Show identity, files with their rules, items and keys of the card profile NAME.

    PART narrows it: a directory (DF02), a file (DF02.EF06), an item by path, name or tag, a key
    (UK1DF02), or a code table (T23).
    """
    card = profiles.load(name)
    found = find_part(card, part) if part is not None else None
    if as_json:
        common.print_json(part_json(card, found) if found else card_json(card))
    elif found:
        print_part(card, found)
    else:
        print_card(card)


@profile.command()
@click.argument("name")
@json_option
@click.pass_context
def check(context: click.Context, name: str, as_json: bool) -> None:
    """Check the profile NAME, or a file, of any kind; report every line that is wrong."""
    try:
        info = profiles.check(name)
    except profiles.ProfileError as error:
        if as_json:
            common.print_json({"ok": False, "problems": [_problem_json(p) for p in error.problems]})
        else:
            for problem in error.problems:
                click.echo(f"{problem.place}: {problem.message.to(common.language())}")
        context.exit(common.FAILED)
    if as_json:
        common.print_json({"ok": True, "profile": _info_json(info), "problems": []})
    else:
        click.echo(f"{info.name}: OK")


@profile.command()
@click.argument("name")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
def doc(name: str, out: Path | None) -> None:
    """Write the manual of the card profile NAME as Markdown."""
    text = manual(profiles.load(name), common.language())
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        reason = os_reason(error)
        raise InputError(
            Text(f"无法写入：{reason.zh}", f"cannot be written: {reason.en}"), where=str(out)
        ) from None
    common.say(Text(f"已写入 {out}", f"{out} written"))


def _info_json(info: profiles.ProfileInfo) -> dict[str, Any]:
    return {"name": info.name, "kind": info.kind, "zh": info.title.zh, "en": info.title.en}


def _problem_json(problem: profiles.Problem) -> dict[str, Any]:
    return {
        "file": str(problem.place.file),
        "line": problem.place.line,
        "key": problem.key,
        "zh": problem.text.zh,
        "en": problem.text.en,
    }
