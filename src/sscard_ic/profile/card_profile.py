"""A card profile ready for use: structure, dialect, code tables and, for regions, their rules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from sscard_ic.profile.codes import CodeTable
from sscard_ic.profile.dialect import Dialect
from sscard_ic.profile.region import Region
from sscard_ic.profile.structure import Key, Located, Structure


@dataclass(frozen=True, eq=False)
class CardProfile:
    """What reader side, personalization and simulator obey; compared by identity."""

    name: str
    """Path below ``profiles/`` without ending, e.g. ``regions/dalian``."""
    structure: Structure
    dialect: Dialect
    codes: dict[str, CodeTable]
    region: Region | None = None

    @cached_property
    def places(self) -> tuple[Located, ...]:
        """Every item of every file with its place, in card order."""
        return tuple(self.structure.locate_all())

    @cached_property
    def _by_file(self) -> dict[tuple[str, str], tuple[Located, ...]]:
        groups = groupby(self.places, key=lambda place: (place.directory_name, place.file_name))
        return {file: tuple(places) for file, places in groups}

    def places_of(self, directory_name: str, file_name: str) -> tuple[Located, ...]:
        """The items of one file, in record order."""
        return self._by_file[directory_name, file_name]

    @property
    def keys(self) -> dict[str, Key]:
        """All keys by name."""
        return self.structure.keys
