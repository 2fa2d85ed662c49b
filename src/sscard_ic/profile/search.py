"""Items by the names people give them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator

from sscard_ic.base.errors import InputError, Text
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.fields import Title
from sscard_ic.profile.structure import Item, Located
from sscard_ic.profile.values import part_name

NO_SUCH_ITEM = Text("没有这个数据项", "there is no such item")
_OCCURRENCE = re.compile(r"(.*)#(\d+)", re.ASCII | re.DOTALL)
_OCCURRENCE_DIGITS = 3
"""A log has at most 254 records."""
_SHOWN = 8


def find_items(profile: CardProfile, name: str) -> tuple[Located, ...]:
    """The items that ``name`` means, in card order.

    A name is a path (``SSSE.EF06.08``; ``SSSE.EF06`` and ``SSSE`` mean all below), a Chinese or
    English title or a tag, alone or after directory and file (``DF01.EF06.联系电话``). The title
    of a file means its items, that of a part of a constructed item the records that hold it, and
    ``#2`` after any of them the second record with this tag, or of this log (1 is the newest).
    Several items are answered only for a file, a directory or the repetitions of one record.
    Raises :class:`InputError` with suggestions when the name is unknown or means different items.
    """
    wanted, occurrence = _occurrence(name.strip().casefold())
    places = tuple(
        place for place in profile.places if occurrence is None or place.occurrence == occurrence
    )
    for hits in _readings(name, wanted, places):
        if hits:
            return hits
    raise InputError(NO_SUCH_ITEM, where=name, hint=_offer(_similar(profile.places, wanted)))


def _readings(name: str, wanted: str, places: tuple[Located, ...]) -> Iterator[tuple[Located, ...]]:
    """What the name means as a path, as an item, as a file, as a part; the first wins."""
    yield tuple(place for place in places if _is_below(place, wanted))
    yield _one(name, tuple(place for place in places if wanted in _names(place, (place.item,))))
    yield tuple(place for place in places if wanted in _file_names(place))
    yield _one(name, tuple(place for place in places if wanted in _names(place, place.item.items)))


def _occurrence(name: str) -> tuple[str, int | None]:
    found = _OCCURRENCE.fullmatch(name)
    if found is None:
        return name, None
    digits = found.group(2).lstrip("0")
    # Nothing repeats so often; Python refuses to convert thousands of digits.
    return found.group(1), int(digits or "0") if len(digits) <= _OCCURRENCE_DIGITS else 0


def _one(name: str, hits: tuple[Located, ...]) -> tuple[Located, ...]:
    """``hits`` if they are one item, or the repetitions of one."""
    if len({_place(place) for place in hits}) > 1:
        raise InputError(
            Text("名称不唯一", "the name means several items"), where=name, hint=_offer(hits)
        )
    return hits


def _is_below(place: Located, wanted: str) -> bool:
    path = _place(place).casefold()
    return path == wanted or path.startswith(f"{wanted}.")


def _place(place: Located) -> str:
    return place.path.split("#", 1)[0]


def _titles(title: Title) -> set[str]:
    return {title.zh.casefold(), title.en.casefold()}


def _names(place: Located, items: Iterable[Item]) -> set[str]:
    """What ``items``, the one at ``place`` or its parts, are called."""
    names: set[str] = set()
    for item in items:
        names |= _titles(item)
        if item.tag is not None:
            names.add(part_name(item).casefold())
    directory = f"{place.directory_name}.".casefold()
    above = {directory, f"{directory}{place.file_name}.".casefold()}
    above.add(f"{_place(place)}.".casefold())
    return names | {prefix + name for prefix in above for name in names}


def _file_names(place: Located) -> set[str]:
    """The titles of file and directory; of a file also after its directory."""
    file = _titles(place.file)
    directory = f"{place.directory_name}.".casefold()
    return file | {directory + name for name in file} | _titles(place.directory)


def _similar(places: Iterable[Located], wanted: str) -> tuple[Located, ...]:
    """Items whose title, or that of a part, holds the last part of the name or nearly is it."""
    last = wanted.rsplit(".", 1)[-1]
    titles: dict[str, Located] = {}
    for place in places:
        for item in (place.item, *place.item.items):
            for title in (item.zh, item.en):
                titles.setdefault(title, place)
    near = difflib.get_close_matches(last, [title.casefold() for title in titles], n=5)
    hits = [
        place
        for title, place in titles.items()
        if last and (last in title.casefold() or title.casefold() in near)
    ]
    return tuple({_place(place): place for place in hits}.values())


def _offer(places: tuple[Located, ...]) -> Text:
    if not places:
        return Text("sscard profile show 列出全部数据项", "sscard profile show lists all items")
    shown = {_place(place): place for place in places}
    listed = list(shown.items())[:_SHOWN]
    return Text(
        "相近的有：" + ", ".join(f"{path} {place.item.zh}" for path, place in listed),
        "similar ones: " + ", ".join(f"{path} {place.item.en}" for path, place in listed),
    )
