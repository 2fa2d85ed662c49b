"""``sscard keys show``: everything that is known about one root key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import click

from sscard_ic.base.clock import SystemClock
from sscard_ic.cli import common, secrets
from sscard_ic.cli.common import json_option, tr
from sscard_ic.cli.key_places import Place, Places
from sscard_ic.cli.key_words import (
    ALGORITHMS,
    ENVIRONMENTS,
    ORIGINS,
    days_words,
    key_json,
    owner_words,
    said,
    state_words,
    use_words,
)
from sscard_ic.cli.keys_inventory import FAMILIES
from sscard_ic.cli.tables import print_table
from sscard_ic.keys import KeyInfo, UnknownKeyError


@click.command("show")
@click.argument("name")
@click.option("--version", type=click.IntRange(1, 255), help="版本 (default: the first active).")
@click.option(
    "--algorithm",
    type=click.Choice(FAMILIES),
    help="算法 (default: 3des, where there is such a key).",
)
@secrets.vault_option
@json_option
def show_command(
    name: str, version: int | None, algorithm: str | None, vault: Path | None, as_json: bool
) -> None:
    """Show everything about one root key but its bits 查看一个密钥.

    What it is, how the key of a card is made from it, what it is for on the cards and PSAMs of
    the shipped profiles, and its other versions.
    """
    with closing(secrets.open_keys(vault)) as service:
        place, keys = service.place, service.keys()
    named = [key for key in keys if key.name == name]
    chosen = _chosen(named, version, algorithm)
    if chosen is None:
        raise UnknownKeyError(name, version or 1, place, algorithm=algorithm or "3des")
    others = [key for key in named if key is not chosen]
    places = Places(chosen)
    if as_json:
        common.print_json(
            {
                "place": place,
                **key_json(chosen),
                "cards": [each.to_json() for each in places.cards],
                "psams": [each.to_json() for each in places.psams],
                "others": [key_json(key) for key in others],
            }
        )
        return
    print_table(rows=_rows(chosen, place, places))
    _print_places(tr("卡", "cards"), places.cards)
    _print_places(tr("PSAM", "PSAMs"), places.psams)
    _print_others(others)


def _chosen(keys: Sequence[KeyInfo], version: int | None, algorithm: str | None) -> KeyInfo | None:
    fitting = [
        key for key in keys if version in (None, key.version) and algorithm in (None, key.family)
    ]
    return min(
        fitting,
        key=lambda key: (key.state != "active", FAMILIES.index(key.family), key.version),
        default=None,
    )


def _rows(key: KeyInfo, place: str, places: Places) -> Iterator[tuple[str, str]]:
    created = "-" if key.created is None else f"{key.created:%Y-%m-%d %H:%M} UTC"
    steps = f"{len(places.factors)}: {' → '.join(places.factors)}"
    yield tr("密钥", "Key"), key.name
    yield tr("版本", "Version"), f"{key.version:02d}"
    yield tr("归属", "Owner"), owner_words(key)
    yield tr("用途", "Use"), use_words(key.use)
    yield tr("算法", "Algorithm"), ALGORITHMS[key.algorithm]
    yield tr("字节", "Bytes"), str(key.length)
    yield (
        tr("分散", "Steps"),
        steps if places.factors else tr("无，直接使用", "none, used as it is"),
    )
    yield tr("有效期", "Days"), days_words(key)
    yield tr("状态", "State"), state_words(key, SystemClock().today())
    yield tr("校验值", "Check value"), key.check_value
    yield tr("来源", "Origin"), said(ORIGINS[key.origin])
    yield tr("建立", "Made"), created
    yield tr("环境", "Environment"), said(ENVIRONMENTS[key.environment])
    yield tr("位置", "Place"), place


def _print_places(title: str, places: Sequence[Place]) -> None:
    """One row for all profiles that say the same; columns that say nothing are left out."""
    profiles: dict[tuple[str, ...], list[str]] = {}
    for each in places:
        cells = (each.directory, each.identifier, each.command, each.psam, each.hsm, each.purpose)
        profiles.setdefault(cells, []).append(each.profile.split("/")[-1])
    if not profiles:
        return
    heads = (
        title,
        tr("目录", "directory"),
        tr("标识", "id"),
        tr("命令", "command"),
        "PSAM",
        tr("加密机", "HSM"),
        tr("作用", "for"),
    )
    rows = [(" ".join(names), *cells) for cells, names in profiles.items()]
    columns = zip(heads, *rows, strict=True)
    told = [column for column in columns if any(column[1:])]
    click.echo()
    table = list(zip(*told, strict=True))
    print_table(*table[0], rows=[[cell or "-" for cell in row] for row in table[1:]])


def _print_others(keys: Sequence[KeyInfo]) -> None:
    if not keys:
        return
    today = SystemClock().today()
    click.echo()
    print_table(
        tr("其他版本", "other versions"),
        tr("算法", "algorithm"),
        tr("校验值", "KCV"),
        tr("状态", "state"),
        tr("来源", "origin"),
        rows=[
            (
                f"{key.version:02d}",
                ALGORITHMS[key.algorithm],
                key.check_value,
                state_words(key, today),
                said(ORIGINS[key.origin]),
            )
            for key in keys
        ],
    )
