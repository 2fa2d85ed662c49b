"""The time of day."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from sscard_ic.base import Clock, FixedClock, SystemClock


@pytest.fixture(params=["UTC0", "EAST-14", "WEST12"])
def elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine stands somewhere else, where the platform lets a program say so."""
    monkeypatch.setenv("TZ", request.param)
    if sys.platform != "win32":
        time.tzset()
    yield
    monkeypatch.undo()
    if sys.platform != "win32":
        time.tzset()


@pytest.mark.usefixtures("elsewhere")
def test_the_moment_is_utc_and_the_day_is_local() -> None:
    clock: Clock = SystemClock()
    before, first = datetime.now(UTC), time.strftime("%Y-%m-%d")
    now, today = clock.now(), clock.today()
    after, last = datetime.now(UTC), time.strftime("%Y-%m-%d")
    assert before <= now <= after
    assert now.utcoffset() == timedelta(0)
    assert first <= today.isoformat() <= last


def test_a_fixed_clock_stands_still() -> None:
    moment = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    clock: Clock = FixedClock(moment)
    assert clock.now() == clock.now() == moment
    assert clock.today() == date(2026, 11, 21)
