"""Tables as every command prints them: no frames, long cells folded, brackets as text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import click
from rich.markup import escape
from rich.table import Table

from sscard_ic.cli.common import stdout_console


def print_table(
    *titles: str,
    rows: Iterable[Iterable[str]] = (),
    title: str = "",
    caption: str = "",
    numbers: Iterable[int] = (),
) -> None:
    """Print a table with column ``titles`` (none: no header line) and ``rows`` of plain text.

    ``title`` and ``caption`` stand on lines of their own, never folded. Columns whose places are
    in ``numbers`` are aligned to the right.
    """
    right = set(numbers)
    table = Table(box=None, pad_edge=False, show_header=bool(titles))
    for place, column in enumerate(titles):
        justify: Literal["left", "right"] = "right" if place in right else "left"
        table.add_column(column, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    console = stdout_console()
    with console.capture() as captured:
        console.print(table)
    lines = [title, *(line.rstrip() for line in captured.get().splitlines()), caption]
    click.echo("\n".join(line for line in lines if line))
