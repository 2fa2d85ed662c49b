"""``sscard keys list``, ``kcv`` and ``export``: which keys there are, without their bits."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Literal, cast, get_args

import click

from sscard_ic.base.clock import SystemClock
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.files import replace_file
from sscard_ic.cli import common, secrets
from sscard_ic.cli.common import json_option, tr
from sscard_ic.cli.key_words import (
    ALGORITHMS,
    ENVIRONMENTS,
    ORIGINS,
    OWNERS,
    USES,
    is_expired,
    key_json,
    owner_words,
    said,
    state_words,
)
from sscard_ic.cli.tables import print_table
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.keys import CardKey, DestroyedKeyError, KeyInfo, UnknownKeyError, inventory
from sscard_ic.keys.ceremony import claimed
from sscard_ic.keys.inventory import KeyState, Owner, RootAlgorithm, Use
from sscard_ic.keys.service import KeyService, SelfChecking

FAMILIES = ("3des", "sm4", "aes", "sm1", "ssf33")
"""Algorithms by which a key is found beside its name and version."""
SCHEMA, SCHEMA_VERSION = "sscard-key-inventory", 1
ExportFormat = Literal["json", "csv"]

_OWNER_ORDER = list(OWNERS)


@click.command("list")
@click.option("--owner", type=click.Choice(tuple(OWNERS)), help="Keys of one owner 归属.")
@click.option(
    "--algorithm",
    type=click.Choice(get_args(RootAlgorithm)),
    help="Keys of one algorithm 算法; 3des includes des.",
)
@click.option("--use", type=click.Choice(get_args(Use)), help="Keys of one use 用途.")
@click.option(
    "--state",
    type=click.Choice((*get_args(KeyState), "all")),
    default="all",
    show_default=True,
    help="Keys that are there, or were 状态.",
)
@click.option("--expired", is_flag=True, help="Keys whose last day is over 已过期的密钥.")
@secrets.vault_option
@json_option
def list_command(
    owner: Owner | None,
    algorithm: RootAlgorithm | None,
    use: Use | None,
    state: KeyState | Literal["all"],
    expired: bool,
    vault: Path | None,
    as_json: bool,
) -> None:
    """List root keys with their check values 列出根密钥.

    By owner, from the ministry down. "ministry N1", "ministry N2": three steps of diversification
    to the key of a card; "province P1": two; "city C1", card maker, bank: one.
    """
    today = SystemClock().today()
    with closing(secrets.open_keys(vault)) as service:
        place, environment = service.place, service.environment
        faults = service.faults() if isinstance(service, SelfChecking) else ()
        found = [
            info
            for info in in_order(service.keys())
            if owner in (None, info.owner)
            and algorithm in (None, info.algorithm, info.family)
            and use in (None, info.use)
            and state in ("all", info.state)
            and (not expired or is_expired(info, today))
        ]
    if as_json:
        keys = [key_json(info) for info in found]
        common.print_json({"place": place, "environment": environment, "keys": keys})
        return
    _print_list(found, today)
    for fault in faults:
        common.say(fault)
    count, kind = len(found), ENVIRONMENTS[environment]
    common.say(
        Text(
            f"{place}：{count} 个{kind.zh}密钥",
            f"{place}: {count} {kind.en} {'key' if count == 1 else 'keys'}",
        )
        if count
        else Text(f"{place}：没有这样的密钥", f"{place}: no such key")
    )


def in_order(keys: Sequence[KeyInfo]) -> list[KeyInfo]:
    """By owner and level from the top of the hierarchy down, then by name, version, algorithm."""
    return sorted(
        keys,
        key=lambda key: (
            _OWNER_ORDER.index(key.owner),
            key.level,
            key.name,
            key.version,
            key.family,
        ),
    )


def _print_list(keys: Sequence[KeyInfo], today: date) -> None:
    """Where all keys came in the same way, a word below says so instead of a column."""
    origins = {key.origin for key in keys}
    several = len(origins) > 1
    heads = [
        tr("密钥", "key"),
        tr("版本", "ver"),
        tr("归属", "owner"),
        tr("用途", "use"),
        tr("算法", "algorithm"),
        tr("字节", "bytes"),
        tr("校验值", "KCV"),
        tr("状态", "state"),
        *([tr("来源", "origin")] if several else []),
    ]
    rows = [
        (
            key.name,
            f"{key.version:02d}",
            owner_words(key),
            said(USES[key.use]),
            ALGORITHMS[key.algorithm],
            str(key.length),
            key.check_value,
            state_words(key, today),
            *([said(ORIGINS[key.origin])] if several else []),
        )
        for key in keys
    ]
    if not rows:
        return
    caption = "" if several else f"{tr('来源', 'origin')}: {said(ORIGINS[origins.pop()])}"
    print_table(*heads, rows=rows, numbers=(5,), caption=caption)


@click.command("kcv")
@click.argument("name")
@click.option("--version", type=click.IntRange(1, 255), default=1, show_default=True, help="版本.")
@click.option(
    "--algorithm",
    type=click.Choice(FAMILIES),
    default="3des",
    show_default=True,
    help="That of the card 卡的算法.",
)
@click.option("--region", metavar="CODE", help="6-digit division code of the card 卡的地区代码.")
@click.option("--factor", metavar="HEX", help="8 bytes: ATR historical bytes 6-13 卡片分散因子.")
@secrets.vault_option
@json_option
def kcv_command(
    name: str,
    version: int,
    algorithm: str,
    region: str | None,
    factor: str | None,
    vault: Path | None,
    as_json: bool,
) -> None:
    """Check value of a root key, or of one card's key 校验值.

    With --region and --factor: of the key derived for that card. The check value of a root that
    is expired or destroyed is told, too, with a word on standard error.
    """
    if (region is None) != (factor is None):
        raise click.UsageError(
            tr("--region 与 --factor 须同时给出", "--region and --factor come together")
        )
    with closing(secrets.open_keys(vault)) as service:
        root = find_key(service, name, version, algorithm)
        if region is None or factor is None:
            text = root.check_value
        else:
            text = _of_card(service, root, region, _factor(factor))
    _warn(root)
    if as_json:
        common.print_json(
            {
                "name": name,
                "version": version,
                "algorithm": algorithm,
                "region": region,
                "factor": factor and factor.upper(),
                "state": root.state,
                "check_value": text,
            }
        )
        return
    click.echo(text)


def find_key(service: KeyService, name: str, version: int, algorithm: str) -> KeyInfo:
    """One root key, destroyed or not; raises :class:`UnknownKeyError`."""
    held = service.keys()
    for key in held:
        if (key.name, key.version, key.family) == (name, version, algorithm):
            return key
    raise UnknownKeyError(name, version, service.place, algorithm=algorithm)


def _of_card(service: KeyService, root: KeyInfo, region: str, factor: bytes) -> str:
    if root.family not in SUITES or not root.factors:
        raise InputError(
            Text("此密钥不分散出卡密钥", "no card has a key diversified from this one"),
            where=root.name,
            hint=Text(
                "去掉 --region 与 --factor，查看根密钥的校验值",
                "leave out --region and --factor for the check value of the root",
            ),
        )
    if root.state == "destroyed":
        raise DestroyedKeyError(root, service.place)
    key = CardKey(root.name, root.version, region, factor, cast(Algorithm, root.family))
    return inventory(service).check_value(key).hex().upper()


def _warn(key: KeyInfo) -> None:
    today = SystemClock().today()
    if key.state == "destroyed" or not key.valid_on(today):
        words = state_words(key, today)
        common.say(Text(f"{key.name}：{words}", f"{key.name}: {words}"))


def _factor(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise click.BadParameter(
            tr("应为 16 个十六进制数字", "16 hexadecimal digits are expected"),
            param_hint="--factor",
        ) from None


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(ExportFormat)),
    help="json, or csv (default where FILE ends with .csv) 格式.",
)
@secrets.vault_option
def export_command(file: Path, form: ExportFormat | None, vault: Path | None) -> None:
    """Write the inventory to FILE, - for standard output 导出密钥清单（不含密钥）.

    Every root key, destroyed ones too, with everything but its bits. A file that is there is
    never overwritten.
    """
    with closing(secrets.open_keys(vault)) as service:
        exported = _exported(service, form or ("csv" if file.suffix == ".csv" else "json"))
        count = len(service.keys())
    if file == Path("-"):
        click.echo(exported, nl=False)
        return
    with claimed(file):
        replace_file(file, exported.encode(), mode=0o644)
    common.say(Text(f"已写入 {count} 个密钥：{file}", f"Wrote {count} keys to {file}."))


def _exported(service: KeyService, form: ExportFormat) -> str:
    """The whole inventory as text; the order of keys is that of :func:`in_order`."""
    head = {
        "format": SCHEMA,
        "version": SCHEMA_VERSION,
        "written": SystemClock().now().isoformat(timespec="seconds"),
        "place": service.place,
        "environment": service.environment,
    }
    keys = [key_json(key) for key in in_order(service.keys())]
    if form == "json":
        return json.dumps({**head, "keys": keys}, ensure_ascii=False, indent=2) + "\n"
    # One line a key; the head stands in each of them under names that no field of a key has.
    named = {f"inventory_{field}": value for field, value in head.items()}
    rows = [{**named, **key, "factors": " ".join(key["factors"])} for key in keys]
    text = io.StringIO()
    columns = [*named, *(keys[0] if keys else ())]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
