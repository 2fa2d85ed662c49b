"""What an image holds, told without keys and without a person's data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sscard_ic.profile.dialect import Dialect
from sscard_ic.simulator.factory import card_of, dialect_of
from sscard_ic.simulator.files import ROOT, Directory, ElementaryFile
from sscard_ic.simulator.memory import Memory

_ROOT = f"{ROOT}/"
_TYPE_AT = 7
"""Place of the type byte in the header of an elementary file (ref 11 §5.2)."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One directory or elementary file."""

    path: str
    """Identifiers from the MF down, joined by ``/``."""
    kind: str
    records: int
    """Records, keys or written pages in it."""


@dataclass(frozen=True, slots=True)
class ImageDescription:
    """An image as a whole."""

    profile: str
    dialect: str
    factory_serial: str
    atr: str
    """The ATR of the next reset."""
    state: Literal["blank", "open", "issued"]
    """Without MF; in personalization; ended."""
    locked: tuple[str, ...]
    """Keys and PIN without tries left."""
    files: tuple[FileEntry, ...]


def describe_image(path: Path) -> ImageDescription:
    """The image in ``path``, read without taking it from a program that uses it.

    Raises :class:`InputError` when the file is no image or damaged.
    """
    memory = Memory.read(path)
    dialect = dialect_of(memory, path)
    card = card_of(memory, dialect)
    mf = card.mf
    return ImageDescription(
        profile=memory.header["profile"],
        dialect=dialect.name,
        factory_serial=memory.header["serial"],
        atr=card.identity.atr().hex().upper(),
        state="blank" if mf is None else "issued" if mf.ended else "open",
        locked=tuple(
            key.removeprefix(_ROOT).removesuffix("/tries")
            for key, value in memory.states.items()
            if key.endswith("/tries") and value == 0
        ),
        files=tuple(_entries(memory, dialect, mf)) if mf is not None else (),
    )


def _entries(memory: Memory, dialect: Dialect, directory: Directory) -> Iterator[FileEntry]:
    """A directory and what is in it, each directory's files before its children."""
    yield FileEntry(directory.path.removeprefix(_ROOT), directory.spec.kind, 0)
    names = {code: name for name, code in dialect.file_types}
    children = sorted(directory.children.values(), key=lambda child: child.spec.fid)
    for child in children:
        if isinstance(child, ElementaryFile):
            header = bytes.fromhex(str(memory.states[child.path]))
            kind = names[header[_TYPE_AT]]
            yield FileEntry(child.path.removeprefix(_ROOT), kind, _parts(memory, child))
    for child in children:
        if isinstance(child, Directory):
            yield from _entries(memory, dialect, child)


def _parts(memory: Memory, file: ElementaryFile) -> int:
    below = f"{file.path}/"
    parts = (key.removeprefix(below) for key in memory.states if key.startswith(below))
    return sum("/" not in part and part != "newest" for part in parts)
