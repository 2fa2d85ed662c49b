"""Commands a second of the virtual card, in this process, on one core.

The floor is the least a Python program can do to answer a command: bytes, a look-up by CLA and INS,
a handler, bytes. Card and floor take turns, and the best turn of each counts: whatever else runs on
the machine can only slow a turn down.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.bench.support.report import Figure, publish
from tools.bench.support.workshop import Workshop

from sscard_ic.apdu import iso
from sscard_ic.card.application import SSSE_NAME
from sscard_ic.simulator import Chip

_TURNS = 9
_ROUNDS = 6_000
"""Times that the commands of a job are sent in one turn."""

_OK = b"\x90\x00"
_RECORDS = 7
_CHALLENGES = [bytes(iso.get_challenge())] * _RECORDS
_READS = [bytes(iso.read_record(number)) for number in range(1, _RECORDS + 1)]

Transmit = Callable[[bytes], bytes]


def main() -> None:
    """Measure two commands and the floor."""
    with Workshop() as workshop:
        chip = workshop.make("dalian", 1)[0].chip
    reads = _open_file(chip)
    rates = _best_rates(
        {
            "GET CHALLENGE": (chip.transmit, _CHALLENGES),
            "READ RECORD": (chip.transmit, reads),
            "floor": (_bare_dispatch(), _CHALLENGES),
        }
    )
    publish(
        "chip",
        "The virtual card in process",
        [_figure("GET CHALLENGE", 150_000, rates), _figure("READ RECORD", 100_000, rates)],
    )


def _figure(name: str, limit: int, rates: dict[str, float]) -> Figure:
    against = "bare dispatch"
    return Figure(name, rates[name], "commands/s", against, rates["floor"], limit, "at least")


def _open_file(chip: Chip) -> list[bytes]:
    """Power the card and select EF05 of the SSSE; READ RECORD for each of its free records."""
    chip.power_on()
    for select in (iso.select_name(SSSE_NAME), iso.select_fid(0xEF05, 0x02)):
        chip.transmit(bytes(select))
    # The card names the length: 6Cxx.
    reads = [raw[:4] + chip.transmit(raw)[-1:] for raw in _READS]
    for raw in (*_CHALLENGES, *reads):
        answer = chip.transmit(raw)
        if len(answer) != raw[-1] + 2 or answer[-2:] != _OK:
            raise RuntimeError(f"{raw.hex()} was answered {answer[-2:].hex()}")
    return reads


def _bare_dispatch() -> Transmit:
    data = bytes(8)
    handlers: dict[bytes, Transmit] = {_CHALLENGES[0][:2]: lambda raw: data + _OK}

    def transmit(raw: bytes) -> bytes:
        return handlers[raw[:2]](raw)

    return transmit


def _best_rates(jobs: dict[str, tuple[Transmit, list[bytes]]]) -> dict[str, float]:
    """Commands a second of each job's best turn."""
    best = dict.fromkeys(jobs, 0.0)
    for _ in range(_TURNS):
        for name, (transmit, commands) in jobs.items():
            turn = commands * _ROUNDS
            started = perf_counter()
            for raw in turn:
                transmit(raw)
            best[name] = max(best[name], len(turn) / (perf_counter() - started))
    return best


if __name__ == "__main__":
    main()
