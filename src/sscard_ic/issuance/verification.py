"""Reads a finished card back and compares it with its plan, item by item, key by key."""

from __future__ import annotations

from collections.abc import Sequence

from sscard_ic.apdu.atr import historical_bytes
from sscard_ic.base.errors import CardError, Text
from sscard_ic.card import SocialSecurityCard
from sscard_ic.issuance.prepare import CardResult, PreparedCard
from sscard_ic.profile import CardProfile, Located
from sscard_ic.profile.values import unset
from sscard_ic.reader import Connection


class Mismatch(CardError):
    """The card holds something else than its plan says."""


def verify(
    card: SocialSecurityCard, session: Connection, profile: CardProfile, plan: PreparedCard
) -> tuple[CardResult, Sequence[str]]:
    """What was read back, and the names of keys for which no harmless proof exists.

    ``session`` has just been powered up. Raises :class:`CardError` at the first difference; its
    text names the item, never the value.
    """
    if historical_bytes(session.atr) != plan.historical:
        raise Mismatch(
            Text("复位应答与计划不符", "the answer to reset is not the planned one"),
            where=session.atr.hex().upper(),
        )
    structure = profile.structure
    unproven: list[str] = []
    values: dict[str, bytes] = {}
    card.verify_pin(plan.pin)
    for directory in structure.directories:
        unproven += card.prove_all(directory)
        items = [place for place in structure.locate_all() if place.directory_name == directory]
        values |= _compare(card, items, plan)
    return CardResult.of(session.atr, values), unproven


def _compare(
    card: SocialSecurityCard, items: Sequence[Located], plan: PreparedCard
) -> dict[str, bytes]:
    reading = card.read(items)
    for located in items:
        expected = plan.items.get(located.path) or unset(located.item)
        if reading.values.get(located.path) != expected:
            raise Mismatch(
                Text(
                    f"读回的 {located.path}（{located.item.zh}）与计划不符",
                    f"{located.path} {located.item.en} read back differs from the plan",
                )
            )
    return reading.values
