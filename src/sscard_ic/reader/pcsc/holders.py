"""Who keeps a reader busy: PC/SC does not tell, but Linux shows which programs use it."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")
_LIBRARY = b"/libpcsclite"


def holders(proc: Path = _PROC) -> tuple[str, ...]:
    """The other programs that have loaded the PC/SC library, as ``scdaemon (pid 1234)``.

    Best effort: processes of other users show themselves to root alone, and only Linux shows
    them at all. Never raises.
    """
    found = []
    for pid in _others(proc):
        folder = proc / str(pid)
        try:
            if _LIBRARY in (folder / "maps").read_bytes():
                found.append(f"{_name(folder)} (pid {pid})")
        except OSError:
            continue  # it has ended, or belongs to somebody else
    return tuple(found)


def _others(proc: Path) -> list[int]:
    try:
        names = os.listdir(proc)
    except OSError:
        return []
    return sorted(int(n) for n in names if n.isascii() and n.isdigit() and int(n) != os.getpid())


def _name(folder: Path) -> str:
    """The name of a process; it chooses that itself, so only what can be shown is."""
    name = (folder / "comm").read_bytes().decode("utf-8", "replace")
    return "".join(letter for letter in name if letter.isprintable())
