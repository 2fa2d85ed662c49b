"""What a PSAM holds, told without keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from sscard_ic.simulator.psam.files import ROOT, Directory, KeyFile, RecordFile
from sscard_ic.simulator.psam.state import PsamState

_ROOT = f"{ROOT}/"


def life_cycle(psam: PsamState) -> Literal["blank", "open", "issued"]:
    """Without MF; in personalization; closed."""
    if psam.mf is None:
        return "blank"
    return "issued" if psam.mf.ended else "open"


def locked(psam: PsamState) -> Iterator[str]:
    """Paths of the PSAM's own keys without tries left."""
    for directory in psam.directories():
        for key in directory.held_keys():
            if key.tries == 0:
                yield key.path.removeprefix(_ROOT)


def entries(psam: PsamState) -> Iterator[tuple[str, str, int]]:
    """Path, kind and number of records or keys of every directory and file."""
    if psam.mf is not None:
        yield from _entries(psam.mf)


def _entries(directory: Directory) -> Iterator[tuple[str, str, int]]:
    kind = "MF" if directory.parent is None else "DF"
    yield directory.path.removeprefix(_ROOT), kind, 0
    for child in directory.children.values():
        match child:
            case Directory():
                continue
            case KeyFile():
                kind, count = "keys", len(child.keys)
            case RecordFile():
                kind, count = "directory", len(child.records)
            case _:
                kind, count = "transparent", 0
        yield child.path.removeprefix(_ROOT), kind, count
    for child in directory.children.values():
        if isinstance(child, Directory):
            yield from _entries(child)
