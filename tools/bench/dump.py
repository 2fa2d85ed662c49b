"""Exchanges for a dump of a whole card, with PIN, keys and the balances of the medical account.

The floor is computed from the profile: one SELECT a directory, one VERIFY, two exchanges a key that
the PIN does not spare, the fewest READs of 256 bytes a file; nothing for a file that has to be
selected, for who the card is, or for the balances. The cards are as issued: their logs are empty.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.bench.support import floors
from tools.bench.support.report import Figure, publish
from tools.bench.support.workshop import CARD_TYPES, CardType, Workshop

from sscard_ic.card.habits import Habits

_LIMIT = 1.2
"""Times the floor, on a card with SFI and all records."""


def main() -> None:
    """Measure both versions."""
    figures: list[Figure] = []
    with Workshop() as workshop:
        for region in ("dalian", "urumqi"):
            for card_type in CARD_TYPES:
                figures += _measure(workshop, card_type, region)
    publish("dump", "Exchanges for a dump of a whole card", figures)


def _measure(workshop: Workshop, card_type: CardType, region: str) -> list[Figure]:
    features = card_type.features
    [card] = workshop.make(region, 1, features)
    habits = Habits()
    version = card.profile.structure.specification_version
    floor = floors.dumping_exchanges(
        card.profile, sfi=features.sfi, all_records=features.all_records
    )
    limited = features.sfi and features.all_records
    return [
        Figure(
            f"{version} {card_type.name}: {which} card",
            workshop.dump(card, habits).exchanges,
            "exchanges",
            "floor of this type",
            floor,
            limit=_LIMIT * floor if limited else None,
        )
        for which in ("first", "later")
    ]


if __name__ == "__main__":
    main()
