"""Formats of holder files, as data: columns by header → fields of a holder's record."""

from __future__ import annotations

from typing import Literal

from sscard_ic.profile.fields import Title


class ImportFormat(Title):
    """One file format, recognised by its header line."""

    encoding: Literal["utf-8", "gb18030"]
    separator: str
    columns: dict[str, str]
    """Header → field code; every header must be present, others are refused."""
    required: tuple[str, ...]
    """Field codes that may not be empty (further rules depend on the row)."""
    photos: tuple[str, ...] = (".", "photos", "../photos")
    """Folders searched for photos, relative to the file."""
