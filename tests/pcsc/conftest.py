"""One PC/SC service with 16 virtual readers for all tests here, which run in one process."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.pcsc.driver_support import SHORT
from tests.pcsc.plain_card import PlainCard
from tests.pcsc.plain_client import PlainClient

from sscard_ic.reader.pcsc import Access, PcscConnection, open_pcsc
from sscard_ic.simulator import VirtualCard
from sscard_ic.simulator.vpcd import VpcdSlot
from sscard_ic.testing.service import PcscService, ReaderSlot

InsertAll = Callable[[Mapping[ReaderSlot, VirtualCard]], list[VpcdSlot]]
Insert = Callable[[VirtualCard, ReaderSlot], VpcdSlot]
Open = Callable[..., PcscConnection]
Run = Callable[..., str]


@pytest.fixture(scope="session")
def the_service() -> Iterator[PcscService]:
    """Seven readers of two slots that stay, and one that can be unplugged."""
    with PcscService(8, removable=1) as service:
        yield service


@pytest.fixture
def service(the_service: PcscService) -> PcscService:
    """The service with all its readers, whatever the test before did to it."""
    the_service.start()
    the_service.plug(the_service.slots[-1].name)
    return the_service


@pytest.fixture(scope="session")
def _turn(the_service: PcscService) -> deque[ReaderSlot]:
    """The readers that stay; each test takes others than the test before it."""
    return deque(the_service.slots[:-2])


@pytest.fixture
def free_slots(service: PcscService, _turn: deque[ReaderSlot]) -> Callable[[int], list[ReaderSlot]]:
    """Give so many readers without a card."""

    def take(count: int) -> list[ReaderSlot]:
        taken = [_turn[n] for n in range(count)]
        _turn.rotate(-count)
        return taken

    return take


@pytest.fixture
def free_slot(free_slots: Callable[[int], list[ReaderSlot]]) -> ReaderSlot:
    """A reader without a card."""
    return free_slots(1)[0]


@pytest.fixture
def removable_slots(service: PcscService) -> tuple[ReaderSlot, ReaderSlot]:
    """Both slots of the reader that can be unplugged."""
    first, second = service.slots[-2:]
    return first, second


@pytest.fixture
def client(service: PcscService) -> Iterator[PlainClient]:
    """A foreign PC/SC client."""
    with PlainClient() as client:
        yield client


@pytest.fixture
def insert_all(client: PlainClient) -> Iterator[InsertAll]:
    """Put a card into each of some readers, and wait until the service has seen all of them."""
    with ExitStack() as stack:

        def put(cards: Mapping[ReaderSlot, VirtualCard]) -> list[VpcdSlot]:
            places = [stack.enter_context(VpcdSlot(slot.port)) for slot in cards]
            for slot in cards:
                client.await_card(slot.name, there=False)
            with ThreadPoolExecutor(len(cards)) as threads:
                list(threads.map(VpcdSlot.insert, places, cards.values()))
            for slot in cards:
                client.await_card(slot.name)
            return places

        yield put


@pytest.fixture
def insert(insert_all: InsertAll) -> Insert:
    """Put a card into a reader, and wait until the service has seen it."""

    def put(card: VirtualCard, slot: ReaderSlot) -> VpcdSlot:
        return insert_all({slot: card})[0]

    return put


@dataclass
class Standing:
    """A card that stays in its reader from test to test."""

    card: PlainCard
    reader: str
    client: PlainClient


@pytest.fixture(scope="module")
def _standing_place(
    the_service: PcscService, _turn: deque[ReaderSlot]
) -> Iterator[tuple[PlainCard, ReaderSlot]]:
    slot = _turn.pop()
    with VpcdSlot(slot.port) as place:
        place.insert(card := PlainCard())
        yield card, slot
    _turn.append(slot)


@pytest.fixture
def standing(
    client: PlainClient, _standing_place: tuple[PlainCard, ReaderSlot]
) -> Iterator[Standing]:
    """A well-behaved card in a reader."""
    card, slot = _standing_place
    card.behave()
    client.await_card(slot.name)
    yield Standing(card, slot.name, client)
    card.behave()


@pytest.fixture
def quick_power_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """These cards need no two seconds until they have power."""
    monkeypatch.setattr("sscard_ic.reader.pcsc.connection._POWER_UP", SHORT)


@pytest.fixture
def opened(insert_all: InsertAll) -> Iterator[Open]:
    """``open_pcsc`` whose connections are closed at the end, before the cards are taken out."""
    connections = []

    def open_(reader: str, access: Access = "exclusive", patience: float = 5.0) -> PcscConnection:
        connections.append(open_pcsc(reader, access=access, patience=patience))
        return connections[-1]

    yield open_
    for connection in connections:
        connection.close()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a program without settings of this machine, in English; what it printed."""
    (tmp_path / "opensc.conf").write_text("")
    surroundings = {
        "PATH": os.environ["PATH"] + ":/usr/bin",
        "LC_ALL": "C",
        "HOME": str(tmp_path),
        "OPENSC_CONF": str(tmp_path / "opensc.conf"),
    }

    def program(*words: str, given: str = "") -> str:
        done = subprocess.run(
            words,
            input=given,
            env=surroundings,
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return program
