"""Exchanges for reading basic information, by card type.

An exchange is one ``transmit`` on the wire. Basic information is SSSE, EF05 and EF06: of a card of
version 2.00 free, of one of version 3.00 behind a key. Four types of cards: with or without short
file identifiers (SFI), with or without "all records" in one answer. The first card of a type is the
one the program learns from; the later one profits.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.bench.support import floors
from tools.bench.support.report import Figure, publish
from tools.bench.support.workshop import CARD_TYPES, CardType, Workshop

from sscard_ic.card.habits import Habits

_LEARNING = 2
"""Exchanges that the first card of a type may cost more."""


def main() -> None:
    """Measure both versions."""
    figures: list[Figure] = []
    with Workshop() as workshop:
        for card_type in CARD_TYPES:
            figures += _measure(workshop, card_type, "dalian", with_keys=False)
        for card_type in CARD_TYPES:
            figures += _measure(workshop, card_type, "urumqi", with_keys=True)
    publish("exchanges", "Exchanges for reading basic information", figures)


def _measure(
    workshop: Workshop, card_type: CardType, region: str, *, with_keys: bool
) -> list[Figure]:
    features = card_type.features
    [card] = workshop.make(region, 1, features)
    habits = Habits()
    version = card.profile.structure.specification_version
    floor = floors.reading_exchanges(
        sfi=features.sfi, all_records=features.all_records, authenticated=with_keys
    )
    return [
        Figure(
            f"{version} {'with keys, ' if with_keys else ''}{card_type.name}: {which} card",
            workshop.read_basic(card, habits, with_keys=with_keys).exchanges,
            "exchanges",
            "least for this type",
            floor,
            limit=None if with_keys else card_type.limit + extra,
        )
        for which, extra in (("first", _LEARNING), ("later", 0))
    ]


if __name__ == "__main__":
    main()
