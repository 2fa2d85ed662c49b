"""A whole run of a batch: prepares what is not prepared, makes cards until none is left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from sscard_ic.base.errors import Text
from sscard_ic.card import BlankKeys
from sscard_ic.issuance.foreman import Foreman
from sscard_ic.issuance.outcome import Outcome
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import Environment, Macer, require_keys
from sscard_ic.ledger import Ledger
from sscard_ic.profile import CardProfile

_LONGEST_WAIT = 1.0
"""Seconds without looking at the keyboard: not every platform interrupts a wait."""


_STOPPING = Text(
    "正在停止，等待各读写器完成当前指令（再按 Ctrl-C 立即退出）",
    "stopping after the exchanges that are under way (Ctrl-C once more leaves at once)",
)


class IssuingKeys(BlankKeys, Macer, Protocol):
    """What issuing asks of the key service."""

    def require_environment(self, environment: Environment, where: str = "") -> None:
        """Refuse test keys for production cards, and the reverse."""
        ...


def run_batch(
    stations: Sequence[Station],
    ledger: Ledger,
    batch: str,
    profile: CardProfile,
    keys: IssuingKeys,
    *,
    outcome: Outcome | None = None,
    limit: int | None = None,
    wait: float | None = None,
    tell: Callable[[Text], None] = lambda text: None,
    on_prepared: Callable[[int], None] = lambda count: None,
) -> Outcome:
    """Make the cards of ``batch``, at most ``limit`` of them.

    Each station works in a thread of its own, so that Ctrl-C reaches the caller during an
    exchange. A row whose blank was bad gets a new serial number and another blank, as long as
    blanks come. The run ends when no row waits, when no slot gives another card, or when nobody
    has brought one for ``wait`` seconds. ``tell`` gets words for the person while the run goes on,
    ``outcome`` is filled meanwhile and returned in the end; what went wrong outside the cards at
    one station ends all of them after their present card and is raised then.
    """
    assert profile.region is not None, "a batch was checked against the profile of a region"
    keys.require_environment(profile.region.issuer.environment, profile.name)
    require_keys(keys, profile)
    outcome = outcome or Outcome()
    outcome.stations = [station.outcome for station in stations]
    foreman = Foreman(ledger, batch, limit=limit, wait=wait, tell=tell)

    def work(station: Station) -> None:
        end = station.run(batch, foreman).end
        if end is not None and len(stations) > 1:
            # The others go on: the person should not hear of it hours later.
            foreman.tell(end)

    while True:
        report = prepare_batch(ledger, batch, profile, keys, on_progress=on_prepared)
        outcome.unprepared = list(report.failures)
        bad = len(outcome.failures)
        foreman.begin_round()
        able = [station for station in stations if not station.outcome.over]
        _at_all(able, foreman, work)
        nothing_new = len(outcome.failures) == bad
        if nothing_new or foreman.over or all(done.over for done in outcome.stations):
            break
    _at_all(stations, foreman, lambda station: station.sort_finished(foreman))
    return outcome


def _at_all(stations: Sequence[Station], foreman: Foreman, work: Callable[[Station], None]) -> None:
    """Do ``work`` at every station, side by side.

    When the caller is interrupted, cards in work are left between two exchanges; a second
    interruption leaves the threads behind, which end with the program. Stations that are not
    ``idle`` then still use their slot and the ledger.
    """
    try:
        for station in stations:
            _start(station, foreman, work)
        _await(stations)
    except BaseException:
        foreman.halt()
        foreman.tell(_STOPPING)
        _await(stations)
        raise
    for station in stations:
        if station.outcome.error is not None:
            raise station.outcome.error


def _start(station: Station, foreman: Foreman, work: Callable[[Station], None]) -> None:
    thread = threading.Thread(
        target=_guarded, args=(station, foreman, work), name=station.name, daemon=True
    )
    station.idle.clear()
    try:
        thread.start()
    except RuntimeError:  # the system gives no more threads
        station.idle.set()
        raise


def _guarded(station: Station, foreman: Foreman, work: Callable[[Station], None]) -> None:
    """In a thread: what goes wrong is raised in the thread that waits for it."""
    try:
        work(station)
    except BaseException as error:
        station.outcome.error = error
        foreman.stop()
    finally:
        station.idle.set()


def _await(stations: Sequence[Station]) -> None:
    # No Thread.join: before Python 3.13 an interrupted one takes a working thread for ended.
    for station in stations:
        while not station.idle.wait(_LONGEST_WAIT):
            pass
