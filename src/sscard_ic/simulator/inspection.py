"""What an image holds, told without keys and without a person's data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sscard_ic.simulator.memory import Memory

_ROOT = "ssc/"
_MF = "3F00"
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
    header, states = memory.header, memory.states
    files = {
        key.removeprefix(_ROOT): str(value)
        for key, value in states.items()
        if key.startswith(_ROOT) and _is_file(key)
    }
    names = {code: name for name, code in header["dialect"]["file_types"].items()}
    entries = [
        FileEntry(name, _kind(name, spec, names), _children(name, states, files))
        for name, spec in sorted(files.items())
    ]
    ended = bool(states.get(f"{_ROOT}{_MF}/ended"))
    return ImageDescription(
        profile=header["profile"],
        dialect=header["dialect"]["name"],
        factory_serial=header["serial"],
        atr=f"{states['chip/atr']}{states['chip/unique']}",
        state="issued" if ended else "open" if _MF in files else "blank",
        locked=tuple(
            key.removeprefix(_ROOT).removesuffix("/tries")
            for key, value in states.items()
            if key.endswith("/tries") and value == 0
        ),
        files=tuple(entries),
    )


def _is_file(key: str) -> bool:
    """Whether the last part is a file identifier: four hex digits below MF, DDF, ADF."""
    last = key.rsplit("/", 1)[-1]
    return len(last) == 4 and last[:2] in ("3F", "DD", "DF", "EF")


def _kind(name: str, spec: str, names: dict[str, str]) -> str:
    last = name.rsplit("/", 1)[-1]
    if last.startswith("EF"):
        return names.get(bytes.fromhex(spec)[_TYPE_AT : _TYPE_AT + 1].hex().upper(), "?")
    return {"3F": "MF", "DD": "DDF", "DF": "ADF"}[last[:2]]


def _children(name: str, states: dict[str, str | int], files: dict[str, str]) -> int:
    below = f"{_ROOT}{name}/"
    return sum(
        key.startswith(below)
        and "/" not in key.removeprefix(below)
        and key.removeprefix(_ROOT) not in files
        and not key.endswith("/ended")
        for key in states
    )
