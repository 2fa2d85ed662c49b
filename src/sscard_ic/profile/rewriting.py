"""Cards of version 1.00 that bear items of version 2.00 (ref 01 §7).

Version 2.00 gave some tags another meaning. Written onto an old card, a new value is filled on
the right with hex E up to the old length; whoever finds a last byte EE takes the new meaning.
Some items have the meaning that another item of their file has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from sscard_ic.base.errors import InputError, Text
from sscard_ic.profile import remarks
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.loader import load
from sscard_ic.profile.structure import Item, Located, RewrittenItem, Structure
from sscard_ic.profile.values import Codes, Value, decode, encode

_FILLING = b"\xee"


@dataclass(frozen=True, slots=True)
class Rewritable:
    """One item of the old version and what the new version made of it."""

    path: str
    old: Item
    new: Item
    """As it is stored in the old field."""
    leader: str | None
    """Path of the item whose meaning this one follows; ``None`` when its own filling tells."""

    @property
    def is_possible(self) -> bool:
        """Whether the new value and, where it needs one, a filling fit the old field."""
        return self.new.length + (self.leader is None) <= self.old.length

    def is_rewritten(self, values: Mapping[str, bytes]) -> bool:
        """Whether the new meaning holds on a card with these values by path."""
        decisive = values.get(self.leader or self.path, b"")
        return self.is_possible and decisive.endswith(_FILLING)

    def read(self, values: Mapping[str, bytes], codes: Codes | None = None) -> Value:
        """What the item says on a card with these values, in the meaning that holds there."""
        raw = values[self.path]
        if not self.is_rewritten(values):
            return decode(self.old, raw, codes)
        value = decode(self.new, raw[: self.new.length], codes)
        filling = raw[self.new.length :]
        odd = self.leader is None and bool(filling.strip(_FILLING))
        found = (*value.remarks, remarks.REWRITTEN, *([remarks.WRONG_FILLING] * odd))
        return replace(value, raw=raw, remarks=found)

    def write(self, text: str, values: Mapping[str, bytes], codes: Codes | None = None) -> bytes:
        """The bytes that give the item its new meaning, and ``text`` as its value.

        ``values`` are what the card holds, or will hold, by path. Raises :class:`InputError` when
        the old field is too short, or while the item that this one follows has its old meaning.
        """
        if not self.is_possible:
            raise _impossible(self)
        if self.leader is not None and not values.get(self.leader, b"").endswith(_FILLING):
            raise _leader_first(self)
        raw = encode(self.new, text, codes)
        return raw.ljust(self.old.length, _FILLING) if self.leader is None else raw


def rewritable(profile: CardProfile, path: str) -> Rewritable | None:
    """What a later version made of the item at ``path``; ``None`` where it kept its meaning."""
    return _table(profile).get(path)


def find_rewritten(profile: CardProfile, name: str) -> Rewritable | None:
    """The item of an old card whose new meaning is called ``name``, alone or after its place.

    ``None`` where no item, or more than one, is called so.
    """
    wanted = name.strip().casefold()
    hits = []
    for row in _table(profile).values():
        directory, file, _ = row.path.split(".")
        titles = {row.new.zh.casefold(), row.new.en.casefold()}
        above = ("", f"{directory}.".casefold(), f"{directory}.{file}.".casefold())
        if wanted in {place + title for place in above for title in titles}:
            hits.append(row)
    return hits[0] if len(hits) == 1 else None


def read_place(profile: CardProfile, place: Located, values: Mapping[str, bytes]) -> Value:
    """What the item at ``place`` says on a card with these values by path.

    Old cards are read in the meaning that holds there; every other item as it is.
    """
    found = _table(profile).get(place.path)
    if found is None:
        return decode(place.item, values[place.path], profile.codes)
    return found.read(values, profile.codes)


def item_of(profile: CardProfile, place: Located, values: Mapping[str, bytes]) -> Item:
    """The item that ``place`` holds on a card with these values by path: the old or the new one."""
    found = _table(profile).get(place.path)
    return found.new if found is not None and found.is_rewritten(values) else place.item


def needed_for(profile: CardProfile, places: Sequence[Located]) -> Sequence[Located]:
    """``places`` and, on old cards, the items whose meaning they follow, in card order."""
    table = _table(profile)
    leaders = {row.leader for place in places if (row := table.get(place.path)) and row.leader}
    missing = leaders - {place.path for place in places}
    if not missing:
        return places
    wanted = missing | {place.path for place in places}
    return [place for place in profile.places if place.path in wanted]


@lru_cache(maxsize=8)
def _table(profile: CardProfile) -> Mapping[str, Rewritable]:
    rules = profile.structure.rewriting
    if rules is None:
        return {}
    later = load(rules.version).structure
    rows = (_rewritable(row, profile.structure, later) for row in rules.items)
    return {row.path: row for row in rows}


def _rewritable(row: RewrittenItem, earlier: Structure, later: Structure) -> Rewritable:
    old, new = _item(earlier, row), _item(later, row)
    length = row.length or new.length
    if row.follows is not None:
        length = old.length  # nothing is filled up: the value has the whole field
    changes = {"format": row.format or new.format, "length": length, "example": None}
    leader = None if row.follows is None else f"{row.file}.{row.follows:02X}"
    path = f"{row.file}.{row.tag:02X}"
    return Rewritable(path, old, new.model_copy(update=changes), leader)


def _item(structure: Structure, row: RewrittenItem) -> Item:
    directory, _, file = row.file.partition(".")
    items = structure.directories[directory].files[file].items
    return next(item for item in items if item.tag == row.tag)


def _impossible(item: Rewritable) -> InputError:
    new, old = item.new, item.old
    return InputError(
        Text(
            f"旧版卡不能改写：{new.zh}有 {new.length} 字节，{old.zh}的字段只有 {old.length} 字节",
            f"rewriting is not possible on an old card: {new.en} has {new.length} bytes, "
            f"the field of {old.en} only {old.length}",
        ),
        where=item.path,
        hint=Text("换发 2.00 版以上的卡", "replace the card by one of version 2.00 or later"),
    )


def _leader_first(item: Rewritable) -> InputError:
    leader = item.leader
    return InputError(
        Text(
            f"{item.old.zh}的含义随 {leader}，该项仍是旧含义",
            f"{item.old.en} has the meaning of {leader}, which is still the old one",
        ),
        where=item.path,
        hint=Text(f"同时改写 {leader}", f"rewrite {leader} together with it"),
    )
