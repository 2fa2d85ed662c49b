"""How builders number what opens something: the levels and flags of T514 and MCOS."""

from __future__ import annotations

from sscard_ic.profile.structure import Structure


def key_levels(structure: Structure) -> dict[str, int]:
    """The external keys, numbered from 1 in each directory in profile order (ref 11 §5.3, §9)."""
    numbered: dict[str, int] = {}
    for name in structure.directories:
        keys = structure.keys_of(name)
        counted = [key_name for key_name, key in keys.items() if key.use == "external"]
        numbered |= {key_name: level for level, key_name in enumerate(counted, 1)}
    return numbered
