"""Items by the names people give them."""

from __future__ import annotations

import difflib

from sscard_ic.base.errors import InputError, Text
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.structure import Located


def find_items(profile: CardProfile, name: str) -> tuple[Located, ...]:
    """The items that ``name`` means, in card order.

    A name is a path (``SSSE.EF06.08``; ``SSSE.EF06`` and ``SSSE`` mean all below), a Chinese or
    English title or a tag, alone or after directory and file (``DF01.EF06.联系电话``). Several
    items are answered only for a file, a directory or the repetitions of one record. Raises
    :class:`InputError` with suggestions when the name is unknown or means different items.
    """
    wanted = name.strip().casefold()
    items = tuple(profile.places)
    if below := tuple(item for item in items if _is_below(item, wanted)):
        return below
    hits = tuple(item for item in items if wanted in _names(item))
    if len({_place(item) for item in hits}) > 1:
        raise InputError(
            Text("名称不唯一", "the name means several items"), where=name, hint=_offer(hits)
        )
    if hits:
        return hits
    raise InputError(
        Text("没有这个数据项", "there is no such item"),
        where=name,
        hint=_offer(_similar(items, wanted)),
    )


def _is_below(item: Located, wanted: str) -> bool:
    path = item.path.casefold()
    return path == wanted or path.startswith((f"{wanted}.", f"{wanted}#"))


def _place(item: Located) -> str:
    return item.path.split("#", 1)[0]


def _names(item: Located) -> set[str]:
    titles = {item.item.zh.casefold(), item.item.en.casefold()}
    if item.item.tag is not None:
        titles.add(f"{item.item.tag:02x}")
    prefix = f"{item.directory_name}.{item.file_name}.".casefold()
    return titles | {prefix + title for title in titles}


def _similar(items: tuple[Located, ...], wanted: str) -> tuple[Located, ...]:
    """Items whose title holds the last part of the name, or nearly is it."""
    last = wanted.rsplit(".", 1)[-1]
    titles = {title: item for item in items for title in (item.item.zh, item.item.en)}
    near = difflib.get_close_matches(last, titles, n=5)
    hits = [item for title, item in titles.items() if last in title.casefold() or title in near]
    return tuple({_place(item): item for item in hits}.values())


def _offer(items: tuple[Located, ...]) -> Text | None:
    if not items:
        return Text("sscard profile show 列出全部数据项", "sscard profile show lists all items")
    shown = items[:8]
    return Text(
        "相近的有：" + ", ".join(f"{_place(item)} {item.item.zh}" for item in shown),
        "similar ones: " + ", ".join(f"{_place(item)} {item.item.en}" for item in shown),
    )
