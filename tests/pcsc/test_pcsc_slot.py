"""A reader as a slot: cards one after the other, through everything that can go away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest
from tests.pcsc.plain_card import PlainCard, torn
from tests.pcsc.plain_client import PlainClient

from sscard_ic.base.errors import Text
from sscard_ic.reader.errors import CardRemoved, MuteCard, NoService
from sscard_ic.reader.pcsc import PcscSlot
from sscard_ic.simulator.vpcd import VpcdSlot
from sscard_ic.testing.service import PcscService, ReaderSlot

CHALLENGE = bytes.fromhex("0084000008")
PATIENCE = 20.0


class Bench:
    """A slot, the reader's other side, and a person who waits at it."""

    def __init__(self, reader: ReaderSlot, client: PlainClient) -> None:
        client.await_card(reader.name, there=False)
        self.reader = reader
        self.client = client
        self.told: list[Text] = []
        self.heard = Event()
        self.asked = Event()
        self.gone = Event()
        self.place = VpcdSlot(reader.port)
        self.slot = PcscSlot(reader.name, tell=self.hear)
        self._threads = ThreadPoolExecutor(1)

    def hear(self, text: Text) -> None:
        self.told.append(text)
        self.heard.set()

    def still(self) -> bool:
        self.asked.set()
        return not self.gone.is_set()

    def waiting(self) -> Future[bool]:
        """``wait_card`` in a thread of its own; returns while it waits."""
        self.asked.clear()
        found = self._threads.submit(self.slot.wait_card, still=self.still)
        assert self.asked.wait(PATIENCE)
        return found

    def handle(self, good: bool | None) -> bytes:
        """Everything that a station does with a card; its ATR."""
        connection = self.slot.connect()
        connection.transmit(CHALLENGE)
        self.slot.release(good)
        return connection.atr

    def swap(self, card: PlainCard) -> None:
        """Another card in the reader, seen by the service."""
        if self.place.card is not None:
            self.place.remove()
            self.client.await_card(self.reader.name, there=False)
        self.place.insert(card)
        self.client.await_card(self.reader.name)

    def close(self) -> None:
        self.gone.set()
        self._threads.shutdown()
        self.slot.close()
        self.place.close()


MakeBench = Callable[[ReaderSlot], Bench]


@pytest.fixture
def make_bench(client: PlainClient) -> Iterator[MakeBench]:
    """Set up a bench at a reader."""
    made: list[Bench] = []

    def make(reader: ReaderSlot) -> Bench:
        made.append(Bench(reader, client))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


@pytest.fixture
def bench(make_bench: MakeBench, free_slot: ReaderSlot) -> Bench:
    """A bench at an empty reader."""
    return make_bench(free_slot)


def test_each_card_is_offered_once(bench: Bench) -> None:
    first, second = PlainCard(1), PlainCard(2)
    assert not bench.slot.wait_card(blank_wanted=False)
    found = bench.waiting()
    bench.place.insert(first)
    assert found.result(PATIENCE)
    assert bench.slot.wait_card(), "nobody has taken it yet"
    assert bench.handle(good=True) == first.atr
    assert "good" in bench.told[-1].en
    assert not bench.slot.wait_card(blank_wanted=False)

    found = bench.waiting()
    bench.swap(second)
    assert found.result(PATIENCE)
    assert bench.handle(good=False) == second.atr
    assert "bad" in bench.told[-1].en
    assert bench.place.card is second
    assert bench.place.wait(lambda: not bench.place.powered, PATIENCE)


def test_a_card_that_is_left_is_offered_again_after_it_was_out(bench: Bench) -> None:
    card = PlainCard()
    bench.swap(card)
    assert bench.slot.wait_card(blank_wanted=False)
    bench.handle(good=None)
    assert bench.told == []
    assert not bench.slot.wait_card(blank_wanted=False)
    bench.swap(card)
    assert bench.slot.wait_card(blank_wanted=False)


def test_what_is_handled_is_the_card_that_was_connected(bench: Bench) -> None:
    """It may have been changed after the slot had offered another one."""
    bench.swap(PlainCard(1))
    assert bench.slot.wait_card()
    second = PlainCard(2)
    bench.swap(second)
    assert bench.handle(good=True) == second.atr
    assert not bench.slot.wait_card(blank_wanted=False)


def test_a_torn_card_is_offered_again_when_it_is_put_in_again(bench: Bench) -> None:
    card = PlainCard()
    bench.swap(card)
    assert bench.slot.wait_card()
    connection = bench.slot.connect()
    card.answer = torn
    with pytest.raises(CardRemoved):
        connection.transmit(CHALLENGE)
    bench.slot.release(None)
    card.behave()
    assert bench.waiting().result(PATIENCE), "it has come back by itself"
    assert bench.handle(good=True) == card.atr


def test_a_mute_card_is_offered_once_too(bench: Bench) -> None:
    card = PlainCard()
    bench.swap(card)
    card.lost_at_reset = "mute"
    assert bench.slot.wait_card()
    with pytest.raises(MuteCard):
        bench.slot.connect()
    bench.slot.release(None)
    assert not bench.slot.wait_card(blank_wanted=False)


def test_nobody_waits_any_more(bench: Bench) -> None:
    found = bench.waiting()
    bench.gone.set()
    assert found.result(PATIENCE) is False


def test_the_service_is_restarted_while_a_card_is_in_work(
    bench: Bench, service: PcscService
) -> None:
    card = PlainCard()
    bench.swap(card)
    assert bench.slot.wait_card()
    connection = bench.slot.connect()
    service.kill()
    with pytest.raises(NoService):
        connection.transmit(CHALLENGE)
    bench.slot.release(None)
    found = bench.waiting()
    assert bench.heard.wait(PATIENCE)
    service.start()
    assert found.result(PATIENCE), "it has lost its power"
    assert bench.handle(good=True) == card.atr
    assert sum("service" in text.en for text in bench.told) == 1
    service.kill()
    service.start()
    # Also where no blank is wanted, the service gets its time to see what is there.
    assert bench.slot.wait_card(blank_wanted=False)


def test_the_reader_is_unplugged_and_comes_back(
    make_bench: MakeBench,
    client: PlainClient,
    service: PcscService,
    removable_slots: tuple[ReaderSlot, ReaderSlot],
) -> None:
    client.await_readers(*(slot.name for slot in removable_slots))
    bench = make_bench(removable_slots[0])
    bench.swap(PlainCard())
    assert bench.slot.wait_card()
    bench.handle(good=None)
    service.unplug(bench.reader.name)
    found = bench.waiting()
    assert bench.heard.wait(PATIENCE)
    service.plug(bench.reader.name)
    assert found.result(PATIENCE)
    assert ["plug it in" in text.en for text in bench.told] == [True]
