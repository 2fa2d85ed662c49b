"""Tables as every command prints them: no frames, long cells folded, brackets as text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from rich.markup import escape
from rich.table import Table


def make_table(
    *titles: str,
    rows: Iterable[Iterable[str]] = (),
    title: str = "",
    caption: str = "",
    numbers: Iterable[int] = (),
) -> Table:
    """A table with column ``titles`` (none: no header line) and ``rows`` of plain text.

    Columns whose places are in ``numbers`` are aligned to the right.
    """
    right = set(numbers)
    table = Table(
        title=escape(title) or None,
        caption=escape(caption) or None,
        title_justify="left",
        caption_justify="left",
        box=None,
        pad_edge=False,
        show_header=bool(titles),
    )
    for place, column in enumerate(titles):
        justify: Literal["left", "right"] = "right" if place in right else "left"
        table.add_column(column, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return table
