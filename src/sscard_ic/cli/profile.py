"""``sscard profile``: the cards as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sscard_ic import profile as profiles
from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli import common
from sscard_ic.cli.common import json_option, tr
from sscard_ic.cli.tables import print_table
from sscard_ic.profile.manual import file_words, key_words, manual, rule_words
from sscard_ic.profile.structure import Item, Key, Located


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
@json_option
def show(name: str, as_json: bool) -> None:
    """Show identity, files with their rules, items and keys of the card profile NAME."""
    card = profiles.load(name)
    if as_json:
        common.print_json(_card_json(card))
        return
    _print_identity(card)
    for directory_name, directory in card.structure.directories.items():
        for file_name in directory.files:
            click.echo()
            _print_file(card, directory_name, file_name)
    click.echo()
    _print_keys(card)


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
        reason = error.strerror or type(error).__name__
        raise InputError(
            Text(f"无法写入：{reason}", f"cannot be written: {reason}"), where=str(out)
        ) from None
    common.say(Text(f"已写入 {out}", f"{out} written"))


def _print_identity(card: profiles.CardProfile) -> None:
    rows = [
        (tr("配置", "Profile"), card.name),
        (tr("规范版本", "Specification version"), card.structure.specification_version),
        (tr("卡操作系统", "Card operating system"), card.dialect.name),
    ]
    if card.region:
        issuer = card.region.issuer
        name = issuer.title.to(common.language())
        rows += [
            (tr("发卡地区", "Issuing region"), f"{issuer.division_code} {name}"),
            (tr("环境", "Environment"), issuer.environment),
            (tr("算法标识", "Algorithm flag"), issuer.algorithm),
            (tr("初始化机构", "Initialising institution"), issuer.initialising_institution),
            (tr("有效期（年）", "Validity in years"), str(card.region.validity.years)),
        ]
    print_table(rows=rows)


def _print_file(card: profiles.CardProfile, directory: str, name: str) -> None:
    language = common.language()
    file = card.structure.directories[directory].files[name]
    read, update = rule_words(file.read).to(language), rule_words(file.update).to(language)
    rows = []
    for located in card.places_of(directory, name):
        rows.append([str(located.number or "-"), *_item_cells(located.item)])
        if located.occurrence == 1:
            rows += [["↳", *_item_cells(part)] for part in located.item.items]
    print_table(
        tr("记录", "record"),
        tr("标签", "tag"),
        tr("格式", "format"),
        tr("字节", "bytes"),
        tr("数据项", "Chinese"),
        tr("英文", "English"),
        tr("单独规则", "own rules"),
        rows=rows,
        title=f"{directory}.{name} {file.title.to(language)}",
        caption=f"{file_words(file).to(language)} · {tr('读', 'read')} {read}"
        f" · {tr('写', 'update')} {update}",
        numbers=(3,),
    )


def _item_cells(item: Item) -> list[str]:
    own = [
        f"{tr(zh, en)} {rule_words(rule).to(common.language())}"
        for zh, en, rule in (("读", "read", item.read), ("写", "update", item.update))
        if rule
    ]
    tag = "-" if item.tag is None else f"{item.tag:02X}"
    return [tag, item.format, str(item.length), item.zh, item.en, "; ".join(own)]


def _print_keys(card: profiles.CardProfile) -> None:
    rows = []
    for name, key in card.keys.items():
        use, level = (words.to(common.language()) for words in key_words(key))
        size, groups = str(key.length), str(key.groups)
        rows.append((name, key.directory, f"{key.id:02X}", use, groups, size, level))
    print_table(
        tr("密钥", "key"),
        tr("目录", "directory"),
        tr("标识", "identifier"),
        tr("用途", "use"),
        tr("版本数", "versions"),
        tr("字节", "bytes"),
        tr("根密钥归属", "owner of the root"),
        rows=rows,
        title=tr("密钥", "keys"),
        numbers=(4, 5),
    )


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


def _card_json(card: profiles.CardProfile) -> dict[str, Any]:
    structure = card.structure
    return {
        "name": card.name,
        "specification_version": structure.specification_version,
        "dialect": card.dialect.name,
        "region": card.region.model_dump(mode="json") if card.region else None,
        "directories": [
            {
                "name": name,
                "fid": f"{directory.fid:04X}",
                "kind": directory.kind,
                "aid": directory.name.hex().upper(),
                "zh": directory.zh,
                "en": directory.en,
                "files": [_file_json(card, name, file_name) for file_name in directory.files],
            }
            for name, directory in structure.directories.items()
        ],
        "keys": [_key_json(name, key) for name, key in card.keys.items()],
    }


def _file_json(card: profiles.CardProfile, directory: str, name: str) -> dict[str, Any]:
    file = card.structure.directories[directory].files[name]
    return {
        "fid": name,
        "zh": file.zh,
        "en": file.en,
        "structure": file.structure,
        "status": file.status,
        "read": str(file.read),
        "update": str(file.update),
        "items": [_item_json(item) for item in card.places_of(directory, name)],
    }


def _item_json(located: Located) -> dict[str, Any]:
    return {
        "path": located.path,
        "record": located.number or None,
        "read": str(located.read),
        "update": str(located.update),
        **_content_json(located.item),
        "parts": [_content_json(part) for part in located.item.items],
    }


def _content_json(item: Item) -> dict[str, Any]:
    return {
        "tag": None if item.tag is None else f"{item.tag:02X}",
        "format": item.format,
        "length": item.length,
        "zh": item.zh,
        "en": item.en,
        "codes": item.codes,
        "example": item.example,
    }


def _key_json(name: str, key: Key) -> dict[str, Any]:
    return {
        "name": name,
        "directory": key.directory,
        "id": f"{key.id:02X}",
        "use": key.use,
        "versions": key.groups,
        "length": key.length,
        "level": key.level,
    }
