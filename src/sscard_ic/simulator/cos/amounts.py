"""The file of the medical amounts on a COS whose commands do not create it (ref 12 §3.1)."""

from __future__ import annotations

from typing import Any

from sscard_ic.simulator import medical_state, tree
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.files import Directory, FileSpec
from sscard_ic.simulator.rules import NEVER, KeyRule, Rule

_DESCRIPTION = "medical"
"""Name of the account's description in the header of an image."""
_FID = 0xEF81
"""Names its state in the memory; no command addresses it."""


def furnish(card: CardState, directory: Directory) -> None:
    """Give the directory of the account its file, when the chip has an account."""
    description = card.memory.header.get(_DESCRIPTION)
    if description is None or bytes.fromhex(description["directory"]) != directory.name:
        return
    spec = FileSpec(
        fid=_FID,
        sfi=0,
        structure="internal",
        size=medical_state.LENGTH,
        record_length=0,
        read=NEVER,
        write=_by_day_key(description),
        role="amount",
    )
    tree.plant(card, directory, spec)


def _by_day_key(description: dict[str, Any]) -> Rule:
    """DSK opens the starting day of the year, as it writes the file of T514 (ref 12 §4)."""
    if description["day_key"] is None:
        return NEVER
    place = bytes.fromhex(description["directory"]), int(description["day_key"], 16)
    return KeyRule("or", keys=(place,))
