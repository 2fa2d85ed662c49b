"""Readers and cards come and go, and the service with them: what the monitor tells."""

from __future__ import annotations

import threading

import pytest
from tests.pcsc.events import PATIENCE, expect
from tests.pcsc.plain_card import PlainCard
from tests.pcsc.plain_client import PlainClient

from sscard_ic.reader.pcsc import ReaderEvent, ReaderMonitor, open_pcsc
from sscard_ic.simulator.vpcd import VpcdSlot
from sscard_ic.testing.service import PcscService, ReaderSlot


def test_readers_are_told_in_the_order_of_the_service(service: PcscService) -> None:
    with ReaderMonitor() as monitor:
        states = monitor.readers()
    assert [state.name for state in states] == [slot.name for slot in service.slots]
    assert [state.index for state in states] == list(range(len(states)))


def test_a_card_comes_is_used_and_goes(client: PlainClient, free_slot: ReaderSlot) -> None:
    name, card = free_slot.name, PlainCard()
    client.await_card(name, there=False)
    with ReaderMonitor() as monitor, VpcdSlot(free_slot.port) as place:

        def state() -> tuple[object, ...]:
            found = {state.name: state for state in monitor.readers()}[name]
            return found.card, found.in_use, found.exclusive, found.atr

        assert state() == ("absent", False, False, b"")
        place.insert(card)
        expect(monitor, ReaderEvent("card inserted", name, card.atr))
        assert state() == ("present", False, False, card.atr)
        connection = open_pcsc(name)
        assert state() == ("present", True, True, card.atr)
        connection.close()
        connection = open_pcsc(name, access="shared")
        assert state() == ("present", True, False, card.atr)
        connection.close()
        assert not [event for event in monitor.wait(0) if event.reader == name]
        place.remove()
        expect(monitor, ReaderEvent("card removed", name))


def test_a_reader_is_unplugged_and_plugged_in_again(
    client: PlainClient, service: PcscService, removable_slots: tuple[ReaderSlot, ReaderSlot]
) -> None:
    first, second = (slot.name for slot in removable_slots)
    client.await_readers(first, second)
    with ReaderMonitor() as monitor, VpcdSlot(removable_slots[0].port) as place:
        place.insert(card := PlainCard())
        client.await_card(first)
        monitor.readers()
        service.unplug(first)
        expect(
            monitor,
            ReaderEvent("card removed", first),
            ReaderEvent("reader removed", first),
            ReaderEvent("reader removed", second),
        )
        service.plug(first)
        expect(
            monitor,
            ReaderEvent("reader added", first),
            ReaderEvent("reader added", second),
            ReaderEvent("card inserted", first, card.atr),
        )


def test_the_service_stops_and_starts(service: PcscService) -> None:
    added = tuple(ReaderEvent("reader added", slot.name) for slot in service.slots)
    with ReaderMonitor() as monitor:
        monitor.readers()
        service.kill()
        expect(monitor, ReaderEvent("service stopped"))
        assert monitor.wait(0) == ()
        service.start()
        expect(monitor, ReaderEvent("service started"), *added)


@pytest.mark.parametrize("stopped", [False, True])
def test_watching_ends_when_it_is_told(service: PcscService, stopped: bool) -> None:
    end = threading.Event()
    with ReaderMonitor() as monitor:
        if stopped:
            service.stop()
        thread = threading.Thread(target=lambda: list(monitor.events(end.is_set)))
        thread.start()
        end.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()
