"""Markdown in one language: headings with anchors, tables, bytes as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from sscard_ic.base.errors import Language, Text
from sscard_ic.profile.fields import Title

_LONG_RUN = 6


class Page:
    """Lines of Markdown that grow from top to bottom."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._lines: list[str] = []

    def __str__(self) -> str:
        return "\n".join(self._lines).rstrip("\n") + "\n"

    def of(self, text: Text) -> str:
        """``text`` in the language of the page."""
        return text.to(self.language)

    def name(self, title: Title) -> str:
        """A name in both languages, that of the page first."""
        first, other = (title.zh, title.en) if self.language == "zh" else (title.en, title.zh)
        return f"{first} ({other})"

    def heading(self, level: int, text: str, anchor: str | None = None) -> None:
        """A heading; links find it under ``anchor``."""
        if anchor is not None:
            self._lines += [f'<a id="{anchor}"></a>', ""]
        self._lines += [f"{'#' * level} {text}", ""]

    def paragraph(self, text: Text) -> None:
        """Running text."""
        self._lines += [self.of(text), ""]

    def points(self, points: Iterable[str]) -> None:
        """A list."""
        self._lines += [*(f"- {point}" for point in points), ""]

    def table(self, heads: Iterable[Text], rows: Iterable[Iterable[str]]) -> None:
        """A table; empty cells show a dash."""
        cells = [self.of(head) for head in heads]
        self._lines += [f"| {' | '.join(cells)} |", f"|{' --- |' * len(cells)}"]
        for row in rows:
            self._lines.append(f"| {' | '.join(map(_cell, row))} |")
        self._lines.append("")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ") or "-"


def link(name: str, page: str = "") -> str:
    """A link to the anchor of ``name``, on this page or another."""
    return f"[{name}]({page}#{anchor(name)})"


def anchor(name: str) -> str:
    """The anchor of a file, key or code table."""
    return name.lower().replace(".", "-")


def code(text: str) -> str:
    """Text that stands as it is: bytes, commands, names of settings."""
    return f"`{text}`" if text else ""


def spaced(raw: bytes) -> str:
    """Bytes in pairs of hex digits; a long run of the same byte is counted: ``00×26``."""
    pieces = []
    for byte, run in groupby(raw):
        count = len(list(run))
        pieces += [f"{byte:02X}×{count}"] if count >= _LONG_RUN else [f"{byte:02X}"] * count
    return " ".join(pieces)
