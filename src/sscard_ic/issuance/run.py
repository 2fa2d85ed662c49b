"""A whole run of a batch: prepares what is not prepared, makes cards until none is left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from sscard_ic.base.authority import NOBODY
from sscard_ic.base.errors import Text
from sscard_ic.card import CardIdentity
from sscard_ic.hosts.certificate_authority import CertificateAuthority
from sscard_ic.issuance.bank.desk import BankSource
from sscard_ic.issuance.certificate_steps import require_authority
from sscard_ic.issuance.deeds import Actors, event, recorded
from sscard_ic.issuance.foreman import IN_WORK, Foreman
from sscard_ic.issuance.issuing_keys import IssuingKeys
from sscard_ic.issuance.outcome import Outcome
from sscard_ic.issuance.prepare import PrepareReport, prepare_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import CardExpecter, require_environment, require_keys
from sscard_ic.ledger import CardState, Ledger
from sscard_ic.profile import CardProfile

_LONGEST_WAIT = 1.0
"""Seconds without looking at the keyboard: not every platform interrupts a wait."""


_STOPPING = Text(
    "正在停止，等待各读写器完成当前指令（再按 Ctrl-C 立即退出）",
    "stopping after the exchanges that are under way (Ctrl-C once more leaves at once)",
)


def run_batch(
    stations: Sequence[Station],
    ledger: Ledger,
    batch: str,
    profile: CardProfile,
    keys: IssuingKeys,
    *,
    authority: CertificateAuthority | None = None,
    bank: BankSource | None = None,
    outcome: Outcome | None = None,
    limit: int | None = None,
    wait: float | None = None,
    tell: Callable[[Text], None] = lambda text: None,
    on_prepared: Callable[[int], None] = lambda count: None,
    actors: Actors = (NOBODY,),
) -> Outcome:
    """Make the cards of ``batch``, at most ``limit`` of them.

    Each station works in a thread of its own, so that Ctrl-C reaches the caller during an
    exchange. A row whose blank was bad gets a new serial number and another blank, as long as
    blanks come. The run ends when no row waits, when no slot gives another card, or when nobody
    has brought one for ``wait`` seconds. ``tell`` gets words for the person while the run goes on,
    ``outcome`` is filled meanwhile and returned in the end; what went wrong outside the cards at
    one station ends all of them after their present card and is raised then. The audit log says
    who ran it, what came of it, and that an earlier run was taken up again; of cards with
    certificates also which ``authority``, that of the stations, was asked. ``bank`` gives
    the data of the bank's applications, see :func:`prepare_batch`.
    """
    assert profile.region is not None, "a batch was checked against the profile of a region"
    require_environment(keys, profile.region.issuer.environment, profile.name)
    require_keys(keys, profile)
    asked = None
    if profile.structure.certificates is not None:
        asked = require_authority(profile, authority)
    outcome = outcome or Outcome()
    outcome.stations = [station.outcome for station in stations]
    foreman = Foreman(ledger, batch, limit=limit, wait=wait, tell=tell)

    def prepare() -> PrepareReport:
        report = prepare_batch(
            ledger, batch, profile, keys, bank=bank, on_progress=on_prepared, actors=actors
        )
        if isinstance(keys, CardExpecter):
            keys.expect_cards(code, _coming(ledger, batch, code))
        return report

    code = profile.region.issuer.division_code
    if begun := len(ledger.cards_of(batch, IN_WORK)):
        ledger.audit.record(event("batch.resume", batch, actors, {"in_work": begun}))
    with recorded(ledger, "batch.run", batch, actors) as detail:
        try:
            _work(stations, foreman, batch, outcome, prepare)
        finally:
            detail.update(_counts(outcome))
            if asked is not None:
                detail.update(refused=len(outcome.refusals), authority=asked.name)
    return outcome


def _work(
    stations: Sequence[Station],
    foreman: Foreman,
    batch: str,
    outcome: Outcome,
    prepare: Callable[[], PrepareReport],
) -> None:
    """Rounds of preparing and making cards, until a round brings nothing new."""

    def work(station: Station) -> None:
        end = station.run(batch, foreman).end
        if end is not None and len(stations) > 1:
            # The others go on: the person should not hear of it hours later.
            foreman.tell(end)

    while True:
        outcome.unprepared = list(prepare().failures)
        bad = len(outcome.failures)
        foreman.begin_round()
        able = [station for station in stations if not station.outcome.over]
        _at_all(able, foreman, work)
        nothing_new = len(outcome.failures) == bad
        if nothing_new or foreman.over or all(done.over for done in outcome.stations):
            break
    _at_all(stations, foreman, lambda station: station.sort_finished(foreman))


def _coming(ledger: Ledger, batch: str, code: str) -> list[bytes]:
    """Factors of the cards that are made next: those in work, then the prepared ones."""
    cards = ledger.cards_of(batch, IN_WORK) + ledger.cards_of(batch, (CardState.PREPARED,))
    return [CardIdentity(code, card.historical).factor for card in cards if card.historical]


def _counts(outcome: Outcome) -> dict[str, object]:
    return {
        "stations": len(outcome.stations),
        "good": outcome.good,
        "bad": len(outcome.failures),
        "rejected": len(outcome.rejected),
        "interrupted": len(outcome.interruptions),
        "unprepared": len(outcome.unprepared),
    }


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
