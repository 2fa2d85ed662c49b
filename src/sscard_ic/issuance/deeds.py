"""What is done to batches, written down in the audit log: counts and names, nothing of holders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sscard_ic.base.authority import AuditEvent, Outcome
from sscard_ic.ledger import Ledger

Actors = tuple[str, ...]
"""Who did it, then who consented."""


def event(
    action: str,
    batch: str,
    actors: Actors,
    detail: Mapping[str, object],
    outcome: Outcome = "done",
) -> AuditEvent:
    """One deed on a batch."""
    words = {name: str(value) for name, value in detail.items()}
    return AuditEvent(action, batch, actors, outcome, words)


@contextmanager
def recorded(
    ledger: Ledger, action: str, batch: str, actors: Actors
) -> Iterator[dict[str, object]]:
    """Record what is done within; the details are filled in meanwhile, and none means no deed.

    What is broken off is recorded as failed, with what had been done by then.
    """
    detail: dict[str, object] = {}
    try:
        yield detail
    except BaseException as error:
        detail["error"] = type(error).__name__
        ledger.audit.record(event(action, batch, actors, detail, "failed"))
        raise
    if detail:
        ledger.audit.record(event(action, batch, actors, detail))
