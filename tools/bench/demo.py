"""The whole demo: 400 rows to verified cards, their return files, and one activation.

It runs as a user runs it, in a process of its own. Its seconds stand beside those of the same
number of exchanges with nothing but a virtual card: GET CHALLENGE, one after the other. Its memory,
all processes together, stands beside that of an interpreter that does nothing. Its exchanges a card
stand beside the least that personalizing and verifying can do with (see ``support/floors.py``).
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.bench.support import floors
from tools.bench.support.process import Finished, run
from tools.bench.support.report import Figure, publish
from tools.bench.support.workshop import MadeCard, Workshop

from sscard_ic.apdu import iso

_RUNS = 2
_SECONDS, _MIB = 30, 250
_REGIONS = ("dalian", "urumqi")


@dataclass(frozen=True, slots=True)
class _Batch:
    """One batch of the demo's summary."""

    good: int
    exchanges: float

    @classmethod
    def of(cls, value: dict[str, Any]) -> _Batch:
        return cls(value["verified"], value["exchanges_per_card"])


def main() -> None:
    """Measure the demo."""
    empty = run([sys.executable, "-c", "import time; time.sleep(0.5)"])
    runs = [_demo() for _ in range(_RUNS)]
    batches = [_Batch.of(value) for value in json.loads(runs[0].output)["batches"]]
    with Workshop() as workshop:
        cards = [workshop.make(region, 1)[0] for region in _REGIONS]
    figures = _time_and_memory(runs, empty, batches, cards[0])
    figures += [_per_card(batch, card) for batch, card in zip(batches, cards, strict=True)]
    publish("demo", "The whole demo", figures)


def _demo() -> Finished:
    program = Path(sys.executable).with_name("sscard")
    with TemporaryDirectory(prefix="sscard-bench-") as folder:
        return run([str(program), "demo", "--all", "--json", "--out", str(Path(folder) / "demo")])


def _time_and_memory(
    runs: list[Finished], empty: Finished, batches: list[_Batch], card: MadeCard
) -> list[Figure]:
    good = sum(batch.good for batch in batches)
    exchanges = round(sum(batch.good * batch.exchanges for batch in batches))
    seconds = min(finished.seconds for finished in runs)
    floor = _bare_seconds(card, exchanges)
    cpu = min(finished.cpu_seconds for finished in runs)
    peak, least = max(finished.peak_bytes for finished in runs) / 2**20, empty.peak_bytes / 2**20
    bare = f"{exchanges:,} bare exchanges"
    return [
        Figure(f"{good} cards", seconds, "s", bare, floor, _SECONDS),
        Figure(f"{good} cards, CPU time", cpu, "s", bare, floor),
        Figure("rate", good / seconds, "cards/s", bare, good / floor),
        Figure("peak memory, all processes", peak, "MiB", "empty interpreter", least, _MIB),
    ]


def _bare_seconds(card: MadeCard, exchanges: int) -> float:
    """Seconds for so many exchanges with the chip alone."""
    card.chip.power_on()
    command = bytes(iso.get_challenge())
    best = float("inf")
    for _ in range(3):
        started = perf_counter()
        for _ in range(exchanges):
            card.chip.transmit(command)
        best = min(best, perf_counter() - started)
    return best


def _per_card(batch: _Batch, card: MadeCard) -> Figure:
    floor = floors.making(card.profile, card.plan).exchanges
    floor += floors.verifying(card.profile).exchanges
    version = card.profile.structure.specification_version
    return Figure(
        f"a card of version {version}", batch.exchanges, "exchanges", "least payload", floor
    )


if __name__ == "__main__":
    main()
