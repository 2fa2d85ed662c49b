"""A part of a card by its name: directory, file, item, key, code table, certificate application."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sscard_ic.base.errors import InputError, Text
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.search import NO_SUCH_ITEM, find_items
from sscard_ic.profile.structure import Located

NO_SUCH_PART = Text(
    "没有这个名称的目录、文件、数据项、密钥或代码表",
    "no directory, file, item, key or code table bears this name",
)


CERTIFICATE_APPLICATION = "PKI"
"""What the certificate application is called."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a name means; ``name`` is how the profile writes it."""

    kind: Literal["directory", "file", "item", "key", "table", "certificate"]
    name: str
    places: tuple[Located, ...] = ()
    """The items meant: none of a key or code table, all repetitions of a record."""


def find_part(profile: CardProfile, name: str) -> Part:
    """What ``name`` means: ``DF02``, ``DF02.EF06``, ``UK1DF02``, ``T23``, ``PKI``, or an item.

    Items go by the names of :func:`find_items`. Raises :class:`InputError` with the nearest names
    when nothing bears the name, or when several items do.
    """
    wanted = name.strip().casefold()
    for part in _parts(profile):
        if part.name.casefold() == wanted:
            return part
    try:
        places = find_items(profile, name)
    except InputError as error:
        if error.what is not NO_SUCH_ITEM:
            raise
        names = {part.name.casefold(): part.name for part in _parts(profile)}
        near = [names[hit] for hit in difflib.get_close_matches(wanted, names, n=5, cutoff=0.7)]
        listed = ", ".join(near)
        hint = Text(f"相近的有：{listed}", f"similar ones: {listed}") if near else error.hint
        raise InputError(NO_SUCH_PART, where=name, hint=hint) from None
    if len({place.path.split("#", 1)[0] for place in places}) == 1:
        return Part("item", places[0].path.split("#", 1)[0], places)
    # A title of a file or directory.
    directory, file = places[0].directory_name, places[0].file_name
    if all(place.file_name == file for place in places):
        return Part("file", f"{directory}.{file}", places)
    return Part("directory", directory)


def _parts(profile: CardProfile) -> Iterator[Part]:
    """Everything with a name of its own, items aside."""
    for name, directory in profile.structure.directories.items():
        yield Part("directory", name)
        for file_name in directory.files:
            yield Part("file", f"{name}.{file_name}", profile.places_of(name, file_name))
    for name in profile.keys:
        yield Part("key", name)
    for name in profile.codes:
        yield Part("table", name)
    if profile.structure.certificates is not None:
        yield Part("certificate", CERTIFICATE_APPLICATION)
