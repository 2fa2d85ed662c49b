"""What a prepared card will hold, in the form of a dump, so that the two can be compared."""

from __future__ import annotations

from sscard_ic.base.errors import InputError, Text
from sscard_ic.issuance.prepare import PreparedCard
from sscard_ic.ledger import Ledger
from sscard_ic.profile import load
from sscard_ic.profile.contents import Contents
from sscard_ic.profile.values import unset


def planned_contents(ledger: Ledger, batch: str, row: int) -> Contents:
    """The contents that the plan of a row will give its card; its logs count as closed.

    Its ATR bears the historical bytes of the plan and no interface bytes. Raises
    :class:`InputError` for an unknown batch, and a row that has no plan.
    """
    profile = load(ledger.batch(batch).profile)
    card = next((card for card in ledger.cards_of(batch) if card.row == row), None)
    raw = ledger.plan(card.id) if card is not None else None
    if raw is None:
        raise InputError(
            Text("此行没有制卡计划", "this row has no plan"),
            where=f"{batch}:{row}",
            hint=Text("先运行 sscard batch prepare", "run sscard batch prepare first"),
        )
    plan = PreparedCard.from_json(raw)
    values = {
        place.path: plan.items.get(place.path) or unset(place.item)
        for place in profile.places
        if place.file.structure != "cyclic"
    }
    atr = bytes((0x3B, len(plan.historical))) + plan.historical
    logs = {place.path: str(place.update) for place in profile.places if place.path not in values}
    return Contents(profile.name, atr, values, logs)
