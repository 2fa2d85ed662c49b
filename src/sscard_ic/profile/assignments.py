"""What people want written: names and values, checked before any card is touched."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sscard_ic.base.errors import InputError, Text
from sscard_ic.codec.text import split_name
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.rewriting import Rewritable, find_rewritten, rewritable
from sscard_ic.profile.search import find_items
from sscard_ic.profile.structure import Item, Located
from sscard_ic.profile.values import Twice, encode, once


def parse_words(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and value of each ``NAME=VALUE``; raises :class:`InputError` for anything else."""
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name.strip():
            # What stands here may be a person's: it is not shown.
            raise InputError(
                Text("应为 名称=值", "NAME=VALUE is expected"),
                hint=Text("例：DF01.EF06.联系电话=13800000000", "as in DF01.EF06.28=13800000000"),
            )
        yield name.strip(), value


def parse_json(text: str, where: str) -> Iterator[tuple[str, str]]:
    """Name and value of each member of a JSON object; constructed values are objects themselves.

    ``where`` names the document in errors. Raises :class:`InputError`.
    """
    try:
        document: Any = json.loads(text, object_pairs_hook=once, parse_int=_no_number)
    except json.JSONDecodeError as error:
        raise InputError(
            Text("不是 JSON", "not JSON"), where=f"{where}:{error.lineno}:{error.colno}"
        ) from None
    except RecursionError:
        raise InputError(Text("JSON 嵌套过深", "JSON nested too deep"), where=where) from None
    except Twice as error:
        raise InputError(
            Text(f"{error} 出现两次", f"{error} is there twice"), where=where
        ) from None
    if not isinstance(document, dict):
        raise InputError(
            Text("应为 JSON 对象：名称 → 值", "a JSON object of names and values is expected"),
            where=where,
        )
    for name, value in document.items():
        if isinstance(value, dict):
            yield name, json.dumps(value, ensure_ascii=False)
        elif isinstance(value, str):
            yield name, value
        else:
            raise InputError(
                Text("值应为字符串或对象", "a value is a string or an object"),
                where=f"{where}: {name}",
            )


def _no_number(digits: str) -> None:
    """Numbers are no values: their digits may be too many, and their zeros are lost."""


def find_places(profile: CardProfile, name: str) -> tuple[Located, ...]:
    """The items that ``name`` means; on an old card also by the names of their new meanings."""
    try:
        return find_items(profile, name)
    except InputError:
        row = find_rewritten(profile, name)
        if row is None:
            raise
        return (_place(profile, row.path),)


def decisive_places(profile: CardProfile, names: Iterable[str]) -> Sequence[Located]:
    """The items whose values on an old card decide what ``names`` mean there (ref 01 §7).

    None on a card of a version that rewrites nothing. Raises :class:`InputError` as
    :func:`find_items`.
    """
    if profile.structure.rewriting is None:
        return ()
    rows = (rewritable(profile, place.path) for n in names for place in find_places(profile, n))
    paths = {row.leader or row.path for row in rows if row is not None}
    return [place for place in profile.places if place.path in paths]


def assign(
    profile: CardProfile,
    wanted: Iterable[tuple[str, str]],
    present: Mapping[str, bytes] | None = None,
) -> Mapping[str, bytes]:
    """The bytes to write, by item path, in card order.

    An empty value unsets the item. A name fills 姓名 and 姓名扩展 together. Of a log only a new
    record can be written: its file, or ``#1``. On an old card the name of a new meaning gives the
    item that meaning; a path or a tag keeps the one that holds in ``present``, which has the
    values of :func:`decisive_places`. Raises :class:`InputError` naming the item, never the
    value: unknown or ambiguous name, value that does not fit, code outside its table, item
    assigned twice, item that no command may write.
    """
    values: dict[str, bytes] = {}
    found = [(_one(profile, name), name, text) for name, text in wanted]
    # What follows another item is written after it.
    for place, name, text in sorted(found, key=lambda each: _follows(profile, each[0])):
        _require_writable(place)
        row = _rewritten(profile, place, name, {**(present or {}), **values})
        try:
            if row is not None:
                pairs = [
                    (place.path, row.write(text, {**(present or {}), **values}, profile.codes))
                ]
            else:
                pairs = list(_encoded(profile, place, text))
        except InputError as error:
            raise InputError(error.what, where=_where(name, place), hint=error.hint) from None
        for path, raw in pairs:
            if path in values:
                raise InputError(Text("数据项给出两次", "an item is given twice"), where=path)
            values[path] = raw
    order = [place.path for place in profile.places]
    return dict(sorted(values.items(), key=lambda entry: order.index(entry[0])))


