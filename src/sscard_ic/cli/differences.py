"""How differences between the contents of cards are shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sscard_ic.cli.common import tr
from sscard_ic.cli.item_words import value_words
from sscard_ic.cli.tables import print_table
from sscard_ic.profile import Located
from sscard_ic.profile.contents import Difference
from sscard_ic.profile.values import Value

_LONG = 48


def show_differences(
    found: Sequence[Difference], before: str, after: str, closed: Collection[str] = ()
) -> None:
    """A table with one row an item; ``before`` and ``after`` are the titles of the two sides.

    Items in ``closed`` could not be read before.
    """
    shut = tr("（未开放）", "(closed)")
    rows = [
        (
            each.place.path,
            tr(each.place.item.zh, each.place.item.en),
            shut if each.place.path in closed else _cell(each.place, each.before),
            _cell(each.place, each.after),
        )
        for each in found
    ]
    print_table(tr("路径", "path"), tr("数据项", "item"), before, after, rows=rows)


def differences_json(found: Sequence[Difference]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {**_place_json(each.place), "before": _side(each.before), "after": _side(each.after)}
        for each in found
    ]


def _place_json(place: Located) -> dict[str, str]:
    return {"path": place.path, "zh": place.item.zh, "en": place.item.en}


def _side(value: Value | None) -> dict[str, str] | None:
    return None if value is None else {"value": value.text, "raw": value.raw.hex().upper()}


def _cell(place: Located, value: Value | None) -> str:
    if value is None:
        return tr("（卡上没有）", "(not on the card)")
    if not value.is_set:
        return tr("（未写入）", "(not set)")
    return value_words(place.item, value, _LONG)
