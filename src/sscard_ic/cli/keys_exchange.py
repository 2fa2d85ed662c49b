"""``sscard keys``: keys on their way from one place to another, as key blocks."""

from __future__ import annotations

from pathlib import Path

import click

from sscard_ic.base.errors import InputError, Text, os_reason
from sscard_ic.cli.ceremony_office import Where, where_options
from sscard_ic.cli.ceremony_options import (
    algorithm_option,
    introduce,
    name_argument,
    version_option,
)
from sscard_ic.cli.common import say, tr
from sscard_ic.keys.ceremony import find, subject_of
from sscard_ic.keys.inventory import RootAlgorithm
from sscard_ic.keys.key_block import KeyBlock

_LONGEST = 4096
"""Bytes of a file with a key block: ten times what it needs."""


@click.command("export-block")
@name_argument
@version_option("Version 版本")
@algorithm_option
@click.option("--under", required=True, metavar="NAME", help="Transport key 传输密钥 (use wrap).")
@click.option(
    "--under-version",
    type=click.IntRange(1, 255),
    default=1,
    show_default=True,
    help="Its version 其版本.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="New file for the key block 密钥块文件.",
)
@where_options
def export_command(
    name: str,
    version: int,
    algorithm: RootAlgorithm | None,
    under: str,
    under_version: int,
    out: Path,
    where: Where,
) -> None:
    """Write a key as key block 导出密钥块, protected by a transport key."""
    with where.office() as office:
        key = find(office.store, name, version, algorithm, office.place)
        transport = find(office.store, under, under_version, "aes", office.place)
        introduce(key, office.place)
        introduce(transport, office.place, Text("传输密钥", "transport key"))
        done = office.ceremony.export_block(key, transport, out)
    where.tell(done)


@click.command("import-block")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask whether it is the right one 不再确认.")
@where_options
def import_command(file: Path, yes: bool, where: Where) -> None:
    """Take the key of a key block 导入密钥块, with the purpose and days that it binds."""
    block = KeyBlock.parse(_read(file), str(file))
    with where.office() as office:
        under = office.ceremony.require_importable(block)
        introduce(block.spec, str(file))
        say(
            Text(
                f"校验值 {block.check_value}；传输密钥 {subject_of(under)}，"
                f"校验值 {under.check_value}",
                f"check value {block.check_value}; transport key {subject_of(under)}, "
                f"check value {under.check_value}",
            )
        )
        if not yes:
            question = tr("与发送方告知的一致，导入？", "Is it what the sender told, take it?")
            click.confirm(question, abort=True, err=True)
        done = office.ceremony.import_block(block)
    where.tell(done)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_LONGEST + 1)
    except OSError as error:
        reason = os_reason(error)
        raise InputError(
            Text(f"无法读取文件（{reason.zh}）", f"cannot be read ({reason.en})"),
            where=str(path),
            hint=Text("检查路径与权限", "check the path and its permissions"),
        ) from None
    return raw[:_LONGEST].decode("ascii", errors="replace")