def _where(name: str, place: Located) -> str:
    return name if name == place.path else f"{name} ({place.path})"


def _follows(profile: CardProfile, place: Located) -> bool:
    row = rewritable(profile, place.path)
    return row is not None and row.leader is not None


def _rewritten(
    profile: CardProfile, place: Located, name: str, present: Mapping[str, bytes]
) -> Rewritable | None:
    """The new meaning of an item of an old card, where ``name`` asks for it."""
    row = rewritable(profile, place.path)
    if row is None:
        return None
    if find_rewritten(profile, name) is not None and not _is_title(name, row.old):
        return row
    return row if row.is_rewritten(present) and not _is_title(name, row.old) else None


def _is_title(name: str, item: Item) -> bool:
    last = name.strip().rsplit(".", 1)[-1].casefold()
    return last in (item.zh.casefold(), item.en.casefold())


def _place(profile: CardProfile, path: str) -> Located:
    return next(place for place in profile.places if place.path == path)


def _one(profile: CardProfile, name: str) -> Located:
    """The one place that a name means for writing."""
    places = find_places(profile, name)
    first = places[0]
    if first.file.structure == "cyclic" and first.occurrence == 1:
        return first
    if first.file.structure == "cyclic":
        raise InputError(
            Text("循环文件只能追加新记录", "a log only takes new records"),
            where=name,
            hint=Text(
                f"写 {first.directory_name}.{first.file_name}",
                f"write to {first.directory_name}.{first.file_name}",
            ),
        )
    if len(places) > 1:
        raise InputError(
            Text("名称指多个数据项", "the name means several items"),
            where=name,
            hint=Text(
                "给出其中一项：" + ", ".join(place.path for place in places[:8]),
                "name one of them: " + ", ".join(place.path for place in places[:8]),
            ),
        )
    return first


def _require_writable(place: Located) -> None:
    if place.update.kind in ("never", "internal"):
        who = Text("只由卡自身写入", "only the card itself writes it")
        nobody = Text("发行后不可写", "nothing writes it after issue")
        reason = who if place.update.kind == "internal" else nobody
        raise InputError(reason, where=f"{place.path} {place.item.zh}")


def _encoded(profile: CardProfile, place: Located, text: str) -> Iterator[tuple[str, bytes]]:
    extension = _extension(profile, place)
    text = text.strip(" ")
    if extension is None or not text:
        yield place.path, encode(place.item, text, profile.codes)
        if extension is not None:
            yield extension.path, encode(extension.item, "", profile.codes)
        return
    lengths = place.item.length, extension.item.length
    encode(place.item.model_copy(update={"length": sum(lengths)}), text, profile.codes)
    by = profile.region.card.name_split if profile.region else "byte"
    try:
        head, tail = split_name(text, *lengths, by)
    except ValueError:  # whole characters leave bytes unused
        raise InputError(
            Text("姓名过长，按字符分存放不下", "the name is too long to be split at a character")
        ) from None
    yield place.path, head
    yield extension.path, tail


def _extension(profile: CardProfile, place: Located) -> Located | None:
    """Where a name goes on, when ``place`` is its first field."""
    if place.item.text != "name":
        return None
    fields = [
        each
        for each in profile.places_of(place.directory_name, place.file_name)
        if each.item.text == "name"
    ]
    return fields[1] if len(fields) == 2 and fields[0] is place else None
