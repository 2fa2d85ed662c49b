"""``sscard keys tree``: from the ministry to the card, with the keys of each owner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.text import Text as Line
from rich.tree import Tree

from sscard_ic.base.clock import SystemClock
from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli import common, secrets
from sscard_ic.cli.common import json_option, tr
from sscard_ic.cli.key_words import (
    ALGORITHMS,
    ENVIRONMENTS,
    OWNERS,
    USES,
    factor_text,
    factor_words,
    is_expired,
    said,
)
from sscard_ic.keys import KeyInfo
from sscard_ic.keys.inventory import FACTORS, Factor, Owner
from sscard_ic.keys.inventory import OWNERS as OWNER_OF

_CHAIN: tuple[tuple[Owner, Factor], ...] = (
    ("ministry", "province"),
    ("province", "city"),
    ("city", "card"),
)
"""The owners above a card, and what the step down from each depends on."""
_BESIDE: tuple[Owner, ...] = ("maker", "bank", "site")
"""The owners beside that chain."""
_REGIONAL: frozenset[Factor] = frozenset({"province", "city"})
_DIVISION_DIGITS = 6


@click.command("tree")
@click.option("--region", metavar="CODE", help="Factors of one city: 6-digit code 行政区划代码.")
@secrets.vault_option
@json_option
def tree_command(region: str | None, vault: Path | None, as_json: bool) -> None:
    """Show the hierarchy of keys, from the ministry to the card 密钥体系.

    The keys of each owner, and the factor of each step of diversification; with --region those of
    that city.
    """
    if region is not None and not (
        len(region) == _DIVISION_DIGITS and region.isascii() and region.isdigit()
    ):
        raise InputError(
            Text("行政区划代码应为 6 位数字", "a division code has 6 digits"), where="--region"
        )
    with closing(secrets.open_keys(vault)) as service:
        place, environment, keys = service.place, service.environment, service.keys()
    if as_json:
        owners = [_owner_json(owner, keys, region) for owner in OWNERS]
        common.print_json(
            {"place": place, "environment": environment, "region": region, "owners": owners}
        )
        return
    tree = Tree(Line(f"{place} ({said(ENVIRONMENTS[environment])})"))
    _add_chain(tree, keys, region)
    for owner in _BESIDE:
        _add_owner(tree, owner, [key for key in keys if key.owner == owner])
    common.stdout_console().print(tree)


def _add_chain(tree: Tree, keys: Sequence[KeyInfo], region: str | None) -> None:
    """Ministry, province, city, card: each inside the one above."""
    branch = tree
    for owner, factor in _CHAIN:
        branch = branch.add(Line(said(OWNERS[owner]), style="bold"))
        _add_keys(branch, [key for key in keys if key.owner == owner])
        branch = branch.add(_step(factor, region))
    branch.add(Line(tr("卡", "card"), style="bold"))


def _add_owner(tree: Tree, owner: Owner, keys: Sequence[KeyInfo]) -> None:
    """An owner beside the chain, where it has keys."""
    if not keys:
        return
    branch = tree.add(Line(said(OWNERS[owner]), style="bold"))
    _add_keys(branch, [key for key in keys if not key.factors])
    for factor in _last_factors(keys):
        _add_keys(branch, [key for key in keys if key.factors[-1:] == (factor,)])
        branch.add(_step(factor, None)).add(Line(tr("卡", "card"), style="bold"))


def _last_factors(keys: Iterable[KeyInfo]) -> list[Factor]:
    """What the last steps depend on, each once."""
    return list(dict.fromkeys(key.factors[-1] for key in keys if key.factors))


def _step(factor: Factor, region: str | None) -> Line:
    return Line(f"↓ {factor_words(factor, region)}", style="cyan")


def _add_keys(branch: Tree, keys: Sequence[KeyInfo]) -> None:
    for line in _lines(keys, SystemClock().today()):
        branch.add(Line(line))


def _lines(keys: Iterable[KeyInfo], today: date) -> Iterator[str]:
    """Names with the same use, state, algorithms and versions on one line."""
    versions: dict[tuple[str, str, str], dict[str, list[int]]] = {}
    for key in keys:
        found = versions.setdefault((key.name, said(USES[key.use]), _state(key, today)), {})
        found.setdefault(ALGORITHMS[key.algorithm], []).append(key.version)
    lines: dict[tuple[str, ...], list[str]] = {}
    for (name, use, state), of_algorithm in versions.items():
        spans: dict[str, list[str]] = {}
        for algorithm, numbers in of_algorithm.items():
            spans.setdefault(_span(numbers), []).append(algorithm)
        for span, algorithms in spans.items():
            lines.setdefault((use, ", ".join(algorithms), span, state), []).append(name)
    for head, names in lines.items():
        yield f"{' · '.join(filter(None, head))}: {' '.join(names)}"


def _span(versions: Sequence[int]) -> str:
    """``01-03`` of versions without a gap, each of them otherwise."""
    first, last = versions[0], versions[-1]
    if len(versions) > 2 and last - first == len(versions) - 1:
        return f"{first:02d}-{last:02d}"
    return " ".join(f"{version:02d}" for version in versions)


def _state(key: KeyInfo, today: date) -> str:
    if key.state == "destroyed":
        return tr("已销毁", "destroyed")
    return tr("已过期", "expired") if is_expired(key, today) else ""


def _owner_json(owner: Owner, keys: Sequence[KeyInfo], region: str | None) -> dict[str, Any]:
    factors = next(FACTORS[level] for level in FACTORS if OWNER_OF[level] == owner)
    own = [key for key in keys if key.owner == owner]
    if owner in _BESIDE:
        factors = tuple(_last_factors(own)) or factors
    return {
        "owner": owner,
        "steps": [
            {
                "factor": factor,
                "value": factor_text(factor, region) if factor in _REGIONAL else None,
            }
            for factor in factors
        ],
        "keys": [
            {
                "name": key.name,
                "version": key.version,
                "algorithm": key.algorithm,
                "use": key.use,
                "level": key.level,
                "state": key.state,
            }
            for key in own
        ],
    }
