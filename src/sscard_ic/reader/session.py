"""The one place where the wrappers are put around a driver's connection."""

from __future__ import annotations

from typing import TextIO

from sscard_ic.reader.connection import Connection
from sscard_ic.reader.meter import LinkMeter, Tally
from sscard_ic.reader.trace import Recording, traced
from sscard_ic.reader.wrappers import CaseFour, CorrectLength, FetchWaiting, RequireStatus


def open_session(
    driver: Connection,
    *,
    tally: Tally | None = None,
    trace: TextIO | Recording | None = None,
    reader: str = "",
) -> Connection:
    """``driver`` with the rules of T=0 and T=1, counted in ``tally``, written to ``trace``.

    From the wire outwards: trace, meter, status word, case 4, 6Cxx, 61xx. ``reader`` is the name
    that the trace tells.
    """
    connection = traced(driver, trace, reader)
    if tally is not None:
        connection = LinkMeter(connection, tally)
    return FetchWaiting(CorrectLength(CaseFour(RequireStatus(connection))))
