"""Monitor and slot where the service behaves otherwise than pcscd does in the other tests."""

from __future__ import annotations

import pytest
from tests.reader.pcsc.fake_scard import ATR, UNKNOWN_READER, FakeScard

from sscard_ic.reader.errors import AccessDenied
from sscard_ic.reader.pcsc import PcscSlot, ReaderEvent, ReaderMonitor
from sscard_ic.reader.pcsc.binding import NOTIFICATION

PATIENCE = 20.0
EMPTY, CARD = 0x00010, 0x10020
UNKNOWN_AND_IGNORED = 0x5


def test_readers_are_found_where_there_is_no_notification() -> None:
    scard = FakeScard()
    with ReaderMonitor(scard=scard) as monitor:
        monitor.readers()
        assert monitor.wait(0.001) == ()
        scard.names.append("second")
        scard.states["second"] = CARD
        assert monitor.wait(PATIENCE) == (
            ReaderEvent("reader added", "second"),
            ReaderEvent("card inserted", "second", bytes(ATR)),
        )


def test_a_notification_at_once_does_not_make_the_monitor_hasty() -> None:
    scard = FakeScard()
    scard.states[NOTIFICATION] = 0
    looks: list[object] = []
    plain = scard.SCardGetStatusChange

    def look(
        context: int, timeout: int, states: list[tuple[str, int]]
    ) -> tuple[int, list[tuple[str, int, list[int]]]]:
        looks.append(states)
        return plain(context, timeout, states)

    scard.SCardGetStatusChange = look  # type: ignore[method-assign]
    with ReaderMonitor(scard=scard) as monitor:
        monitor.readers()
        assert monitor.wait(0.1) == ()
    assert len(looks) < 30, "two in a hundredth of a second, and a few in the beginning"


def test_another_card_since_the_last_look() -> None:
    scard = FakeScard()
    with ReaderMonitor(scard=scard) as monitor:
        monitor.readers()
        scard.states["reader"] = CARD + 0x20000
        assert monitor.wait(PATIENCE) == (
            ReaderEvent("card removed", "reader"),
            ReaderEvent("card inserted", "reader", bytes(ATR)),
        )


def test_a_reader_that_leaves_between_two_questions() -> None:
    scard = FakeScard()
    lists = iter((["reader", "gone"], ["reader"]))
    scard.SCardListReaders = lambda *given: (0, next(lists))  # type: ignore[method-assign]
    with ReaderMonitor(scard=scard) as monitor:
        assert [state.name for state in monitor.readers()] == ["reader"]


def test_a_reader_that_is_listed_and_unknown_is_not_there() -> None:
    scard = FakeScard()
    scard.states["reader"] = UNKNOWN_AND_IGNORED
    with ReaderMonitor(scard=scard) as monitor:
        assert monitor.readers() == ()


@pytest.mark.parametrize("code", [0x8010001E, 0x80100003])
def test_a_context_that_died_with_the_service_is_made_anew(code: int) -> None:
    """Windows stops the service with its last reader."""
    scard = FakeScard()
    with ReaderMonitor(scard=scard) as monitor:
        monitor.readers()
        scard.SCardListReaders = lambda *given: (code, [])  # type: ignore[method-assign]
        assert monitor.wait(PATIENCE) == (ReaderEvent("service stopped"),)
        del scard.SCardListReaders
        assert monitor.wait(PATIENCE)[0] == ReaderEvent("service started")
    assert scard.calls.count("establish") == 2


def test_what_no_waiting_mends_is_told() -> None:
    scard = FakeScard()
    scard.SCardEstablishContext = lambda scope: (0x8010006A, 0)  # type: ignore[method-assign]
    with pytest.raises(AccessDenied):
        PcscSlot("reader", scard=scard).wait_card()
    with pytest.raises(AccessDenied), ReaderMonitor(scard=scard) as monitor:
        monitor.wait(PATIENCE)


def test_a_slot_asks_whether_it_is_still_to_wait() -> None:
    scard = FakeScard()
    scard.states["reader"] = EMPTY
    answers = iter((True, True, False))
    slot = PcscSlot("reader", scard=scard)
    assert not slot.wait_card(still=lambda: next(answers))
    scard.SCardGetStatusChange = lambda *given: (UNKNOWN_READER, [])  # type: ignore[method-assign]
    answers = iter((True, False))
    assert not slot.wait_card(still=lambda: next(answers))
    slot.close()


def test_a_service_that_refuses_on_its_way_down() -> None:
    scard = FakeScard()
    with ReaderMonitor(scard=scard) as monitor:
        monitor.readers()
        scard.SCardEstablishContext = lambda scope: (0x8010006A, 0)  # type: ignore[method-assign]
        scard.SCardListReaders = lambda *given: (0x8010006A, [])  # type: ignore[method-assign]
        assert monitor.wait(PATIENCE) == (ReaderEvent("service stopped"),)
        with pytest.raises(AccessDenied):
            monitor.wait(PATIENCE)
