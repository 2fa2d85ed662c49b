"""A whole run of a batch: prepares what is not prepared, makes cards until none is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sscard_ic.card.blank import BlankKeys
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.issuance.station import Outcome, Station
from sscard_ic.keys import Environment, Macer
from sscard_ic.ledger import Ledger
from sscard_ic.profile import CardProfile


class IssuingKeys(BlankKeys, Macer, Protocol):
    """What issuing asks of the key service."""

    def require_environment(self, environment: Environment, where: str = "") -> None:
        """Refuse test keys for production cards, and the reverse."""
        ...


def run_batch(
    station: Station,
    ledger: Ledger,
    batch: str,
    profile: CardProfile,
    keys: IssuingKeys,
    *,
    outcome: Outcome | None = None,
    limit: int | None = None,
    on_prepared: Callable[[int], None] = lambda count: None,
) -> Outcome:
    """Make the cards of ``batch``, at most ``limit`` of them.

    A row whose blank was bad gets a new serial number and another blank, as long as blanks come.
    ``outcome`` is filled as the run goes on, and returned in the end.
    """
    assert profile.region is not None, "a batch was checked against the profile of a region"
    keys.require_environment(profile.region.issuer.environment, profile.name)
    outcome = outcome or Outcome()
    while True:
        report = prepare_batch(ledger, batch, profile, keys, on_progress=on_prepared)
        outcome.unprepared = list(report.failures)
        bad = len(outcome.failures)
        station.run(batch, outcome=outcome, limit=limit)
        if len(outcome.failures) == bad or outcome.stopped or outcome.good == limit:
            break
    station.sort_finished(outcome)
    return outcome
