"""A card profile ready for use: structure, dialect, code tables and, for regions, their rules."""

from __future__ import annotations

from dataclasses import dataclass

from sscard_ic.profile.codes import CodeTable
from sscard_ic.profile.dialect import Dialect
from sscard_ic.profile.region import Region
from sscard_ic.profile.structure import Key, Structure


@dataclass(frozen=True)
class CardProfile:
    """What reader side, personalization and simulator obey."""

    name: str
    """Path below ``profiles/`` without ending, e.g. ``regions/dalian``."""
    structure: Structure
    dialect: Dialect
    codes: dict[str, CodeTable]
    region: Region | None = None

    @property
    def keys(self) -> dict[str, Key]:
        """All keys by name."""
        return self.structure.keys
