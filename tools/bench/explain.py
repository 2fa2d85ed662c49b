"""Exchanges a second put into words, on one core.

The exchanges are those of one card of each sample region from blank to verified, as they went over
the wire: structure, keys, records, photo, proofs, everything read back. *In clear*: all bytes are
known and every value is decoded. *Redacted*: as a trace file shows them, the file being parsed
already. The peers take the same bytes apart and explain nothing: `Command.parse` and
`Response.parse`, and the parser of trace files. Job and peer take turns, and the best turn of each
counts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.plant import ChipSlot, authority_of, import_rows, make_vault, open_ledger
from tools.bench.support.report import Figure, publish

from sscard_ic.apdu import Command, Response
from sscard_ic.apdu.trace import Damage, Event, scan
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.explain import Explainer
from sscard_ic.explain.traces import explain_events
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.profile import load
from sscard_ic.reader import Connection
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import blank

_TURNS = 7
_LIMIT = 5_000
_REGIONS = ("dalian", "urumqi")

Exchange = tuple[bytes, bytes]


class _Listener(Wrapper):
    """Keeps every command and answer."""

    def __init__(self, inner: Connection, heard: list[Exchange]) -> None:
        super().__init__(inner)
        self._heard = heard

    def transmit(self, command: Secretive) -> bytes:
        """One exchange, kept."""
        answer = self.inner.transmit(command)
        raw = command.reveal() if isinstance(command, Secret) else command
        self._heard.append((raw, answer))
        return answer


class _ListeningSlot(ChipSlot):
    """A chip behind a listener."""

    heard: list[Exchange]

    def connect(self) -> Connection:
        """Power the chip."""
        return _Listener(super().connect(), self.heard)


def main() -> None:
    """Measure both forms and their peers."""
    with TemporaryDirectory(prefix="sscard-bench-") as folder:
        vault = make_vault(Path(folder))
        made = [_make(region, Path(folder), vault) for region in _REGIONS]
    heard = [exchange for exchanges, _ in made for exchange in exchanges]
    trace = "".join(text for _, text in made).encode()
    redacted = trace.count(b"\n> ")
    events = [event for event in scan(trace) if not isinstance(event, Damage)]
    rates = _best_rates(
        {
            "in clear": (lambda: _explain(heard), len(heard)),
            "commands parsed": (lambda: _parse(heard), len(heard)),
            "redacted": (lambda: _explain_events(events), redacted),
            "trace parsed": (lambda: _scan(trace), redacted),
        }
    )
    publish(
        "explain",
        "Exchanges in words",
        [
            _figure("in clear", "commands parsed", rates),
            _figure("redacted", "trace parsed", rates),
        ],
    )


def _figure(name: str, peer: str, rates: dict[str, float]) -> Figure:
    return Figure(name, rates[name], "exchanges/s", peer, rates[peer], _LIMIT, "at least")


def _make(region: str, parent: Path, vault: SoftwareVault) -> tuple[list[Exchange], str]:
    """One card made by a station: its exchanges, and their trace."""
    profile = load(region)
    slot = _ListeningSlot(blank(profile, bytes(5) + b"\x01"))
    slot.heard = []
    trace = StringIO()
    with (
        TemporaryDirectory(dir=parent) as folder,
        open_ledger(Path(folder) / "ledger.db", vault) as ledger,
    ):
        batch = import_rows(ledger, profile, Path(folder), 1)
        prepare_batch(ledger, batch, profile, vault)
        authority = authority_of(profile)
        station = Station(slot, ledger, profile, vault, authority=authority, trace=trace)
        outcome = station.run(batch)
    if outcome.good != 1:
        raise RuntimeError(f"the card of {region} is not good")
    return slot.heard, trace.getvalue()


def _explain(heard: list[Exchange]) -> None:
    explainer = Explainer()
    for command, answer in heard:
        explainer.exchange(command, answer)


def _parse(heard: list[Exchange]) -> None:
    for command, answer in heard:
        Command.parse(command)
        Response.parse(answer)


def _explain_events(events: list[Event]) -> None:
    for _ in explain_events(events, Explainer()):
        pass


def _scan(trace: bytes) -> None:
    for _ in scan(trace):
        pass


def _best_rates(jobs: dict[str, tuple[Callable[[], None], int]]) -> dict[str, float]:
    """Exchanges a second of each job's best turn."""
    best = dict.fromkeys(jobs, 0.0)
    for _ in range(_TURNS):
        for name, (job, exchanges) in jobs.items():
            started = perf_counter()
            job()
            best[name] = max(best[name], exchanges / (perf_counter() - started))
    return best


if __name__ == "__main__":
    main()
