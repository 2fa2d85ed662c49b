"""Milliseconds on the wire, computed from what was sent, beside those of the least payload.

Only the wire: no reader, no card work, no power-up (ref 08 §1.5, §2). Three links: T=0 at 9 600 and
115 200 bit/s, contactless type A at 424 kbit/s with frames of 256 bytes. The floors, which no
session can go below (``support/floors.py``):

- reading basic information: SELECT by name without its FCI, EF05 in one exchange, EF06 in one;
  behind a key one challenge and one cryptogram more;
- personalizing: the bare keys, the PIN, the records with tag and length, the photo, all joined and
  cut at 255 bytes; no directory, no file, no selection, no proof;
- verifying: the PIN, all items of the card joined and cut at 256 bytes, one proof for every version
  of every key that can be proved.

Personalizing (initialise, personalize, finish) and verifying are those of the second card of a
station: the program has learned the type. A power-up costs 35 to 46 ms more (ref 08 §1.4). Cards
of version 3.00 are made without their certificates here, which ``certificates.py`` measures.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.profiles import without_certificates
from tools.bench.support import floors
from tools.bench.support.report import Figure, publish
from tools.bench.support.workshop import CARD_TYPES, CardType, Workshop

from sscard_ic.card.habits import Habits
from sscard_ic.profile import load
from sscard_ic.reader import Tally
from sscard_ic.reader.meter import Link

_LINKS: dict[Link, str] = {
    "t0-9600": "T=0 9600",
    "t0-115200": "T=0 115200",
    "contactless-424k": "contactless 424k",
}
_FEWEST_POWER_UPS = 2
"""One to make the card, one to see that it keeps what it was given."""


def main() -> None:
    """Measure reading and making."""
    with Workshop() as workshop:
        figures = _reading(workshop)
        for region in ("dalian", "urumqi"):
            figures += _making(workshop, region)
    publish("wire", "On the wire", figures)


def _reading(workshop: Workshop) -> list[Figure]:
    figures: list[Figure] = []
    for card_type in CARD_TYPES:
        figures += _read(workshop, "dalian", card_type, with_keys=False)
    return figures + _read(workshop, "urumqi", CARD_TYPES[0], with_keys=True)


def _read(workshop: Workshop, region: str, card_type: CardType, *, with_keys: bool) -> list[Figure]:
    """The later card of a type."""
    [card] = workshop.make(region, 1, card_type.features)
    habits = Habits()
    for _ in ("first", "later"):
        tally = workshop.read_basic(card, habits, with_keys=with_keys)
    version = card.profile.structure.specification_version
    name = f"read {version}, {'keys, ' if with_keys else ''}{card_type.name}"
    return _on_links(name, tally, floors.reading(card.profile, authenticated=with_keys))


def _making(workshop: Workshop, region: str) -> list[Figure]:
    """The second card of a station."""
    card = workshop.make(without_certificates(load(region)), 2)[-1]
    version = card.profile.structure.specification_version
    making, verifying = floors.making(card.profile, card.plan), floors.verifying(card.profile)
    power_ups = len(card.power_ups)
    return [
        *_on_links(f"personalize {version}", card.making, making),
        *_on_links(f"verify {version}", card.verifying, verifying),
        Figure(
            f"personalize and verify {version}",
            power_ups,
            "power-ups",
            "one each",
            _FEWEST_POWER_UPS,
        ),
    ]


def _on_links(name: str, measured: Tally, floor: Tally) -> list[Figure]:
    against = "least payload"
    exchanges = Figure(name, measured.exchanges, "exchanges", against, floor.exchanges)
    sent = Figure(name, measured.t0_bytes, "bytes, T=0", against, floor.t0_bytes)
    times = [
        Figure(
            f"{name}: {title}", measured.milliseconds(link), "ms", against, floor.milliseconds(link)
        )
        for link, title in _LINKS.items()
    ]
    return [exchanges, sent, *times]


if __name__ == "__main__":
    main()
