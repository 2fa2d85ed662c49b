"""The connections of a test and their traces; those of a failed test are kept."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from sscard_ic.reader import Connection


class TraceShelf:
    """Opens traced connections, and closes them at the end."""

    def __init__(self) -> None:
        self._opened: list[tuple[str, io.StringIO, Connection]] = []

    def open(self, name: str, connect: Callable[[TextIO], Connection]) -> Connection:
        """A connection made by ``connect``, which writes its trace where it is told."""
        trace = io.StringIO()
        connection = connect(trace)
        self._opened.append((name, trace, connection))
        return connection

    def close(self, name: str | None = None) -> None:
        """Close every connection, or those of a name; closing one twice does no harm."""
        for opened, _, connection in self._opened:
            if name in (None, opened):
                connection.close()

    def keep(self, folder: Path) -> list[Path]:
        """Write each trace to a file of its own in ``folder``, where no others stay; the files.

        Raises :class:`OSError`.
        """
        for old in folder.glob("*.trace"):
            old.unlink()
        kept = []
        for number, (name, trace, _) in enumerate(self._opened, start=1):
            path = folder / f"{number}-{name}.trace"
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(trace.getvalue(), encoding="utf-8")
            kept.append(path)
        return kept
