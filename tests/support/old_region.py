"""A region whose cards are of version 1.00."""

from __future__ import annotations

from pathlib import Path

from sscard_ic.base.resources import profiles_dir


def write_old_region(folder: Path) -> Path:
    """Its profile, a file in ``folder``: that of Dalian on the structure of version 1.00."""
    text = (profiles_dir() / "regions" / "dalian.toml").read_text(encoding="utf-8")
    old = text.replace('extends = "national/2.00"', 'extends = "national/1.00"')
    assert old != text
    path = folder / "old.toml"
    path.write_text(old, encoding="utf-8")
    return path
