"""Waiting for what a monitor tells."""

from __future__ import annotations

from sscard_ic.reader.pcsc import ReaderEvent, ReaderMonitor

PATIENCE = 20.0


def expect(monitor: ReaderMonitor, *events: ReaderEvent) -> None:
    """Exactly these of their readers, in this order, in as many portions as they come.

    Other readers may still lose the card of the test before.
    """
    readers = {event.reader for event in events}
    told: tuple[ReaderEvent, ...] = ()
    while len(told) < len(events):
        portion = monitor.wait(PATIENCE)
        assert portion, f"only {told}"
        told += tuple(event for event in portion if event.reader in readers)
    assert told == events
